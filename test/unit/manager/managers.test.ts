/** The managers on a partition in a temporary folder, without a real supervisor or firewall. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { FirewallSettings } from '../../../src/config/firewall-settings.ts';
import { readManagerSettings } from '../../../src/config/manager-settings.ts';
import { parseConfig } from '../../../src/config/read.ts';
import { createPortredirManager } from '../../../src/manager/portredir.ts';
import { createPrermManager } from '../../../src/manager/prerm.ts';
import { createManagers } from '../../../src/manager/registry.ts';
import { createWhitelistFirewallManager } from '../../../src/manager/whitelist-firewall.ts';
import {
  createManagerScene,
  type ManagerScene,
  type ManagerSceneOptions,
} from '../../support/manager-scene.ts';
import { slapPartition } from '../../support/slap-partition.ts';

let made: ManagerScene | undefined;
const scene = (options?: ManagerSceneOptions) => {
  made = createManagerScene(options);
  return made;
};
afterEach(() => made?.remove());

describe('settings', () => {
  const read = (text: string) => readManagerSettings(parseConfig(`[slapos]\n${text}`, 'x.cfg'));

  it('are names, power users and the disks of devperm', () => {
    expect(
      read(
        'manager_list = prerm, cpuset\n  prerm\npower_user_list = a b\n[manager:devperm]\nallowed-disk-for-vm =\n  /dev/a\n  /dev/b\n',
      ),
    ).toEqual({
      names: ['prerm', 'cpuset'],
      powerUsers: ['a', 'b'],
      allowedDisks: ['/dev/a', '/dev/b'],
    });
    expect(read('')).toEqual({ names: [], powerUsers: [], allowedDisks: undefined });
    expect(read('[manager:devperm]\nallowed-disk-for-vm =\n').allowedDisks).toEqual([]);
  });

  it('refuse a name that is no manager', () => {
    expect(() => read('manager_list = prerm slapos.manager.cpuset\n')).toThrow(
      "'slapos.manager.cpuset' in manager_list is no manager.",
    );
  });

  it('make the managers in their order', () => {
    const { parts } = scene({ settings: { names: ['whitelistfirewall', 'prerm', 'devperm'] } });
    expect(createManagers(parts).map(({ name }) => name)).toEqual([
      'whitelistfirewall',
      'prerm',
      'devperm',
    ]);
  });
});

describe('prerm', () => {
  it('does nothing without scripts, or while the partition is retained', async () => {
    const { calls, context, partition, parts, write } = scene();
    const { report } = createPrermManager(parts);
    await report?.(context, partition, false);
    write('etc/prerm/drain', '');
    await report?.(context, partition, true);
    expect(calls).toEqual([]);
  });

  it('makes a group of the scripts, waits for them, and starts each once', async () => {
    const { calls, context, partition, parts, read, root, said, write, home } = scene();
    const { report } = createPrermManager(parts);
    write('etc/prerm/drain', '');
    write('etc/prerm/say goodbye', '');
    mkdirSync(join(home, 'etc/prerm/folder'));
    await report?.(context, partition, false);
    await report?.(context, partition, false);
    expect(calls).toEqual(['update', 'startUnstarted part1-prerm', 'startUnstarted part1-prerm']);
    const text = read('etc/supervisord.conf.d/part1-prerm.conf');
    expect(text).toContain('[group:part1-prerm]\nprograms=part1-prerm_drain\n');
    expect(text).toContain(`command=${root}/part1/etc/prerm/drain\nprocess_name=drain\n`);
    expect(text).toContain('user=1234\ngroup=1235\n');
    expect(text).toContain(`stdout_logfile=${root}/part1/.part1-prerm_drain.log\n`);
    expect(read('part1/.slapos-report-wait-service-list')).toBe('part1-prerm:drain\n');
    expect(said[0]).toContain('"say goodbye" of part1 has an unsafe name');
  });

  it('takes a thousand scripts, and warns of ten unsafe names', async () => {
    const { context, home, partition, parts, read, said, write } = scene();
    write('etc/prerm/0', '');
    for (let index = 1; index < 985; index += 1)
      writeFileSync(join(home, `etc/prerm/${index}`), '');
    for (let index = 0; index < 200; index += 1)
      writeFileSync(join(home, `etc/prerm/\x01${index}`), '');
    await createPrermManager(parts).report?.(context, partition, false);
    expect(said[0]).toContain('etc/prerm holds 1185 scripts: only the first 1000 are started.');
    expect(said).toHaveLength(12);
    expect(said[11]).toBe('WARNING 190 more scripts of part1 have unsafe names, ignoring them.');
    expect(read('part1/.slapos-report-wait-service-list').split('\n')).toHaveLength(801);
  });

  it('goes on where a pass was cut off before the supervisor saw the group', async () => {
    const { calls, context, partition, parts, root, write } = scene();
    write('etc/prerm/drain', '');
    await createPrermManager(parts).report?.(context, partition, false);
    const folder = join(root, 'etc/supervisord.conf.d');
    renameSync(folder, `${folder}.other`);
    mkdirSync(folder);
    await (await parts.openSupervisor()).update();
    rmSync(folder, { recursive: true });
    renameSync(`${folder}.other`, folder);
    calls.length = 0;
    await createPrermManager(parts).report?.(context, partition, false);
    const start = 'startUnstarted part1-prerm';
    expect(calls).toEqual([start, 'update', start]);
  });
});

describe('portredir', () => {
  const FILE = '.slapos-port-redirect';
  const group = 'etc/supervisord.conf.d/part1-socat.conf';
  const withSocat = () => {
    const found = scene({ path: '/nonexistent' });
    const folder = join(found.root, 'bin');
    mkdirSync(folder);
    writeFileSync(join(folder, 'socat'), '#!/bin/sh\n', { mode: 0o755 });
    Object.assign(found.context.env, { PATH: folder });
    const parameters = {
      ip_list: [
        ['tap', '10.0.0.1'],
        ['tap', '2001:db8::7'],
      ],
    };
    Object.assign(found.partition, { wish: slapPartition({ parameters: parameters as never }) });
    return found;
  };
  const entry = (srcPort: number) => ({ srcPort, destPort: 80 });

  it('asks nothing of anybody without its file', async () => {
    const { calls, context, partition, parts } = scene();
    await createPortredirManager(parts).instanceTearDown?.(context, partition);
    expect(calls).toEqual([]);
  });

  it('starts what is new, changes what differs, and goes with an empty list', async () => {
    const { calls, context, partition, parts, read, root, write } = withSocat();
    const tearDown = () => createPortredirManager(parts).instanceTearDown?.(context, partition);
    write(FILE, JSON.stringify([entry(80), entry(8080)]));
    await tearDown();
    await tearDown();
    expect(calls).toEqual(['update', 'startUnstarted part1-socat', 'startUnstarted part1-socat']);
    const text = read(group);
    expect(text).toContain(
      `command=${root}/bin/socat TCP4-LISTEN:80,fork,su=user1 TCP6:[2001:db8::7]:80\nprocess_name=socat-tcp-80\n`,
    );
    expect(text.match(/^(user|group|environment)=.*$/gm)).toEqual([
      'user=0',
      'group=0',
      'environment=USER="root",LOGNAME="root",HOME="/root"',
      'user=1234',
      'group=1235',
      `environment=USER="user1",LOGNAME="user1",HOME="${root}/part1"`,
    ]);
    calls.length = 0;
    write(FILE, '[]');
    await tearDown();
    await tearDown();
    expect([calls, existsSync(join(root, group))]).toEqual([['update'], false]);
  });

  it.each(['{', '{}', '"x"'])('keeps what runs when the file is %j', async (text) => {
    const { calls, context, partition, parts, read, said, write } = withSocat();
    const tearDown = () => createPortredirManager(parts).instanceTearDown?.(context, partition);
    write(FILE, JSON.stringify([entry(8080)]));
    await tearDown();
    const before = read(group);
    calls.length = 0;
    write(FILE, text);
    await tearDown();
    expect([calls, read(group)]).toEqual([[], before]);
    expect(said.at(-1)).toContain(`${FILE} of part1 is ignored`);
  });

  it('fails without socat, but not when nothing needs it', async () => {
    const { context, partition, parts, write } = scene({ path: '/nonexistent' });
    const tearDown = async () =>
      createPortredirManager(parts).instanceTearDown?.(context, partition);
    write(FILE, JSON.stringify([{ ...entry(80), destAddress: '::1' }]));
    await expect(tearDown()).rejects.toThrow('needs socat');
    write(FILE, JSON.stringify([{ ...entry(0), destAddress: '::1' }]));
    await tearDown();
  });

  it('warns of the first ten bad entries and of their number', async () => {
    const { context, partition, parts, said, write } = withSocat();
    write(FILE, JSON.stringify(Array.from({ length: 5000 }, () => ({ srcPort: 'x'.repeat(20) }))));
    await createPortredirManager(parts).instanceTearDown?.(context, partition);
    expect(said).toHaveLength(11);
    expect(said[10]).toBe(`WARNING ${FILE} of part1: 4990 more problems, ignoring them.`);
  });

  it('reads no link and no folder as its file', async () => {
    const { calls, context, home, partition, parts, root, said } = withSocat();
    writeFileSync(join(root, 'elsewhere'), JSON.stringify([entry(80)]));
    symlinkSync(join(root, 'elsewhere'), join(home, FILE));
    await createPortredirManager(parts).instanceTearDown?.(context, partition);
    expect(calls).toEqual([]);
    expect(said[0]).toContain('is ignored');
  });
});

describe('whitelistfirewall', () => {
  const FILE = '.slapos-whitelist-firewall';
  const CHAIN = 'ipv4 filter part1-whitelist';
  const OWNER = `ipv4 filter OUTPUT 0 -m owner --uid-owner 1234 -j part1-whitelist`;
  const firewall: FirewallSettings = {
    command: ['/bin/true'],
    reloadCommand: ['/bin/false'],
    authorizedSources: [],
    programs: [],
  };
  const work = (options: ManagerSceneOptions = { firewall }) => {
    const found = scene(options);
    const manager = () => createWhitelistFirewallManager(found.parts);
    return {
      ...found,
      tearDown: async () => manager().instanceTearDown?.(found.context, found.partition),
      report: async () => manager().report?.(found.context, found.partition, false),
      reloads: () => found.commands.commands.filter((text) => text.endsWith('--reload')).length,
    };
  };

  it('asks nothing of the firewall for a partition that never had a whitelist', async () => {
    const { commands, tearDown } = work();
    await tearDown();
    expect(commands.commands).toEqual([]);
  });

  it('makes a chain of the file, once, and removes it with the file', async () => {
    const { commands, home, reloads, said, tearDown, write } = work();
    write(FILE, JSON.stringify(['10.0.0.1', '::1', '10.0.0.1/8;id', 7, '10.0.0.2']));
    await tearDown();
    expect([...commands.chains]).toEqual([CHAIN]);
    const rules = [
      `${CHAIN} 0 -d 10.0.0.1 -j ACCEPT`,
      `${CHAIN} 0 -d 10.0.0.2 -j ACCEPT`,
      `${CHAIN} 0 -j REJECT`,
      OWNER,
    ];
    expect([...commands.rules]).toEqual(rules);
    expect(said.filter((line) => line.includes('is no IPv4 address'))).toHaveLength(3);
    expect(reloads()).toBe(1);
    await tearDown();
    expect(reloads()).toBe(1);
    write(FILE, '["10.0.0.3"]');
    await tearDown();
    expect([...commands.rules]).toEqual([OWNER, `${CHAIN} 0 -d 10.0.0.3 -j ACCEPT`, rules[2]]);
    await made?.partition.folder.remove(FILE);
    await tearDown();
    expect([commands.chains.size, commands.rules.size, reloads()]).toEqual([0, 0, 3]);
    expect(readdirSync(home)).toEqual([]);
    const asked = commands.commands.length;
    await tearDown();
    expect(commands.commands).toHaveLength(asked);
  });

  it('warns of the first ten bad entries, shortened, and of their number', async () => {
    const { said, tearDown, write } = work();
    write(
      FILE,
      `[${'['.repeat(90_000)}${']'.repeat(90_000)}, ${'"no address",'.repeat(20)} "${'x'.repeat(50_000)}"]`,
    );
    await tearDown();
    const warnings = said.filter((line) => line.startsWith('WARNING'));
    expect(warnings).toHaveLength(11);
    expect(Math.max(...warnings.map(({ length }) => length))).toBeLessThan(200);
    expect(warnings[10]).toContain('12 more entries');
  });

  it('takes 128 addresses and tells of the others', async () => {
    const { commands, said, tearDown, write } = work();
    write(FILE, JSON.stringify(Array.from({ length: 144 }, (_, index) => `10.0.0.${index}`)));
    await tearDown();
    expect([...commands.rules].filter((rule) => rule.endsWith('ACCEPT'))).toHaveLength(128);
    expect(said[0]).toBe(
      `WARNING ${FILE} of part1: only the first 128 addresses count, ignoring 16.`,
    );
  });

  it('keeps rules whatever the partition does with the digest', async () => {
    const { commands, home, read, reloads, root, tearDown, write } = work();
    const digestFile = `${FILE}.md5sum`;
    write(FILE, '["10.0.0.1"]');
    await tearDown();
    expect(read(`part1/${digestFile}`)).toBe(read('var/firewall/part1.whitelist'));
    write(digestFile, 'x');
    await tearDown();
    rmSync(join(home, digestFile));
    await tearDown();
    expect(reloads()).toBe(1);
    const changed = '["10.0.0.2"]';
    write(FILE, changed);
    write(digestFile, createHash('md5').update(changed).digest('hex'));
    await tearDown();
    expect([reloads(), commands.rules.has(`${CHAIN} 0 -d 10.0.0.2 -j ACCEPT`)]).toEqual([2, true]);
    for (const name of readdirSync(home)) rmSync(join(home, name));
    await tearDown();
    expect([commands.chains.size, readdirSync(join(root, 'var/firewall'))]).toEqual([0, []]);
  });

  it('begins again when it was cut off, or when the chain is gone', async () => {
    const { commands, reloads, tearDown, write } = work();
    write(FILE, '["10.0.0.1"]');
    commands.refusals.set('--reload', 'no bus');
    await expect(tearDown()).rejects.toThrow('--reload: no bus');
    commands.refusals.clear();
    await tearDown();
    expect(reloads()).toBe(2);
    commands.chains.clear();
    await tearDown();
    expect([commands.chains.size, reloads()]).toEqual([1, 3]);
  });

  it.each(['{', '{}'])('does nothing about %j', async (text) => {
    const { commands, tearDown, write } = work();
    write(FILE, text);
    await tearDown();
    expect(commands.commands).toEqual([]);
  });

  it('removes everything of a destroyed partition', async () => {
    const { commands, report, tearDown, write } = work();
    write(FILE, '[]');
    await tearDown();
    expect([...commands.rules]).toEqual([`${CHAIN} 0 -j REJECT`, OWNER]);
    await report();
    await report();
    expect([commands.chains.size, commands.rules.size]).toEqual([0, 0]);
  });

  it('does nothing without [firewall], in node report too, where upstream fails', async () => {
    const { commands, report, said, tearDown, write } = work({});
    write(FILE, '["10.0.0.1"]');
    await tearDown();
    await report();
    expect(commands.commands).toEqual([]);
    expect(said).toEqual([
      'WARNING whitelistfirewall does nothing for part1: slapos.cfg has no section [firewall].',
    ]);
  });
});
