/**
 * Counters of users from samples of the processes that live: for readers that do not see processes
 * end. Who ends hands what was used to the parent that waits for it (wait_task_zombie in
 * kernel/exit.c), times and I/O alike; what nobody waits for is known up to the last sample.
 */
import type { ProcTable } from '../../host/proc.ts';
import { USAGE, USAGE_LENGTH, type UsageTable } from '../../host/process/process-reader.ts';
import type { CgroupGrowth } from './cgroup-times.ts';
import { findProcess, matchProcesses, NOBODY, type ProcessMatching } from './process-matching.ts';

const TICKS_PER_SECOND = 100;
/** Growing numbers of a process, with those of children waited for, and where they are summed up. */
const IO = [
  ['readBytes', USAGE.readBytes],
  ['writeBytes', USAGE.writeBytes],
  ['syscr', USAGE.readCalls],
  ['syscw', USAGE.writeCalls],
] as const;
const GAUGES = [USAGE.rssBytes, USAGE.processes, USAGE.threads];

const NO_CGROUPS: CgroupGrowth = { cpuS: new Map(), covered: new Set() };

/** A sample and the one before. */
interface Round extends ProcessMatching {
  readonly last: ProcTable;
  readonly now: ProcTable;
}

/** What processes that are gone had been counted with, by the parent that may have got it. */
interface Ended {
  ticks: number;
  /** In the order of {@link IO}. */
  readonly io: number[];
}

export class ProcessAccountant {
  #last: ProcTable | undefined;
  #lastTicks = 0;
  /** When the sample before the last one began. */
  #formerTicks = 0;
  /** {@link USAGE_LENGTH} numbers for each user; the time is in ticks. */
  #sums = new Float64Array(64 * USAGE_LENGTH);
  /** Where those of a user begin. */
  readonly #places = new Map<number, number>();

  /**
   * Takes a sample of all processes of the users that are counted.
   * @param nowTicks since boot, when the sample began
   * @param cgroups that tell the time of their processes
   */
  add(table: ProcTable, nowTicks: number, cgroups = NO_CGROUPS): UsageTable {
    this.#readGauges(table);
    if (this.#last !== undefined) {
      const round = { last: this.#last, now: table, ...matchProcesses(this.#last, table) };
      this.#count(round, cgroups.covered);
    }
    for (const [uid, cpuS] of cgroups.cpuS) this.#add(uid, USAGE.cpuS, cpuS * TICKS_PER_SECOND);
    this.#formerTicks = this.#last === undefined ? nowTicks : this.#lastTicks;
    this.#last = table;
    this.#lastTicks = nowTicks;
    return this.#usage();
  }

  #readGauges(table: ProcTable): void {
    for (const at of this.#places.values()) {
      for (const field of GAUGES) this.#sums[at + field] = 0;
    }
    for (let index = 0; index < table.length; index += 1) {
      const uid = table.u32(index, 'uid');
      this.#add(uid, USAGE.rssBytes, table.f64(index, 'rssBytes'));
      this.#add(uid, USAGE.processes, 1);
      this.#add(uid, USAGE.threads, table.u32(index, 'threads'));
    }
  }

  #count(round: Round, covered: ReadonlySet<number>): void {
    const { last, now } = round;
    const ended = sumEnded(round);
    for (let index = 0; index < now.length; index += 1) {
      const uid = now.u32(index, 'uid');
      const before = round.before[index] ?? NOBODY;
      const isSame = before !== NOBODY && last.u32(before, 'uid') === uid;
      // Older processes came to this user with what they had used before. Those that root starts for
      // a user may be root's still when the last sample is taken.
      const isNew = before === NOBODY && now.f64(index, 'startTicks') >= this.#formerTicks - 1;
      if (!isSame && !isNew) continue;
      const from = isSame ? before : NOBODY;
      const inherited = ended.get(index);
      if (!covered.has(now.f64(index, 'cgroupId'))) {
        this.#add(uid, USAGE.cpuS, grownTicks(round, index, from, inherited));
      }
      this.#countIo(round, index, from, inherited);
    }
  }

  #countIo(round: Round, index: number, from: number, ended: Ended | undefined): void {
    const { last, now } = round;
    const known = ended !== undefined && isInherited(round, index, from, ended) ? ended.io : [];
    for (const [at, [field, sum]] of IO.entries()) {
      const before = (from === NOBODY ? 0 : last.f64(from, field)) + (known[at] ?? 0);
      const growth = now.f64(index, field) - before;
      if (growth > 0) this.#add(now.u32(index, 'uid'), sum, growth);
    }
  }

  #add(uid: number, field: number, value: number): void {
    const at = (this.#places.get(uid) ?? this.#addUser(uid)) + field;
    this.#sums[at] = (this.#sums[at] ?? 0) + value;
  }

  #addUser(uid: number): number {
    const at = this.#places.size * USAGE_LENGTH;
    if (at === this.#sums.length) {
      const sums = new Float64Array(2 * at);
      sums.set(this.#sums);
      this.#sums = sums;
    }
    this.#sums[at + USAGE.uid] = uid;
    this.#places.set(uid, at);
    return at;
  }

  #usage(): UsageTable {
    const usage = this.#sums.slice(0, this.#places.size * USAGE_LENGTH);
    for (const at of this.#places.values()) {
      usage[at + USAGE.cpuS] = (usage[at + USAGE.cpuS] ?? 0) / TICKS_PER_SECOND;
    }
    return usage;
  }
}

function ownTicks(table: ProcTable, index: number): number {
  return table.f64(index, 'utimeTicks') + table.f64(index, 'stimeTicks');
}

/** Of children that were waited for. */
function childTicks(table: ProcTable, index: number): number {
  return table.f64(index, 'cutimeTicks') + table.f64(index, 'cstimeTicks');
}

/** By the index of the nearest ancestor that lives on. */
function sumEnded(round: Round): Map<number, Ended> {
  const sums = new Map<number, Ended>();
  const { last, after } = round;
  for (let index = 0; index < last.length; index += 1) {
    if (after[index] !== NOBODY) continue;
    const heir = findHeir(round, index);
    if (heir === NOBODY) continue;
    const sum = sums.get(heir) ?? { ticks: 0, io: IO.map(() => 0) };
    sum.ticks += ownTicks(last, index) + childTicks(last, index);
    for (const [at, [field]] of IO.entries()) {
      sum.io[at] = (sum.io[at] ?? 0) + last.f64(index, field);
    }
    sums.set(heir, sum);
  }
  return sums;
}

/** Index now of the nearest ancestor, by the sample before, that lives on. */
function findHeir({ last, after }: Round, index: number): number {
  let parent = findProcess(last, last.u32(index, 'ppid'));
  for (let step = 0; parent !== NOBODY && step < last.length; step += 1) {
    const heir = after[parent] ?? NOBODY;
    if (heir !== NOBODY) return heir;
    parent = findProcess(last, last.u32(parent, 'ppid'));
  }
  return NOBODY;
}

/** What a process used itself, and of what came from children that part which was not counted. */
function grownTicks(
  { last, now }: Round,
  index: number,
  from: number,
  ended: Ended | undefined,
): number {
  const own = ownTicks(now, index) - (from === NOBODY ? 0 : ownTicks(last, from));
  const children = childTicks(now, index) - (from === NOBODY ? 0 : childTicks(last, from));
  return Math.max(0, own) + Math.max(0, children - (ended?.ticks ?? 0));
}

/** Each time is cut to whole ticks. A parent that ignores SIGCHLD inherits nothing. */
function isInherited({ last, now }: Round, index: number, from: number, ended: Ended): boolean {
  if (from === NOBODY) return false;
  return childTicks(now, index) - childTicks(last, from) + 1 >= ended.ticks;
}
