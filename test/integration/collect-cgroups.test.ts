/** The collector's daemon without BPF, on services in cgroups. */
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CollectDaemon } from '../support/collect-daemon.ts';
import { work } from '../support/known-work.ts';
import { requires } from '../support/requires.ts';
import { ServiceGroups } from '../support/service-groups.ts';

const CPU = 'slapos_partition_cpu_seconds_total';
const groups = new ServiceGroups();
if (process.env['SLAPOS_TEST_NAMESPACE'] === '1') groups.mount();

requires(
  'root',
  'netns',
  'cgroup2',
)('the daemon, reading through procfs with cgroups', () => {
  let daemon: CollectDaemon;
  beforeAll(async () => {
    daemon = new CollectDaemon(2);
    await daemon.start('--interval', '250ms', '--reader', 'procfs');
  });
  afterAll(async () => {
    await daemon.remove();
    groups.remove();
  });

  it('counts processes that nobody waits for, once', async () => {
    const [orphans, burner] = await Promise.all([
      work(daemon.uid(0), 'orphans', 3, '/dev/null', groups.make(0)),
      work(daemon.uid(1), 'burner', 1),
    ]);
    await daemon.samples(3);
    const counted = await daemon.read(CPU);
    for (const [partition, { child, cpuS }] of [
      ['slappart0', orphans],
      ['slappart1', burner],
    ] as const) {
      // The end of a process costs too, which it cannot tell.
      expect(counted.get(partition), partition).toBeGreaterThan(cpuS * 0.98 - 0.06);
      expect(counted.get(partition), partition).toBeLessThan(cpuS * 1.05 + 0.06);
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }, 60_000);
});
