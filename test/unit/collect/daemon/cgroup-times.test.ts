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
  /** Those that are there when counting begins. */
  begun: readonly string[] = ['/cg/slappart0', '/cg/slappart1'];
  listGroups(): readonly string[] {
    return this.begun;
  }
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

it('counts from the beginning on what a group uses', () => {
  const { facts, look } = scene();
  const first = look(process(1, 1000, 77));
  expect(first.cpuS.get(1000)).toBe(0);
  facts.seconds.set('/cg/slappart0', 5.75);
  const second = look(process(1, 1000, 77));
  expect([...second.covered]).toEqual([77]);
  expect(second.cpuS.get(1000)).toBe(0.75);
});

it('counts a group that had no process then, and one that was made since', () => {
  const { facts, look } = scene();
  facts.begun = ['/cg/slappart0'];
  look();
  facts.seconds.set('/cg/slappart0', 6).set('/cg/slappart1', 0.25);
  const { cpuS, covered } = look(process(1, 1000, 77), process(3, 1001, 50));
  expect([cpuS.get(1000), cpuS.get(1001)]).toEqual([1, 0.25]);
  expect([...covered]).toEqual([77, 50]);
});

it("leaves another node's group of the same name alone", () => {
  const { facts, look } = scene();
  facts.begun = ['/cg/slappart0', '/other/slappart0'];
  facts.seconds.set('/other/slappart0', 100);
  look(process(1, 1000, 77));
  facts.seconds.set('/other/slappart0', 200);
  expect(look(process(1, 1000, 77)).cpuS.get(1000)).toBe(0);
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

it('never counts backwards when a group of the same name was made anew', () => {
  const { facts, look } = scene();
  look(process(1, 1000, 77));
  facts.seconds.set('/cg/slappart0', 0.5);
  expect(look(process(1, 1000, 80)).cpuS.get(1000)).toBe(0.5);
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
