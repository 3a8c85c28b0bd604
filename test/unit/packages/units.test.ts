import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GLOBAL_OPTIONS } from '../../../src/cli/global-options.ts';
import { COMMANDS, findCommand } from '../../../src/cli/registry.ts';
import { loadScript, repository } from '../../support/package-scripts.ts';

const { debianVersion, findMaintainer, renderControl } = await loadScript<
  'debianVersion' | 'findMaintainer' | 'renderControl'
>('debian-control.mjs');
const data = join(repository, 'scripts/package/debian');
const units = readdirSync(join(data, 'units'));
const read = (name: string) => readFileSync(join(data, name), 'utf8');
const hasAnalyze = spawnSync('systemd-analyze', ['--version']).error === undefined;

/** What `systemd-analyze verify` says of units in a root of their own. */
function verify(change: (text: string) => string = (text) => text): string {
  const root = mkdtempSync(join(tmpdir(), 'slapos-units-'));
  try {
    const programs = ['usr/bin/slapos', 'bin/sh', 'usr/lib/slapos-node/scripts/release-cgroup'];
    for (const name of programs) {
      mkdirSync(join(root, dirname(name)), { recursive: true });
      writeFileSync(join(root, name), '#!/bin/sh\n');
      chmodSync(join(root, name), 0o755);
    }
    const folder = join(root, 'usr/lib/systemd/system');
    mkdirSync(folder, { recursive: true });
    for (const name of readdirSync('/usr/lib/systemd/system')) {
      if (name.endsWith('.target'))
        cpSync(join('/usr/lib/systemd/system', name), join(folder, name));
    }
    for (const name of units) writeFileSync(join(folder, name), change(read(`units/${name}`)));
    const args = ['verify', '--man=no', `--root=${root}`, ...units];
    const { stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
    return stdout + stderr;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Command and options of a line that starts with `slapos`. */
function parseLine(line: string) {
  const words = line.split(/\s+/).slice(1);
  const spec = findCommand(words.slice(0, 2).join(' '));
  const known = [...(spec?.options ?? []), ...GLOBAL_OPTIONS].flatMap((option) => option.flags);
  const options = words.filter((word) => word.startsWith('-')).map((word) => word.split('=')[0]);
  const unknown = options.filter((option) => {
    const spelling = (text: string) => text.replaceAll('_', '-');
    return !known.some((flag) => spelling(flag) === spelling(option ?? ''));
  });
  return { isAvailable: spec?.load !== undefined, unknown };
}

describe('units', () => {
  it.skipIf(!hasAnalyze)('are what systemd takes without a word', () => {
    expect(verify()).toBe('');
    expect(verify((text) => text.replace('OnCalendar=', 'OnCalender='))).not.toBe('');
  });

  it('run commands that there are', () => {
    for (const name of units) {
      for (const [, line = ''] of read(`units/${name}`).matchAll(
        /^Exec\w+=.*?\/usr\/bin\/(slapos [^&\n]*)/gm,
      )) {
        expect(parseLine(line.trim()), `${name}: ${line}`).toEqual({
          isAvailable: true,
          unknown: [],
        });
      }
    }
  });

  it('do nothing on a host that is not configured', () => {
    for (const name of units.filter((unit) => !unit.endsWith('.target'))) {
      expect(read(`units/${name}`)).toContain('ConditionPathExists=/etc/opt/slapos/slapos.cfg\n');
    }
  });

  it('have every partition processed after a start of the supervisor', () => {
    expect(read('units/slapos-boot.service')).toContain('\nPartOf=slapos-supervisord.service\n');
    const wants = /^Wants=(.*)$/m.exec(read('units/slapos-supervisord.service'))?.[1];
    expect(wants?.split(' ')).toContain('slapos-boot.service');
  });

  it('wait for the disks of the roots, and do not run without them', () => {
    const paths = '/srv/slapgrid /opt/slapgrid /opt/slapos';
    for (const name of units.filter((unit) => unit.endsWith('.service'))) {
      expect(read(`units/${name}`)).toContain(`\nRequiresMountsFor=${paths}\n`);
    }
  });

  it('leave services alone when the supervisor is lost or replaced', () => {
    const text = read('units/slapos-supervisord.service');
    for (const line of ['KillMode=process', 'Delegate=yes', 'OOMPolicy=continue']) {
      expect(text).toContain(`\n${line}\n`);
    }
    expect(text).toContain('ExecReload=/usr/bin/slapos node supervisord --upgrade\n');
  });

  it('do not fail where a run says what is no fault of the host', () => {
    const statuses = (name: string) =>
      [...read(`units/${name}`).matchAll(/^SuccessExitStatus=(.*)$/gm)].flatMap(([, words = '']) =>
        words.split(' '),
      );
    // A oneshot that systemd stops has failed, unless it says otherwise.
    const stopped = ['143', 'SIGTERM'];
    expect(statuses('slapos-format.service')).toEqual(['10', '2', ...stopped]);
    expect(statuses('slapos-instance.service')).toEqual(['10', '2', '3', ...stopped]);
    for (const name of ['report', 'software']) {
      expect(statuses(`slapos-${name}.service`)).toEqual(['10', '3', ...stopped]);
      // Without it these are 1, as of a release that does not build.
      expect(read(`units/slapos-${name}.service`)).toContain(' --away-exits-3\n');
    }
    expect(statuses('slapos-boot.service')).toEqual(['143']);
  });

  it('have a timer with a random delay for each command that cron would run', () => {
    const timers = units.filter((name) => name.endsWith('.timer'));
    expect(timers).toEqual(
      ['format', 'instance', 'report', 'software'].map((name) => `slapos-${name}.timer`),
    );
    for (const name of timers) {
      expect(read(`units/${name}`)).toMatch(/^RandomizedDelaySec=\d/m);
      expect(units).toContain(name.replace('.timer', '.service'));
    }
  });
});

it('the lines of the example for cron are commands that there are', () => {
  const lines = [...read('cron.d').matchAll(/ root (slapos .*)$/gm)].map(([, line]) => line ?? '');
  expect(lines).toHaveLength(6);
  for (const line of lines) {
    const command = line.replace(/ >.*$/, '');
    expect(parseLine(command), command).toEqual({ isAvailable: true, unknown: [] });
  }
  expect(COMMANDS.length).toBeGreaterThan(lines.length);
});

const SCRIPTS = ['preinst', 'postinst', 'prerm', 'postrm'];

describe('the version of the Debian package', () => {
  const isNewer = (one: string, other: string) =>
    spawnSync('dpkg', ['--compare-versions', one, 'gt', other]).status === 0;

  it('is newer than any of upstream', () => {
    expect(renderControl('amd64', '1', 'A <a@b>')).toContain(`\nVersion: ${debianVersion}\n`);
    expect(debianVersion).toMatch(/^1:\d+\.\d+\.\d+/);
    expect(isNewer(debianVersion, '1.4.0+1.20.0+1')).toBe(true);
    expect(isNewer(debianVersion.slice(2), '1.4.0+1.20.0+1')).toBe(false);
  });

  it("is later than those at which upstream's lines for cron are removed", () => {
    const line = /^dpkg-maintscript-helper rm_conffile (\S+) (\S+) slapos-node -- "\$@"$/m;
    for (const name of ['preinst', 'postinst', 'postrm']) {
      const [, path, last = ''] = line.exec(read(name)) ?? [];
      expect({ name, path }).toEqual({ name, path: '/etc/cron.d/slapos-node' });
      expect(isNewer(last, '999.0+1')).toBe(true);
      expect(isNewer('1:0.0.1', last)).toBe(true);
    }
  });
});

describe('the maintainer of the Debian package', () => {
  it.each<[string, string | undefined, Record<string, string>]>([
    ['Jo Doe <jo@doe.example>', undefined, { DEBFULLNAME: 'Jo Doe', DEBEMAIL: 'jo@doe.example' }],
    ['Jo Doe <jo@doe.example>', undefined, { DEBEMAIL: 'Jo Doe <jo@doe.example>' }],
    ['J <jo@doe.example>', undefined, { DEBFULLNAME: 'J', DEBEMAIL: 'Jo Doe <jo@doe.example>' }],
    ['Me <me@here.example>', 'Me <me@here.example>', { DEBEMAIL: 'jo@doe.example' }],
  ])('is %s', (expected, given, env) => {
    expect(findMaintainer(given, env)).toBe(expected);
    expect(renderControl('arm64', '1', expected)).toContain(`\nMaintainer: ${expected}\n`);
  });

  it('is nobody who could be written to, unless somebody says who he is', () => {
    for (const env of [{}, { DEBFULLNAME: 'Jo Doe' }]) {
      expect(findMaintainer(undefined, env)).toMatch(/^[^<]+ <[^@]+@[^@]+\.invalid>$/);
    }
  });

  it.each(['', 'Jo', 'jo@doe.example', 'Jo <jo>', 'Jo <a@b>\nDepends: x', 'A, B <a@b>'])(
    'is not %j',
    (text) => expect(() => findMaintainer(text, {})).toThrow('is no maintainer'),
  );

  it('has a name', () => {
    expect(() => findMaintainer(undefined, { DEBEMAIL: 'jo@doe.example' })).toThrow(/DEBFULLNAME/);
  });
});

describe('maintainer scripts', () => {
  it('are what sh can read', () => {
    for (const name of SCRIPTS) {
      const { status, stderr } = spawnSync('sh', ['-n', join(data, name)], { encoding: 'utf8' });
      expect({ name, status, stderr }).toEqual({ name, status: 0, stderr: '' });
    }
  });

  it('neither configure, format nor enable anything', () => {
    const commands = read('postinst').replace(/^\s*(#|echo).*$/gm, '');
    expect(commands).not.toMatch(/\b(format|configure local|register|enable|restart slapos-sup)/);
  });

  it('stop every unit before a removal, and the supervisor that no unit started', () => {
    const [, stop = ''] = /systemctl stop ((?:.*\\\n)*.*)/.exec(read('prerm')) ?? [];
    const stopped = stop.match(/slapos-\S+/g);
    expect(stopped).toEqual(expect.arrayContaining([...units]));
    expect(read('prerm')).toMatch(/= remove \]; then\n\tstop_units\n\tstop_supervisor\nfi\n/);
  });

  it('replace the supervisor in an upgrade, whoever started it', () => {
    const postinst = read('postinst');
    expect(postinst).toContain('\t/usr/bin/slapos node supervisord --upgrade || return 0\n');
    expect(postinst).toMatch(/\tif \[ -n "\$2" \]; then\n\t\treplace_supervisor\n/);
    expect(postinst).not.toContain('is-active');
  });

  it('remove only what is of the package itself', () => {
    const removed = [...read('postrm').matchAll(/^\s*rm -r?f (.*)$/gm)].flatMap(([, paths = '']) =>
      paths.split(' '),
    );
    expect(removed).toEqual([
      '/var/lib/slapos-node',
      '/var/log/slapos-node',
      '/etc/udev/rules.d/10-slapos-node.rules',
      '/etc/systemd/system/multi-user.target.wants/slapos-node.target',
    ]);
  });
});
