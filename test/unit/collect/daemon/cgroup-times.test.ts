import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type CgroupFacts, CgroupTimes } from '../../../../src/collect/daemon/cgroup-times.ts';
import { scriptedTable } from '../../../support/collect-machine.ts';

const GROUP_OF = new Map([
  [1000, 'slappart0'],
  [1001, 'slappart1'],
]);

/** Folders by pid and CPU seconds by folder, as they are now. */
class Facts implements CgroupFacts {
  readonly folders = new Map<number, string>();
  readonly seconds = new Map<string, number>();
  looks = 0;
  findGroup(pid: number, name: string): string | undefined {
    this.looks += 1;
    const folder = this.folders.get(pid);
    return folder?.endsWith(`/${name}`) === true ? folder : undefined;
  }
  readCpuSeconds(folder: string): number | undefined {
    return this.seconds.get(folder);
  }
}

const process = (pid: number, uid: number, cgroupId: number) => ({ pid, uid, cgroupId });

function scene() {
  const facts = new Facts();
  facts.folders.set(1, '/cg/slappart0').set(2, '/cg/slappart0').set(3, '/cg/slappart1');
  facts.seconds.set('/cg/slappart0', 5).set('/cg/slappart1', 7);
  const times = new CgroupTimes(facts);
  const look = (...processes: ReturnType<typeof process>[]) =>
    times.add(scriptedTable(processes), GROUP_OF);
  return { facts, look };
}

it('counts a group from the second time on that it is seen', () => {
  const { facts, look } = scene();
  const first = look(process(1, 1000, 77));
  expect(first.covered.size).toBe(0);
  expect(first.cpuS.get(1000)).toBe(0);
  facts.seconds.set('/cg/slappart0', 5.75);
  const second = look(process(1, 1000, 77));
  expect([...second.covered]).toEqual([77]);
  expect(second.cpuS.get(1000)).toBe(0.75);
});

it('counts what ran between two samples in a group that has no process now', () => {
  const { facts, look } = scene();
  look(process(1, 1000, 77));
  look();
  facts.seconds.set('/cg/slappart0', 9);
  expect(look().cpuS.get(1000)).toBe(4);
});

it('covers a new service of a known group at once', () => {
  const { look } = scene();
  look(process(1, 1000, 77));
  expect([...look(process(1, 1000, 77), process(2, 1000, 78)).covered]).toEqual([77, 78]);
});

it('leaves processes elsewhere, and kernels that tell no cgroup, to be counted one by one', () => {
  const { facts, look } = scene();
  facts.folders.set(4, '/elsewhere');
  for (let turn = 0; turn < 2; turn += 1) {
    const { covered } = look(process(1, 1000, 0), process(4, 1000, 9), process(3, 1000, 10));
    expect(covered.size).toBe(0);
  }
});

it('never lets a group of the same name that was made anew count backwards', () => {
  const { facts, look } = scene();
  look(process(1, 1000, 77));
  facts.seconds.set('/cg/slappart0', 0.5);
  expect(look(process(1, 1000, 80)).cpuS.get(1000)).toBe(0);
  facts.seconds.delete('/cg/slappart0');
  expect(look(process(1, 1000, 80)).covered.size).toBe(0);
});

it('asks for the cgroup of a service once', () => {
  const { facts, look } = scene();
  for (let turn = 0; turn < 5; turn += 1) look(process(1, 1000, 77), process(2, 1000, 77));
  expect(facts.looks).toBe(1);
});

it('tells all that groups used after they were first seen, in whatever pieces', () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 1000 }), fc.boolean()));
  fc.assert(
    fc.property(steps, (grown) => {
      const { facts, look } = scene();
      look(process(3, 1001, 50));
      let [now, told] = [7000, 0];
      for (const [more, isSeen] of grown) {
        now += more;
        facts.seconds.set('/cg/slappart1', now / 1000);
        told += look(...(isSeen ? [process(3, 1001, 50)] : [])).cpuS.get(1001) ?? 0;
      }
      expect(told).toBeCloseTo((now - 7000) / 1000, 6);
    }),
  );
});
