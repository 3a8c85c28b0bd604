/** What a node leaves that was killed, or interrupted, in the middle of a build. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { InstanceNode } from '../../support/instance-node.ts';
import { requires } from '../../support/requires.ts';
import { until } from '../../support/supervisor-run.ts';

const RELEASE = 'https://host/software.cfg';
const ID = 'slappart0';
/** Ignores every request to end, and has a child in a session of its own. */
const ENDLESS = `trap '' TERM HUP PIPE INT
setsid sh -c 'trap "" HUP TERM; echo $$ > child; while :; do /bin/sleep 1; done' &
echo $$ > leader
while :; do /bin/sleep 1; done
`;

requires('root', 'netns')('a node that is killed in the middle of a build', () => {
  let node: InstanceNode;

  beforeAll(async () => {
    node = new InstanceNode({ partitions: 1, releases: [RELEASE] });
    await node.open();
    node.master.wishes.set(ID, { state: 'started', release: RELEASE, timestamp: '1' });
  });
  afterAll(() => node.close());

  const pidOf = (name: string) => {
    const file = node.site.path(ID, name);
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    return text.endsWith('\n') ? Number(text) : undefined;
  };
  const runs = (pid: number) => {
    try {
      return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
      return false;
    }
  };
  const notes = () =>
    readdirSync(node.site.path('var/run')).filter((name) => name.endsWith('.child'));

  it('leaves no build beside which the next pass would work', async () => {
    node.plan(ID, { script: ENDLESS });
    const killed = node.run(['instance'], { signal: 'SIGKILL', afterMs: 2500 });
    const leader = await until(() => pidOf('leader'), 'the build');
    const child = await until(() => pidOf('child'), 'its child');
    await killed;
    expect([runs(leader), runs(child)]).toEqual([true, true]);
    expect(notes()).toEqual([`slapos-partition-${ID}.child`]);
    node.plan(ID, {});
    const { status, stderr } = await node.run(['instance']);
    expect([status, stderr]).toEqual([0, expect.stringContaining(`Killed process ${leader},`)]);
    expect([runs(leader), runs(child)]).toEqual([false, false]);
    expect(notes()).toEqual([]);
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('ends by %s with its build, and tells the Master', async (signal, wanted) => {
    node.master.wishes.set(ID, { state: 'started', release: RELEASE, timestamp: signal });
    rmSync(node.site.path(ID, 'leader'), { force: true });
    node.plan(ID, { script: ENDLESS });
    const ended = node.run(['instance'], { signal, until: () => pidOf('leader') !== undefined });
    const { status } = await ended;
    expect(status).toBe(wanted);
    const leader = pidOf('leader') ?? 0;
    const child = pidOf('child') ?? 0;
    await until(() => (runs(leader) || runs(child) ? undefined : true), 'the end of the build');
    expect(node.master.callsOf(ID)).toEqual([
      'getComputerPartitionCertificate',
      'softwareInstanceError',
    ]);
    expect(existsSync(join(node.site.root, 'slapos.pid'))).toBe(false);
    expect(node.site.exists(ID, '.timestamp')).toBe(false);
    expect(notes()).toEqual([]);
    node.plan(ID, {});
    expect((await node.run(['instance'])).status).toBe(0);
    expect(node.site.read(ID, '.timestamp')).toBe(signal);
  });
});
