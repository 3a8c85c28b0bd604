/** What was read of the logs of promises, until they change. */
import type { PromiseStatus } from './model.ts';

export interface KnownRuns {
  /** Of the log. */
  readonly version: string;
  /** From old to new. */
  readonly runs: readonly PromiseStatus[];
  /** Characters of each run as JSON. */
  readonly lengths: readonly number[];
}

/** Histories that people look at are few; one may take some megabytes. */
const MAX_PARTITIONS = 4;

export class HistoryCache {
  readonly #partitions = new Map<string, ReadonlyMap<string, KnownRuns>>();

  /** By title of the promise; empty for a partition that nobody looked at lately. */
  of(reference: string): ReadonlyMap<string, KnownRuns> {
    return this.#partitions.get(reference) ?? new Map();
  }

  keep(reference: string, known: ReadonlyMap<string, KnownRuns>): void {
    this.#partitions.delete(reference);
    const [oldest] = this.#partitions.keys();
    if (this.#partitions.size >= MAX_PARTITIONS && oldest !== undefined) {
      this.#partitions.delete(oldest);
    }
    this.#partitions.set(reference, known);
  }
}
