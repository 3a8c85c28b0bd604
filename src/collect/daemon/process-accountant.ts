/**
 * Counters of users from samples of the processes that live: for readers that do not see processes
 * end. Who ends hands what was used to the parent that waits for it (wait_task_zombie in
 * kernel/exit.c), times and I/O alike; what nobody waits for is known up to the last sample.
 */
import type { ProcTable } from '../../host/proc.ts';
import type { UserUsage } from '../../host/process-reader.ts';
import type { CgroupGrowth } from './cgroup-times.ts';

const TICKS_PER_SECOND = 100;

/** Growing numbers of one process: its own, and those of children that it waited for. */
interface Tracked {
  readonly pid: number;
  readonly ppid: number;
  readonly uid: number;
  readonly cgroupId: number;
  readonly startTicks: number;
  readonly ownTicks: number;
  readonly childTicks: number;
  /** Reads, writes, calls to read, calls to write; with those of children waited for. */
  readonly io: readonly number[];
  readonly rssBytes: number;
  readonly threads: number;
}

interface Sums {
  cpuTicks: number;
  readonly io: number[];
  /** What is there now. */
  rssBytes: number;
  processes: number;
  threads: number;
}

const NO_CGROUPS: CgroupGrowth = { cpuS: new Map(), covered: new Set() };
const NOTHING = { rssBytes: 0, processes: 0, threads: 0 };

export class ProcessAccountant {
  #last: ReadonlyMap<number, Tracked> | undefined;
  #lastTicks = 0;
  readonly #sums = new Map<number, Sums>();

  /**
   * Takes a sample of all processes of the users that are counted.
   * @param nowTicks since boot, when the sample began
   * @param cgroups that tell the time of their processes
   */
  add(table: ProcTable, nowTicks: number, cgroups = NO_CGROUPS): readonly UserUsage[] {
    const now = readTracked(table);
    const ended = this.#last === undefined ? new Map() : sumEnded(this.#last, now);
    for (const sums of this.#sums.values()) Object.assign(sums, NOTHING);
    for (const process of now.values()) {
      const more = this.#grown(process, ended.get(process.pid));
      if (cgroups.covered.has(process.cgroupId)) more.ticks = 0;
      this.#count(process, more);
    }
    for (const [uid, cpuS] of cgroups.cpuS) this.#sumsOf(uid).cpuTicks += cpuS * TICKS_PER_SECOND;
    this.#last = now;
    this.#lastTicks = nowTicks;
    return [...this.#sums].map(([uid, sums]) => toUsage(uid, sums));
  }

  #count(process: Tracked, more: Growth): void {
    const sums = this.#sumsOf(process.uid);
    sums.rssBytes += process.rssBytes;
    sums.processes += 1;
    sums.threads += process.threads;
    add(sums, more);
  }

  #grown(process: Tracked, ended: Ended | undefined): Growth {
    const before = this.#last?.get(process.pid);
    if (before?.startTicks === process.startTicks && before.uid === process.uid) {
      return growth(before, process, ended);
    }
    if (this.#last !== undefined && process.startTicks >= this.#lastTicks - 1) {
      return { ticks: process.ownTicks + process.childTicks, io: process.io };
    }
    // Older processes came to this user with what they had used before.
    return { ticks: 0, io: [] };
  }

  #sumsOf(uid: number): Sums {
    const known = this.#sums.get(uid);
    if (known !== undefined) return known;
    const sums = { cpuTicks: 0, io: [0, 0, 0, 0], ...NOTHING };
    this.#sums.set(uid, sums);
    return sums;
  }
}

interface Growth {
  ticks: number;
  readonly io: readonly number[];
}

/** What processes that are gone had been counted with, by the parent that may have got it. */
interface Ended {
  ticks: number;
  readonly io: number[];
}

function readTracked(table: ProcTable): Map<number, Tracked> {
  const tracked = new Map<number, Tracked>();
  for (let index = 0; index < table.length; index += 1) {
    const pid = table.u32(index, 'pid');
    tracked.set(pid, {
      pid,
      ppid: table.u32(index, 'ppid'),
      uid: table.u32(index, 'uid'),
      cgroupId: table.f64(index, 'cgroupId'),
      startTicks: table.f64(index, 'startTicks'),
      ownTicks: table.f64(index, 'utimeTicks') + table.f64(index, 'stimeTicks'),
      childTicks: table.f64(index, 'cutimeTicks') + table.f64(index, 'cstimeTicks'),
      io: [
        table.f64(index, 'readBytes'),
        table.f64(index, 'writeBytes'),
        table.f64(index, 'syscr'),
        table.f64(index, 'syscw'),
      ],
      rssBytes: table.f64(index, 'rssBytes'),
      threads: table.u32(index, 'threads'),
    });
  }
  return tracked;
}

function sumEnded(
  last: ReadonlyMap<number, Tracked>,
  now: ReadonlyMap<number, Tracked>,
): Map<number, Ended> {
  const sums = new Map<number, Ended>();
  for (const process of last.values()) {
    if (now.get(process.pid)?.startTicks === process.startTicks) continue;
    const heir = findHeir(process, last, now);
    if (heir === undefined) continue;
    const sum = sums.get(heir) ?? { ticks: 0, io: [0, 0, 0, 0] };
    sum.ticks += process.ownTicks + process.childTicks;
    process.io.forEach((value, index) => {
      sum.io[index] = (sum.io[index] ?? 0) + value;
    });
    sums.set(heir, sum);
  }
  return sums;
}

/** The nearest ancestor that lives on. */
function findHeir(
  process: Tracked,
  last: ReadonlyMap<number, Tracked>,
  now: ReadonlyMap<number, Tracked>,
): number | undefined {
  let parent = last.get(process.ppid);
  for (let step = 0; parent !== undefined && step < last.size; step += 1) {
    if (now.get(parent.pid)?.startTicks === parent.startTicks) return parent.pid;
    parent = last.get(parent.ppid);
  }
  return undefined;
}

/** Of what came from children, that part which was not counted while they lived. */
function growth(before: Tracked, now: Tracked, ended: Ended | undefined): Growth {
  const fromChildren = now.childTicks - before.childTicks;
  const counted = ended?.ticks ?? 0;
  // Each time is cut to whole ticks. A parent that ignores SIGCHLD inherits nothing.
  const isInherited = ended !== undefined && fromChildren + 1 >= counted;
  return {
    ticks: Math.max(0, now.ownTicks - before.ownTicks) + Math.max(0, fromChildren - counted),
    io: now.io.map((value, index) => {
      const known = (before.io[index] ?? 0) + (isInherited ? (ended.io[index] ?? 0) : 0);
      return Math.max(0, value - known);
    }),
  };
}

function add(sums: Sums, more: Growth): void {
  sums.cpuTicks += more.ticks;
  more.io.forEach((value, index) => {
    sums.io[index] = (sums.io[index] ?? 0) + value;
  });
}

function toUsage(uid: number, { cpuTicks, io, ...now }: Sums): UserUsage {
  const [readBytes = 0, writeBytes = 0, readCalls = 0, writeCalls = 0] = io;
  const cpuS = cpuTicks / TICKS_PER_SECOND;
  return { uid, cpuS, readBytes, writeBytes, readCalls, writeCalls, ...now };
}
