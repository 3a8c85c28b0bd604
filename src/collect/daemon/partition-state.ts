/**
 * What each partition consumes now and has consumed, from one observation to the next. Numbers are
 * kept in typed arrays, partition after partition: with hundreds of partitions, objects made anew
 * at each sample cost more than the sample.
 */
import { USAGE, USAGE_LENGTH, type UsageTable } from '../../host/process/process-reader.ts';
import { SERIES_FIELDS } from './series.ts';

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

/** In the order in which {@link PartitionStates.counters} has them. */
export const COUNTER_FIELDS = [
  'cpuS',
  'readBytes',
  'writeBytes',
  'readCalls',
  'writeCalls',
  'netInBytes',
  'netOutBytes',
] as const satisfies ReadonlyArray<keyof PartitionCounters>;

export interface Traffic {
  readonly inBytes: number;
  readonly outBytes: number;
}

/** What one sample knows. */
export interface Observation {
  readonly monotonicMs: number;
  readonly usage: UsageTable;
  /** Of the partition's tap, by the number of the partition; undefined when it has none. */
  readonly traffic: ReadonlyArray<Traffic | undefined>;
}

const COUNTERS = COUNTER_FIELDS.length;
const FIELDS = SERIES_FIELDS.length;
/** The first counters are those of a {@link UsageTable}, the others those of a device. */
const NET_IN = COUNTER_FIELDS.indexOf('netInBytes');
const NET_OUT = COUNTER_FIELDS.indexOf('netOutBytes');
/** Where the rate of each counter stands in a row, and where what there is now. */
const RATES = (
  [
    'cpu',
    'readBytesPerS',
    'writeBytesPerS',
    'readCallsPerS',
    'writeCallsPerS',
    'netInBytesPerS',
    'netOutBytesPerS',
  ] as const
).map((field) => SERIES_FIELDS.indexOf(field));
const GAUGES = (['rssBytes', 'processes', 'threads'] as const).map((field) => {
  return { from: USAGE[field], to: SERIES_FIELDS.indexOf(field) };
});

export class PartitionStates {
  readonly names: readonly string[];
  /** {@link COUNTER_FIELDS} of each partition. */
  readonly counters: Float64Array;
  /** {@link SERIES_FIELDS} of each partition, at the last observation. */
  readonly rows: Float64Array;
  /** What was read, now and before: where counters began. */
  readonly #now: Float64Array;
  readonly #before: Float64Array;
  #partitionOf: ReadonlyMap<number, number> = new Map();
  #lastMs: number | undefined;

  constructor(names: readonly string[]) {
    this.names = names;
    this.counters = new Float64Array(names.length * COUNTERS);
    this.rows = new Float64Array(names.length * FIELDS);
    this.#now = new Float64Array(this.counters.length);
    this.#before = new Float64Array(this.counters.length);
  }

  /** @param uids of the partitions, in their order; undefined where the user is not there */
  nameUsers(uids: ReadonlyArray<number | undefined>): void {
    this.#partitionOf = new Map(uids.map((uid, partition) => [uid ?? -1, partition]));
  }

  /** Counters begin at zero with the first observation. */
  add({ monotonicMs, usage, traffic }: Observation): void {
    this.#now.fill(0);
    this.rows.fill(0);
    this.#readUsage(usage);
    this.#readTraffic(traffic);
    const elapsedS = (monotonicMs - (this.#lastMs ?? monotonicMs)) / 1000;
    if (this.#lastMs === undefined) this.#before.set(this.#now);
    else this.#count(elapsedS);
    this.#lastMs = monotonicMs;
  }

  #readUsage(usage: UsageTable): void {
    for (let at = 0; at < usage.length; at += USAGE_LENGTH) {
      const partition = this.#partitionOf.get(usage[at + USAGE.uid] ?? -1);
      if (partition === undefined) continue;
      this.#now.set(usage.subarray(at + USAGE.cpuS, at + USAGE.rssBytes), partition * COUNTERS);
      for (const { from, to } of GAUGES) {
        this.rows[partition * FIELDS + to] = usage[at + from] ?? 0;
      }
    }
  }

  #readTraffic(traffic: Observation['traffic']): void {
    for (const [partition, device] of traffic.entries()) {
      if (device === undefined) continue;
      this.#now[partition * COUNTERS + NET_IN] = device.inBytes;
      this.#now[partition * COUNTERS + NET_OUT] = device.outBytes;
    }
  }

  #count(elapsedS: number): void {
    for (let at = 0; at < this.counters.length; at += 1) {
      const counter = at % COUNTERS;
      const [now, before] = [this.#now[at] ?? 0, this.#before[at] ?? 0];
      const isDevice = counter >= NET_IN;
      const growth = isDevice ? deviceGrowth(now, before) : Math.max(0, now - before);
      // A thread that ended is counted a moment after it was seen for the last time: what is lower
      // in between will rise again, so that the higher number stays the one to compare with.
      this.#before[at] = isDevice ? now : Math.max(now, before);
      this.counters[at] = (this.counters[at] ?? 0) + growth;
      const row = ((at - counter) / COUNTERS) * FIELDS;
      this.rows[row + (RATES[counter] ?? 0)] = elapsedS > 0 ? growth / elapsedS : 0;
    }
  }
}

/** A device that was made anew counts from zero again. */
function deviceGrowth(now: number, before: number): number {
  return now < before ? now : now - before;
}
