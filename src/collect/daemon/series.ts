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

/** Whole numbers that two bytes hold: more than 65,535 processes are shown as so many. */
const COUNTS: ReadonlySet<SeriesField> = new Set(['processes', 'threads']);
const LARGEST_COUNT = 0xffff;

/**
 * A ring of samples: the newest takes the place of the oldest. Values are single floats, good for
 * seven digits, counts take half of that: a partition's hour at one second takes 130 kB.
 */
export class SeriesRing {
  readonly #times: Float64Array;
  /** One for each field: the values of all partitions, sample after sample. */
  readonly #planes: ReadonlyArray<Float32Array | Uint16Array>;
  readonly #capacity: number;
  readonly #partitionCount: number;
  #count = 0;

  /** @param capacity samples that are kept */
  constructor(partitionCount: number, capacity: number) {
    this.#capacity = capacity;
    this.#partitionCount = partitionCount;
    this.#times = new Float64Array(capacity);
    const size = capacity * partitionCount;
    this.#planes = SERIES_FIELDS.map((field) =>
      COUNTS.has(field) ? new Uint16Array(size) : new Float32Array(size),
    );
  }

  /** Samples that can be read. */
  get length(): number {
    return Math.min(this.#count, this.#capacity);
  }

  /** @param rows values of every partition, in the order of {@link SERIES_FIELDS} */
  push(timeMs: number, rows: Float64Array): void {
    const slot = this.#count % this.#capacity;
    this.#times[slot] = timeMs;
    for (const [field, plane] of this.#planes.entries()) {
      const most = plane instanceof Uint16Array ? LARGEST_COUNT : Number.POSITIVE_INFINITY;
      const first = slot * this.#partitionCount;
      for (let partition = 0; partition < this.#partitionCount; partition += 1) {
        const value = rows[partition * SERIES_FIELDS.length + field] ?? 0;
        plane[first + partition] = Math.min(value, most);
      }
    }
    this.#count += 1;
  }

  /** The samples of one partition after `sinceMs`. */
  read(partition: number, sinceMs: number): SeriesView {
    const slots = this.#slotsSince(sinceMs);
    const valuesOf = (field: number) =>
      slots.map((slot) => this.#planes[field]?.[slot * this.#partitionCount + partition] ?? 0);
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
