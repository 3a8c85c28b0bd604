/**
 * What a partition puts where a pass of `node instance` reads and writes as root: links, fifos, second
 * names, folders, huge files. Nothing outside is read or changed, nothing hangs, no other partition is
 * held up, and when it is gone the next pass is as any other.
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runInstance } from '../../../src/instance/run-instance.ts';
import { createGridSite, type GridSite } from '../../support/grid-site.ts';
import { requires } from '../../support/requires.ts';

const SECRET = 'secret of root\n';
const PLACES = [
  '.timestamp',
  'buildout.cfg',
  'software_release',
  '.slapos-retention-lock-delay',
  '.slapgrid-slappart0-error.log',
  '.slapos-request-transaction-slappart0',
  '.slapgrid',
  '.slapgrid/log',
  '.slapgrid/log/instance.log',
  '.slapgrid/log/instance.log.1',
  'etc',
  'etc/run',
  'etc/service',
];

requires('root', 'netns')('what a partition plants in the way of a pass', () => {
  let site: GridSite;
  let victim: string;
  let folder: string;

  beforeEach(() => {
    site = createGridSite({ partitions: 2 });
    site.installSoftware();
    victim = join(site.root, 'victim');
    folder = join(site.root, 'folder');
    writeFileSync(victim, SECRET, { mode: 0o600 });
    mkdirSync(folder, { mode: 0o700 });
    writeFileSync(join(folder, 'kept'), SECRET);
  });
  afterEach(() => site.remove());

  const disguises: Record<string, (path: string) => void> = {
    'a link to a file of root': (path) => symlinkSync(victim, path),
    'a link to a folder of root': (path) => symlinkSync(folder, path),
    'a link to nothing': (path) => symlinkSync(join(site.root, 'none'), path),
    'a second name of a file of root': (path) => linkSync(victim, path),
    'a fifo': (path) => void execFileSync('mkfifo', [path]),
    'a folder that is not empty': (path) => mkdirSync(join(path, 'x'), { recursive: true }),
    'a huge file': (path) => {
      writeFileSync(path, '');
      truncateSync(path, 2 ** 40);
    },
  };
  const cases = PLACES.flatMap((place) => Object.keys(disguises).map((name) => [place, name]));

  const pass = () => {
    site.master.posted.length = 0;
    site.master.calls.length = 0;
    return runInstance(site.context({ force: true }), site.openSupervisor);
  };
  const expectUntouched = () => {
    expect(readFileSync(victim, 'utf8')).toBe(SECRET);
    const { gid, mode, uid } = statSync(victim);
    expect([uid, gid, mode & 0o777]).toEqual([0, 0, 0o600]);
    expect(readdirSync(folder)).toEqual(['kept']);
    expect([statSync(folder).uid, statSync(folder).mode & 0o777]).toEqual([0, 0o700]);
    expect(existsSync(join(site.root, 'none'))).toBe(false);
  };

  it.each(cases)('%s as %s', async (place = '', name = '') => {
    const path = site.path('slappart0', place);
    expect(await pass()).toBe(0);
    for (const state of ['started', 'stopped']) {
      site.wish(0, { requestedState: state });
      rmSync(path, { recursive: true, force: true });
      mkdirSync(dirname(path), { recursive: true });
      disguises[name]?.(path);
      expect([0, 1]).toContain(await pass());
      expectUntouched();
      expect(site.master.posted.join('\n')).not.toContain('secret');
      expect(site.log.lines.join('\n')).not.toContain('secret');
      expect([...site.master.calls, ...site.master.posted].join('; ')).toContain(
        'reportStarted slappart1',
      );
      expect(site.supervisor.running()).toContain('slappart1');
      if (state === 'stopped') expect(site.supervisor.running()).toEqual(['slappart1']);
    }
    const [top = ''] = place.split('/');
    rmSync(site.path('slappart0', top), { recursive: true, force: true });
    site.wish(0, { requestedState: 'started' });
    expect(await pass()).toBe(0);
    expect(site.read('slappart0', '.timestamp')).toBe('1');
    expect(site.supervisor.running()).toEqual(['slappart0', 'slappart1']);
    expectUntouched();
  });

  it('posts no line of a file of root as what the instance requested', async () => {
    const transaction = '.slapos-request-transaction-slappart0';
    // As a partition can do where fs.protected_hardlinks is off.
    linkSync(victim, site.path('slappart0', `${transaction}.x`));
    site.write(0, 'plan', `mv ${transaction}.x ${transaction}\n`);
    expect(await pass()).toBe(1);
    expect(site.master.posted.join('\n')).not.toContain('secret');
    expectUntouched();
  });

  it.each([
    'x\n[program:evil]\ncommand=id',
    'x;y',
    'x%(ENV_HOME)s',
    'x y',
    'x"y',
    "x'y",
    'x,y',
    'x:y',
    'x=y',
    'x\\y',
    'x\ty',
    'x\u001b[2Jy',
    'é',
    '[x]',
  ])('starts no service of the name %j and goes on', async (name) => {
    site.write(0, `etc/service/${name}`, '#!/bin/sh\nexec /bin/sleep 1000\n', 0o700);
    site.write(0, `etc/run/${name}`, '#!/bin/sh\nexec /bin/sleep 1000\n', 0o700);
    expect(await pass()).toBe(0);
    const group = site.read('etc/supervisord.conf.d/slappart0.conf');
    expect(group.match(/^\[.*$/gm)).toEqual([
      '[group:slappart0]',
      '[program:slappart0_once]',
      '[program:slappart0_wait]',
    ]);
    expect(site.log.lines.join('\n')).toContain('has an unsafe name, ignoring it.');
  });

  it('starts no more services than it can list', async () => {
    site.write(
      0,
      'plan',
      'mkdir -p etc/service; cd etc/service; seq 10001 | xargs touch; cd ../..\n',
    );
    expect(await pass()).toBe(1);
    expect(site.master.posted.join('\n')).toContain('holds more than 10000 entries');
    expect(lstatSync(site.path('slappart0/etc/service')).isDirectory()).toBe(true);
  });
});
