/** The last samples of every partition, in memory of fixed size. */

/** What is kept of a partition at each sample; rates are per second since the sample before. */
export const SERIES_FIELDS = [
  /** Processors in use: 1.5 is one and a half. */
  'cpu',
  'rssBytes',
  'processes',
  'threads',
  'readBytesPerS',
  'writeBytesPerS',
  'readCallsPerS',
  'writeCallsPerS',
  'netInBytesPerS',
  'netOutBytesPerS',
] as const;

export type SeriesField = (typeof SERIES_FIELDS)[number];

/** Values of one partition at one sample, in the order of {@link SERIES_FIELDS}. */
export type SeriesRow = Readonly<Record<SeriesField, number>>;

export interface SeriesView {
  /** Milliseconds since the epoch, oldest first. */
  readonly timesMs: readonly number[];
  readonly values: Readonly<Record<SeriesField, readonly number[]>>;
}

/**
 * A ring of samples: the newest takes the place of the oldest. Values are single floats, good for
 * seven digits: a partition's hour at one second takes 144 kB.
 */
export class SeriesRing {
  readonly #times: Float64Array;
  readonly #values: Float32Array;
  readonly #capacity: number;
  readonly #rowFloats: number;
  #count = 0;

  /** @param capacity samples that are kept */
  constructor(partitionCount: number, capacity: number) {
    this.#capacity = capacity;
    this.#rowFloats = partitionCount * SERIES_FIELDS.length;
    this.#times = new Float64Array(capacity);
    this.#values = new Float32Array(capacity * this.#rowFloats);
  }

  /** Samples that can be read. */
  get length(): number {
    return Math.min(this.#count, this.#capacity);
  }

  /** @param rows values of every partition, in the order of {@link SERIES_FIELDS} */
  push(timeMs: number, rows: Float64Array): void {
    const slot = this.#count % this.#capacity;
    this.#times[slot] = timeMs;
    this.#values.set(rows, slot * this.#rowFloats);
    this.#count += 1;
  }

  /** The samples of one partition after `sinceMs`. */
  read(partition: number, sinceMs: number): SeriesView {
    const slots = this.#slotsSince(sinceMs);
    const valuesOf = (field: number) =>
      slots.map((slot) => {
        const at = slot * this.#rowFloats + partition * SERIES_FIELDS.length + field;
        return this.#values[at] ?? 0;
      });
    return {
      timesMs: slots.map((slot) => this.#times[slot] ?? 0),
      values: Object.fromEntries(
        SERIES_FIELDS.map((name, field) => [name, valuesOf(field)]),
      ) as unknown as SeriesView['values'],
    };
  }

  #slotsSince(sinceMs: number): number[] {
    const oldest = this.#count - this.length;
    const slots: number[] = [];
    for (let index = this.#count - 1; index >= oldest; index -= 1) {
      const slot = index % this.#capacity;
      if ((this.#times[slot] ?? 0) <= sinceMs) break;
      slots.push(slot);
    }
    return slots.reverse();
  }
}
