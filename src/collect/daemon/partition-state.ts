/** What each partition consumes now and has consumed, from one observation to the next. */
import type { ProcTable } from '../../host/proc.ts';
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
  readonly table: ProcTable;
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

export class PartitionStates {
  readonly #names: readonly string[];
  #indexes: ReadonlyMap<number, number> = new Map();
  #raw: PartitionCounters[];
  #states: readonly PartitionState[];
  #lastMs: number | undefined;

  constructor(names: readonly string[]) {
    this.#names = names;
    this.#raw = names.map(() => NONE);
    this.#states = names.map((name) => ({ name, counters: NONE, row: toRow(NONE, 0, [0, 0, 0]) }));
  }

  get states(): readonly PartitionState[] {
    return this.#states;
  }

  /** @param uids of the partitions, in their order; undefined where the user is not there */
  nameUsers(uids: ReadonlyArray<number | undefined>): void {
    const known = uids.flatMap((uid, index) => (uid === undefined ? [] : [[uid, index] as const]));
    this.#indexes = new Map(known);
  }

  /** Counters begin at zero with the first observation. */
  add(observation: Observation): void {
    const raw = this.#readCounters(observation);
    const gauges = this.#readGauges(observation.table);
    const elapsedS = (observation.monotonicMs - (this.#lastMs ?? observation.monotonicMs)) / 1000;
    const isFirst = this.#lastMs === undefined;
    this.#states = this.#names.map((name, index) => {
      const before = this.#states[index]?.counters ?? NONE;
      const growth = isFirst ? NONE : difference(raw[index] ?? NONE, this.#raw[index] ?? NONE);
      const counters = sum(before, growth);
      return { name, counters, row: toRow(growth, elapsedS, gauges[index] ?? [0, 0, 0]) };
    });
    this.#raw = raw.map((counters, index) => toCompareWith(counters, this.#raw[index] ?? NONE));
    this.#lastMs = observation.monotonicMs;
  }

  #readCounters({ usage, traffic }: Observation): PartitionCounters[] {
    const raw = this.#names.map((_, index) => ({
      ...NONE,
      netInBytes: traffic[index]?.inBytes ?? 0,
      netOutBytes: traffic[index]?.outBytes ?? 0,
    }));
    for (const { uid, ...used } of usage) {
      const index = this.#indexes.get(uid);
      if (index !== undefined) Object.assign(raw[index] ?? {}, used);
    }
    return raw;
  }

  /** Resident bytes, processes and threads of each partition. */
  #readGauges(table: ProcTable): Array<[number, number, number]> {
    const gauges = this.#names.map((): [number, number, number] => [0, 0, 0]);
    for (let at = 0; at < table.length; at += 1) {
      const gauge = gauges[this.#indexes.get(table.u32(at, 'uid')) ?? -1];
      if (gauge === undefined) continue;
      gauge[0] += table.f64(at, 'rssBytes');
      gauge[1] += 1;
      gauge[2] += table.u32(at, 'threads');
    }
    return gauges;
  }
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
  [rssBytes, processes, threads]: readonly [number, number, number],
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
