/** A partition's user who does his worst beside a neighbour, on a node of real programs. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { HOSTILE_UID, HostileNode } from '../../support/hostile-node.ts';
import type { CliRun } from '../../support/instance-node.ts';
import { requires } from '../../support/requires.ts';

/** More than root looks through. */
const MANY = '12000';
const DEPTH = '4096';
/** The node itself needs 50 to 110 MiB. */
const MOST_RSS_BYTES = 256 * 2 ** 20;
/** What root reads of a partition, one pass or another. */
const READ = [
  '.timestamp',
  'buildout.cfg',
  '.slapos-resource',
  '.slapos-retention-lock-delay',
  '.slapgrid/promise/result/up.status.json',
  '.slapgrid/promise/cache/up',
  '.slapgrid/promise/log/up.log',
  '.slapgrid/log/instance.log',
];

requires('root', 'netns')('beside a hostile user', () => {
  let node: HostileNode;

  beforeEach(async () => {
    node = new HostileNode();
    await node.open();
    expect((await node.run(['instance'])).status).toBe(0);
    expect((await node.run(['promise'])).status).toBe(0);
  });
  afterEach(() => node.close());

  /** The Master heard of it in the last run. */
  const wasServed = (id: string) => node.master.callsOf(id).length > 0;
  const path = (name: string) => node.site.path('slappart0', name);
  const servicesOf = async (id: string) =>
    [...(await node.running()).keys()].filter((name) => name.startsWith(`${id}:`));
  /** Pids of the user, but for those that have ended and wait for their parent. */
  const listProcesses = () => {
    const words = ['-o', 'stat=,nlwp=,pid=', '-u', String(HOSTILE_UID)];
    const { stdout } = spawnSync('ps', words, { encoding: 'utf8' });
    const found = stdout.split('\n').map((line) => line.trim().split(/ +/));
    // What has lost its first thread only looks dead.
    const alive = found.filter(
      ([state = '', threads]) => state !== '' && !(state[0] === 'Z' && threads === '1'),
    );
    return alive.map(([, , pid = '']) => pid);
  };

  function expectBounded(what: string, { peakRssBytes, status, stderr }: CliRun): void {
    expect([what, peakRssBytes < MOST_RSS_BYTES ? '' : peakRssBytes]).toEqual([what, '']);
    expect([what, [0, 1, 2, 3].includes(status) ? '' : stderr]).toEqual([what, '']);
    expect(stderr).not.toMatch(/internal error|\bat .*\.(js|ts):\d+/i);
  }

  it('who fills folders, digs deep and claims a terabyte, every command ends and the other is served', async () => {
    for (const folder of ['etc/service', 'etc/plugin', '.slapgrid/promise/result', 'var/many']) {
      node.site.write(0, `${folder}/own`, '', 0o600);
      await node.hostile.start(HOSTILE_UID, 'fill', path(folder), MANY);
    }
    node.site.write(0, 'var/xml_report/own', '', 0o600);
    for (const folder of ['var/xml_report', 'var']) {
      await node.hostile.start(HOSTILE_UID, 'deep', path(folder), DEPTH);
    }
    await node.hostile.start(HOSTILE_UID, 'claim', 'slapos');
    await node.hostile.start(HOSTILE_UID, 'leader');
    node.wish('started', '2');
    const verbs = {
      instance: () => node.run(['instance']),
      promise: () => node.run(['promise']),
      report: () => node.run(['report']),
      status: () => node.runPlain('status', '--format', 'json'),
      top: () => node.runPlain('top', '--once'),
      doctor: () => node.runPlain('doctor'),
    };
    for (const [verb, run] of Object.entries(verbs)) {
      expectBounded(verb, await run());
      if (verb === 'instance') expect(wasServed('slappart1')).toBe(true);
    }
    expect(await servicesOf('slappart1')).toHaveLength(1);
    node.wish('destroyed', '3', ['slappart0']);
    expectBounded('destroy', await node.run(['report']));
    expect(readdirSync(node.site.path('slappart0'))).toEqual([]);
    expect(listProcesses()).toEqual([]);
  }, 150_000);

  it('who holds leases on what root reads, he can be stopped', async () => {
    await node.hostile.start(HOSTILE_UID, 'lease', ...READ.map(path));
    node.wish('stopped', '2');
    const run = await node.run(['instance']);
    expectBounded('instance', run);
    expect(await servicesOf('slappart0')).toEqual([]);
    expect(await servicesOf('slappart1')).toEqual([]);
    expect(run.stderr + run.stdout).toContain('somebody holds a lease on it');
  });

  it('who stops every process of his as it starts, the other is served and he can be stopped', async () => {
    await node.hostile.start(HOSTILE_UID, 'stop', '600');
    node.wish('started', '2');
    expectBounded('instance', await node.run(['instance']));
    expect(wasServed('slappart1')).toBe(true);
    expectBounded('promise', await node.run(['promise']));
    node.hostile.end();
    // A stopped service gets SIGTERM when it goes on: SIGKILL would come a minute later.
    spawnSync('kill', ['-CONT', ...listProcesses()]);
    node.wish('stopped', '3');
    expectBounded('instance', await node.run(['instance']));
    expect(await servicesOf('slappart0')).toEqual([]);
  }, 150_000);

  it('who forks without end, nothing of him outlives his instance', async () => {
    await node.hostile.start(HOSTILE_UID, 'bomb', '10');
    node.wish('destroyed', '2', ['slappart0']);
    const run = await node.run(['report']);
    expect(run.stdout + run.stderr).toMatch(/Ended \d+ process\(es\) that were not supervised/);
    expect(listProcesses()).toEqual([]);
    expect(readdirSync(node.site.path('slappart0'))).toEqual([]);
    expect(await servicesOf('slappart1')).toHaveLength(1);
  });
});
