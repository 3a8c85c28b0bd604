/**
 * The database of a run. A file that turns out to be broken is put aside under another name, once,
 * and the work goes on with a new one.
 */
import type { Logger } from '../log/logger.ts';
import type { CollectHost } from './collect-host.ts';
import { encodeStamp } from './sample.ts';
import { type CollectStore, isCorruption, type Soundness } from './store.ts';

type DatabaseHost = Pick<CollectHost, 'openStore' | 'rename' | 'files' | 'nowMs'>;

/** What SQLite leaves beside a database; an old journal must never meet a new file. */
const COMPANIONS = ['-journal', '-wal', '-shm'];
const DATABASE_MODE = 0o644;

export class CollectDatabase {
  readonly #host: DatabaseHost;
  readonly #path: string;
  readonly #log: Logger;
  #store: CollectStore | undefined;
  /** Whether the file was looked through, once. */
  #hasDoubted = false;

  constructor(host: DatabaseHost, path: string, log: Logger) {
    this.#host = host;
    this.#path = path;
    this.#log = log;
  }

  /**
   * Works with the store; opens it at first.
   * @throws SlaposError SLAPOS_ERR_DATABASE
   */
  async use<Result>(work: (store: CollectStore) => Promise<Result>): Promise<Result> {
    try {
      return await work(await this.#open());
    } catch (error) {
      if (this.#hasDoubted || !isCorruption(error)) throw error;
      await this.close().catch(() => {});
      const soundness = await this.#mend();
      if (soundness === 'broken') await this.#quarantine(error);
      if (soundness === 'mended') return this.#useMended(work, error);
      return work(await this.#open());
    }
  }

  /** A file that stays broken after its indexes were made anew is put aside too. */
  async #useMended<Result>(
    work: (store: CollectStore) => Promise<Result>,
    error: unknown,
  ): Promise<Result> {
    this.#log.warning(`Indexes of the database were wrong (${error}) and were made anew.`, {
      event: 'collect.database_mended',
      path: this.#path,
    });
    try {
      return await work(await this.#open());
    } catch (again) {
      if (!isCorruption(again)) throw again;
      await this.#quarantine(again);
      return work(await this.#open());
    }
  }

  async close(): Promise<void> {
    const store = this.#store;
    this.#store = undefined;
    await store?.close();
  }

  async #open(): Promise<CollectStore> {
    if (this.#store !== undefined) return this.#store;
    const store = await this.#host.openStore(this.#path, this.#log);
    this.#store = store;
    const status = await this.#host.files.stat(this.#path);
    if (status !== undefined && status.mode !== DATABASE_MODE) {
      await this.#host.files.chmod(this.#path, DATABASE_MODE);
    }
    return store;
  }

  /** A read that failed looks like a broken file, which the samples of years would be lost for. */
  async #mend(): Promise<Soundness> {
    this.#hasDoubted = true;
    try {
      return await (await this.#open()).mend();
    } catch (error) {
      if (isCorruption(error)) return 'broken';
      throw error;
    }
  }

  async #quarantine(error: unknown): Promise<void> {
    await this.close().catch(() => {});
    const { date, time } = encodeStamp(this.#host.nowMs());
    const aside = `${this.#path}.corrupt-${`${date}T${time}Z`.replace(/[-:]/g, '')}`;
    await this.#host.rename(this.#path, aside);
    for (const suffix of COMPANIONS) {
      if ((await this.#host.files.stat(this.#path + suffix)) !== undefined) {
        await this.#host.rename(this.#path + suffix, aside + suffix);
      }
    }
    this.#log.error(`The database is broken (${error}); kept as ${aside}, starting a new one.`, {
      event: 'collect.database_quarantined',
      path: aside,
    });
  }
}
