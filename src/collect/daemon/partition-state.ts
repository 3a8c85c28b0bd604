/** What each partition consumes now and has consumed, from one observation to the next. */
import type { UserUsage } from '../../host/process-reader.ts';
import type { SeriesRow } from './series.ts';

/** Growing numbers; they never fall, also when processes or devices go. */
export interface PartitionCounters {
  readonly cpuS: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly readCalls: number;
  readonly writeCalls: number;
  readonly netInBytes: number;
  readonly netOutBytes: number;
}

export interface PartitionState {
  readonly name: string;
  readonly counters: PartitionCounters;
  readonly row: SeriesRow;
}

export interface Traffic {
  readonly inBytes: number;
  readonly outBytes: number;
}

/** What one sample knows; lists go by the number of the partition. */
export interface Observation {
  readonly monotonicMs: number;
  readonly usage: readonly UserUsage[];
  /** Of the partition's tap; undefined when it has none. */
  readonly traffic: ReadonlyArray<Traffic | undefined>;
}

const NONE: PartitionCounters = {
  cpuS: 0,
  readBytes: 0,
  writeBytes: 0,
  readCalls: 0,
  writeCalls: 0,
  netInBytes: 0,
  netOutBytes: 0,
};
const FIELDS = Object.keys(NONE) as ReadonlyArray<keyof PartitionCounters>;

/** What a partition has at the moment. */
type Gauges = Pick<SeriesRow, 'rssBytes' | 'processes' | 'threads'>;
const NOTHING: Gauges = { rssBytes: 0, processes: 0, threads: 0 };

export class PartitionStates {
  /** By the number of the partition. */
  #uids: ReadonlyArray<number | undefined> = [];
  #raw: PartitionCounters[];
  #states: readonly PartitionState[];
  #lastMs: number | undefined;

  constructor(names: readonly string[]) {
    this.#raw = names.map(() => NONE);
    this.#states = names.map((name) => ({ name, counters: NONE, row: toRow(NONE, 0, NOTHING) }));
  }

  get states(): readonly PartitionState[] {
    return this.#states;
  }

  /** @param uids of the partitions, in their order; undefined where the user is not there */
  nameUsers(uids: ReadonlyArray<number | undefined>): void {
    this.#uids = uids;
  }

  /** Counters begin at zero with the first observation. */
  add({ monotonicMs, usage, traffic }: Observation): void {
    const byUid = new Map(usage.map((used) => [used.uid, used]));
    const elapsedS = (monotonicMs - (this.#lastMs ?? monotonicMs)) / 1000;
    const isFirst = this.#lastMs === undefined;
    this.#states = this.#states.map(({ name, counters: before }, index) => {
      const used = byUid.get(this.#uids[index] ?? -1);
      const raw = toCounters(used, traffic[index]);
      const last = this.#raw[index] ?? NONE;
      const growth = isFirst ? NONE : difference(raw, last);
      this.#raw[index] = toCompareWith(raw, last);
      return { name, counters: sum(before, growth), row: toRow(growth, elapsedS, used ?? NOTHING) };
    });
    this.#lastMs = monotonicMs;
  }
}

function toCounters(used: UserUsage | undefined, traffic: Traffic | undefined): PartitionCounters {
  return {
    cpuS: used?.cpuS ?? 0,
    readBytes: used?.readBytes ?? 0,
    writeBytes: used?.writeBytes ?? 0,
    readCalls: used?.readCalls ?? 0,
    writeCalls: used?.writeCalls ?? 0,
    netInBytes: traffic?.inBytes ?? 0,
    netOutBytes: traffic?.outBytes ?? 0,
  };
}

function combine(
  a: PartitionCounters,
  b: PartitionCounters,
  join: (a: number, b: number) => number,
): PartitionCounters {
  const result: Record<keyof PartitionCounters, number> = { ...NONE };
  for (const field of FIELDS) result[field] = join(a[field], b[field]);
  return result;
}

const sum = (a: PartitionCounters, b: PartitionCounters) => combine(a, b, (x, y) => x + y);

/** A device that was made anew counts from zero again. */
function difference(now: PartitionCounters, before: PartitionCounters): PartitionCounters {
  const used = combine(now, before, (x, y) => Math.max(0, x - y));
  const traffic = (x: number, y: number) => (x < y ? x : x - y);
  return {
    ...used,
    netInBytes: traffic(now.netInBytes, before.netInBytes),
    netOutBytes: traffic(now.netOutBytes, before.netOutBytes),
  };
}

/**
 * A thread that ended is counted a moment after it was seen for the last time: what is lower in
 * between will rise again, so that the higher number stays the one to compare with.
 */
function toCompareWith(now: PartitionCounters, before: PartitionCounters): PartitionCounters {
  const { netInBytes, netOutBytes } = now;
  return { ...combine(now, before, Math.max), netInBytes, netOutBytes };
}

function toRow(
  growth: PartitionCounters,
  elapsedS: number,
  { rssBytes, processes, threads }: Gauges,
): SeriesRow {
  const rate = (value: number) => (elapsedS > 0 ? value / elapsedS : 0);
  return {
    cpu: rate(growth.cpuS),
    rssBytes,
    processes,
    threads,
    readBytesPerS: rate(growth.readBytes),
    writeBytesPerS: rate(growth.writeBytes),
    readCallsPerS: rate(growth.readCalls),
    writeCallsPerS: rate(growth.writeCalls),
    netInBytesPerS: rate(growth.netInBytes),
    netOutBytesPerS: rate(growth.netOutBytes),
  };
}
