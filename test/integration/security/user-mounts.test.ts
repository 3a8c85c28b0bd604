/** A partition's user who mounts file systems of its own (fuse(4)) where root looks. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createGridHost } from '../../../src/host/create-grid-host.ts';
import { partitionUid } from '../../support/grid-site.ts';
import { HOSTILE_UID, HostileNode } from '../../support/hostile-node.ts';
import { writeToEtc } from '../../support/private-etc.ts';
import { requires } from '../../support/requires.ts';

const OTHER = partitionUid(1);

requires(
  'root',
  'netns',
  'fuse',
)('beside a user with file systems of its own', () => {
  let node: HostileNode;

  beforeEach(async () => {
    node = new HostileNode();
    await node.open();
    expect((await node.run(['instance'])).status).toBe(0);
  });
  afterEach(async () => {
    node.hostile.end();
    for (const line of [...mounts(), ...mounts(OTHER)])
      spawnSync('umount', ['-l', line.split(' ')[4] ?? '']);
    await node.close();
  });

  const mounts = (uid = HOSTILE_UID) =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(`user_id=${uid},`));

  it('of another user stay, whoever names their paths to root', async () => {
    const path = node.site.path('slappart1', 'remote');
    mkdirSync(path);
    chownSync(path, OTHER, OTHER);
    await node.hostile.start(OTHER, 'fuse', path);
    const host = createGridHost();
    expect([await host.stat(path), await host.statHome(path)]).toEqual([undefined, undefined]);
    expect(mounts(OTHER)).toHaveLength(1);
  });

  it('over its own home goes, also where the instance root is a link', async () => {
    const link = '/srv/linked-root';
    symlinkSync(node.site.path(), link);
    try {
      const text = readFileSync('/etc/passwd', 'utf8');
      // Other tests may have left a user of this number.
      const home = new RegExp(`^((?:[^:]*:){2}${OTHER}:(?:[^:]*:){2})[^:]*:`, 'gm');
      writeToEtc('passwd', text.replace(home, `$1${link}/slappart1:`));
      await node.hostile.start(OTHER, 'fuse', node.site.path('slappart1'));
      const status = await createGridHost().statHome(`${link}/slappart1`);
      expect([status?.kind, mounts(OTHER)]).toEqual(['directory', []]);
    } finally {
      rmSync(link);
    }
  });

  it.each([
    ['folders where root looks', ['.slapgrid', 'etc/service', 'var/closed/mine']],
    ['the whole partition', ['']],
  ])(
    'on %s: the other is served, and it can be destroyed',
    async (_, names) => {
      node.site.write(0, 'var/closed/mine/own', '', 0o600);
      const paths = names.map((name) => node.site.path('slappart0', name));
      for (const path of paths) readdirSync(path);
      await node.hostile.start(HOSTILE_UID, 'fuse', ...paths);
      expect(mounts()).toHaveLength(names.length);
      // Its own helper could not take the mount away any more.
      if (names.length > 1) chmodSync(node.site.path('slappart0', 'var/closed'), 0);
      node.wish('started', '2');
      for (const verb of ['instance', 'promise', 'report']) {
        const { status, stderr } = await node.run([verb]);
        expect([verb, status, stderr]).toEqual([verb, expect.toBeOneOf([0, 1, 2]), stderr]);
        expect(stderr).not.toMatch(/internal error|bug of slapos/i);
        if (verb === 'instance') expect(node.master.callsOf('slappart1').length).toBeGreaterThan(0);
      }
      for (const words of [
        ['status', '--format', 'json'],
        ['top', '--once'],
        ['collect'],
      ] as const) {
        const [verb, ...rest] = words;
        const { status, stderr } = await node.runPlain(verb, ...rest);
        expect([verb, status, stderr]).toEqual([verb, 0, stderr]);
      }
      node.wish('destroyed', '3', ['slappart0']);
      const run = await node.run(['report']);
      expect([run.status, run.stderr]).toEqual([0, run.stderr]);
      expect([mounts(), run.stdout + run.stderr]).toEqual([[], run.stdout + run.stderr]);
      expect(readdirSync(node.site.path('slappart0'))).toEqual([]);
    },
    150_000,
  );
});
