import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProcessAccountant } from '../../../../src/collect/daemon/process-accountant.ts';
import { scriptedTable } from '../../../support/collect-machine.ts';
import { listUsage } from '../../../support/usage-table.ts';

const NO_IO = { readBytes: 0, writeBytes: 0, readCalls: 0, writeCalls: 0 };

/** A process of the model, which knows the truth. */
interface Process {
  readonly pid: number;
  ppid: number;
  readonly startTicks: number;
  own: number;
  children: number;
  io: number;
}

/** Processes of one user that work, fork and end, each waited for by its parent. */
class Model {
  readonly live = new Map<number, Process>([
    [1, { pid: 1, ppid: 0, startTicks: 0, own: 0, children: 0, io: 0 }],
  ]);
  nowTicks = 10;
  truth = 0;
  truthIo = 0;
  #lastPid = 1;

  work(pid: number, ticks: number, io: number): void {
    const process = this.live.get(pid);
    if (process === undefined) return;
    process.own += ticks;
    process.io += io;
    this.truth += ticks;
    this.truthIo += io;
  }

  fork(ppid: number): void {
    if (!this.live.has(ppid)) return;
    this.#lastPid += 1;
    const pid = this.#lastPid;
    this.live.set(pid, { pid, ppid, startTicks: this.nowTicks, own: 0, children: 0, io: 0 });
  }

  /** Only without children: those of an ended process are nobody's here. */
  end(pid: number): void {
    const process = this.live.get(pid);
    const hasChildren = [...this.live.values()].some(({ ppid }) => ppid === pid);
    if (pid === 1 || process === undefined || hasChildren) return;
    this.live.delete(pid);
    const parent = this.live.get(process.ppid);
    if (parent === undefined) throw new Error('no parent');
    parent.children += process.own + process.children;
    parent.io += process.io;
  }

  table() {
    return scriptedTable(
      [...this.live.values()].map(({ pid, ppid, startTicks, own, children, io }) => ({
        ...{ pid, ppid, startTicks, uid: 5000 },
        ...{ utimeTicks: own, cutimeTicks: children, readBytes: io },
      })),
    );
  }
}

const step = fc.oneof(
  fc.record({
    kind: fc.constant('work' as const),
    pid: fc.integer({ min: 1, max: 12 }),
    ticks: fc.nat(50),
    io: fc.nat(1000),
  }),
  fc.record({ kind: fc.constant('fork' as const), pid: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ kind: fc.constant('end' as const), pid: fc.integer({ min: 2, max: 12 }) }),
  fc.record({ kind: fc.constant('sample' as const) }),
);

describe('counters of a user', () => {
  it('are what its processes used, however short they live, and never fall', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const model = new Model();
        const accountant = new ProcessAccountant();
        const read = () => listUsage(accountant.add(model.table(), model.nowTicks))[0];
        read();
        let before = 0;
        for (const each of [...steps, { kind: 'sample' as const }]) {
          model.nowTicks += 5;
          if (each.kind === 'work') model.work(each.pid, each.ticks, each.io);
          else if (each.kind === 'fork') model.fork(each.pid);
          else if (each.kind === 'end') model.end(each.pid);
          else {
            const usage = read();
            expect(usage?.cpuS).toBeCloseTo(model.truth / 100, 6);
            expect(usage?.cpuS).toBeGreaterThanOrEqual(before);
            before = usage?.cpuS ?? 0;
          }
        }
      }),
    );
  });

  it('count the I/O of children once', () => {
    const model = new Model();
    const accountant = new ProcessAccountant();
    accountant.add(model.table(), model.nowTicks);
    model.fork(1);
    model.work(2, 20, 700);
    accountant.add(model.table(), model.nowTicks);
    model.work(2, 10, 300);
    model.end(2);
    model.work(1, 1, 5);
    expect(listUsage(accountant.add(model.table(), model.nowTicks))[0]).toMatchObject({
      readBytes: 1005,
      cpuS: 0.31,
    });
  });

  it('do not take over what a process used under another user', () => {
    const accountant = new ProcessAccountant();
    const process = { pid: 7, ppid: 1, startTicks: 3, uid: 5000, utimeTicks: 400 };
    accountant.add(scriptedTable([process]), 1000);
    const changed = scriptedTable([{ ...process, uid: 5001, utimeTicks: 410 }]);
    accountant.add(changed, 1100);
    const last = scriptedTable([{ ...process, uid: 5001, utimeTicks: 460 }]);
    const usage = listUsage(accountant.add(last, 1200));
    expect(usage.map(({ uid, cpuS }) => [uid, cpuS])).toEqual([
      [5000, 0],
      [5001, 0.5],
    ]);
  });

  it('have all of a process that another user started for this one a moment ago', () => {
    const accountant = new ProcessAccountant();
    for (const nowTicks of [1000, 1100, 1200]) accountant.add(scriptedTable([]), nowTicks);
    const young = { pid: 7, ppid: 1, startTicks: 1150, uid: 5000, writeBytes: 4096 };
    const old = { pid: 8, ppid: 1, startTicks: 1050, uid: 5001, writeBytes: 4096 };
    const usage = listUsage(accountant.add(scriptedTable([young, old]), 1300));
    expect(usage.map(({ uid, writeBytes }) => [uid, writeBytes])).toEqual([
      [5000, 4096],
      [5001, 0],
    ]);
    const moved = scriptedTable([{ ...young, uid: 5001, writeBytes: 4100 }]);
    const [, second] = listUsage(accountant.add(moved, 1400));
    expect(second).toMatchObject({ uid: 5001, writeBytes: 0 });
  });

  it('keep what a process had used that nobody waited for', () => {
    const accountant = new ProcessAccountant();
    accountant.add(scriptedTable([]), 1000);
    accountant.add(
      scriptedTable([{ pid: 7, ppid: 1, startTicks: 1050, uid: 5000, utimeTicks: 40 }]),
      1100,
    );
    expect(listUsage(accountant.add(scriptedTable([]), 1200))).toEqual([
      { uid: 5000, cpuS: 0.4, ...NO_IO, rssBytes: 0, processes: 0, threads: 0 },
    ]);
  });

  it('come with what each user has at the moment', () => {
    const accountant = new ProcessAccountant();
    const one = { pid: 7, ppid: 1, startTicks: 3, uid: 5000, rssBytes: 4096, threads: 2 };
    const other = { pid: 8, ppid: 1, startTicks: 3, uid: 5000, rssBytes: 1024, threads: 1 };
    for (let round = 0; round < 2; round += 1) {
      expect(listUsage(accountant.add(scriptedTable([one, other]), 1000 + round))).toMatchObject([
        { rssBytes: 5120, processes: 2, threads: 3 },
      ]);
    }
    expect(listUsage(accountant.add(scriptedTable([other]), 1002))).toMatchObject([
      { rssBytes: 1024, processes: 1, threads: 1 },
    ]);
  });
});
