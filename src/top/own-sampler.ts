/** What partitions consume where no collector's daemon tells: looked at by ourselves. */

import { PartitionStates } from '../collect/daemon/partition-state.ts';
import { parseTapTraffic } from '../collect/daemon/pressure.ts';
import { ProcessAccountant } from '../collect/daemon/process-accountant.ts';
import { SERIES_FIELDS, type SeriesRow } from '../collect/daemon/series.ts';
import type { HostFiles } from '../host/host.ts';
import type { ProcessReader } from '../host/process/process-reader.ts';
import type { PartitionStatus } from '../status/model.ts';

/** Of proc_pid_stat(5), on every Linux that runs Node. */
const TICK_MS = 10;

export interface OwnSamplerOptions {
  readonly files: Pick<HostFiles, 'readText'>;
  readonly openReader: () => Promise<ProcessReader>;
  readonly monotonicMs: () => number;
  /** Name of the tap of a partition, by its reference. */
  readonly tapOf: (reference: string) => string | undefined;
}

type Owned = Pick<PartitionStatus, 'reference' | 'uid'>;

export class OwnSampler {
  readonly #options: OwnSamplerOptions;
  #reader: Promise<ProcessReader> | undefined;
  #accountant = new ProcessAccountant();
  #key = '';
  #names: readonly string[] = [];
  #states = new PartitionStates([]);
  #count = 0;

  constructor(options: OwnSamplerOptions) {
    this.#options = options;
  }

  /** Opened when it is needed for the first time. */
  reader(): Promise<ProcessReader> {
    this.#reader ??= this.#options.openReader().catch((error: unknown) => {
      this.#reader = undefined;
      throw error;
    });
    return this.#reader;
  }

  /** Whether there are two samples to compare. */
  get hasRates(): boolean {
    return this.#count > 1;
  }

  /** Takes a sample; figures by reference. Rates are 0 at the first. */
  async sample(partitions: readonly Owned[]): Promise<ReadonlyMap<string, SeriesRow>> {
    this.#follow(partitions);
    const reader = await this.reader();
    this.#states.nameUsers(partitions.map(({ uid }) => uid ?? undefined));
    const uids = [...new Set(partitions.flatMap(({ uid }) => uid ?? []))];
    const monotonicMs = this.#options.monotonicMs();
    const usage =
      (await reader.observeUsage?.(uids)) ??
      this.#accountant.add(await reader.observe(uids), monotonicMs / TICK_MS);
    this.#states.add({ monotonicMs, usage, traffic: await this.#readTraffic() });
    this.#count += 1;
    return new Map(this.#names.map((name, index) => [name, this.#rowOf(index)]));
  }

  #rowOf(index: number): SeriesRow {
    const first = index * SERIES_FIELDS.length;
    const entries = SERIES_FIELDS.map((field, at) => [field, this.#states.rows[first + at] ?? 0]);
    return Object.fromEntries(entries) as SeriesRow;
  }

  /** Other partitions than before are counted from now on: a reader sums the same users for ever. */
  #follow(partitions: readonly Owned[]): void {
    const key = partitions.map(({ reference, uid }) => `${reference} ${uid}`).join('\n');
    if (key === this.#key) return;
    if (this.#key !== '') this.#reader = undefined;
    this.#key = key;
    this.#names = partitions.map(({ reference }) => reference);
    this.#states = new PartitionStates(this.#names);
    this.#accountant = new ProcessAccountant();
    this.#count = 0;
  }

  async #readTraffic() {
    const text = (await this.#options.files.readText('/proc/net/dev').catch(() => '')) ?? '';
    const devices = parseTapTraffic(text);
    return this.#names.map((name) => devices.get(this.#options.tapOf(name) ?? ''));
  }
}
