/** How many promises of each partition fail by their last results (spec/promise.md 3). */
import { basename } from 'node:path';
import type { GridHost } from '../../host/grid-host.ts';
import { PromiseReader } from '../../promise/result-reader.ts';

/** A result replaces the one before by renaming, which its folder shows. */
const REREAD_MS = 600_000;

export interface FailingPromisesOptions {
  readonly host: Pick<GridHost, 'look'>;
  readonly instanceRoot: string;
  readonly nowMs: () => number;
}

/** Reads a partition again when the folder of its results has changed. */
export class FailingPromises {
  readonly #reader: PromiseReader;

  constructor(options: FailingPromisesOptions) {
    this.#reader = new PromiseReader({ ...options, rereadMs: REREAD_MS, hasMessages: false });
  }

  /**
   * @param paths folders of partitions in the root of the instances
   * @returns in their order; undefined for one without results, or with none that can be read
   */
  async count(paths: readonly string[]): Promise<ReadonlyArray<number | undefined>> {
    const references = paths.map((path) => basename(path));
    // Without a root to read there are no results: format makes it.
    const found = await this.#reader.read(references).catch(() => undefined);
    return references.map((reference) => {
      const promises = found?.get(reference)?.promises ?? [];
      if (promises.length === 0) return undefined;
      return promises.filter(({ hasFailed }) => hasFailed).length;
    });
  }
}
