/** What partitions use: from the collector's daemon, else from its database. */
import { errorCode } from '../errors/slapos-error.ts';
import type { HostFiles } from '../host/host.ts';
import { AVAILABLE, reasonOf, unavailable } from './availability.ts';
import { type CollectedMinute, readCollectedMinute } from './collector-database.ts';
import type { Availability, Consumption, NodeStatus } from './model.ts';

export interface ConsumptionOfNode {
  readonly consumption: NodeStatus['consumption'];
  /** @param reference of the partition @param user who owns it */
  find(reference: string, user: string): Consumption | null;
}

export interface ConsumptionPaths {
  readonly database: string;
  readonly daemonSocket: string;
}

export function consumptionPaths(instanceRoot: string): ConsumptionPaths {
  return {
    database: `${instanceRoot}/var/data-log/collector.db`,
    daemonSocket: `${instanceRoot}/var/run/slapos-collect.sock`,
  };
}

/** Rows come once a minute; a writer may be in the middle of them. */
const DATABASE_INTERVAL_MS = 5000;
/** Rows that are older say nothing of now. */
const MAX_AGE_MS = 15 * 60_000;
const EMPTY: CollectedMinute = { atMs: null, consumption: new Map(), diskBytes: new Map() };

export interface ConsumptionReaderOptions {
  readonly files: Pick<HostFiles, 'stat'>;
  readonly instanceRoot: string;
  readonly nowMs: () => number;
}

export class ConsumptionReader {
  readonly #options: ConsumptionReaderOptions;
  readonly #paths: ConsumptionPaths;
  #version = '';
  #readAtMs = Number.NEGATIVE_INFINITY;
  #minute: CollectedMinute = EMPTY;
  #database: Availability = AVAILABLE;

  constructor(options: ConsumptionReaderOptions) {
    this.#options = options;
    this.#paths = consumptionPaths(options.instanceRoot);
  }

  async read(): Promise<ConsumptionOfNode> {
    await this.#readDatabase();
    return this.#fromDatabase();
  }

  #fromDatabase(): ConsumptionOfNode {
    const { atMs, consumption } = this.#minute;
    const isOld = atMs === null || this.#options.nowMs() - atMs > MAX_AGE_MS;
    const reason = !this.#database.isAvailable
      ? this.#database.reason
      : isOld
        ? `Nothing was collected of late: ${this.#paths.database} has no row of the last minutes.`
        : '';
    if (reason !== '') {
      return { consumption: { ...unavailable(reason), source: 'none' }, find: () => null };
    }
    return {
      consumption: { ...AVAILABLE, source: 'database' },
      find: (_, user) => consumption.get(user) ?? null,
    };
  }

  /** Reads it again when it has changed. */
  async #readDatabase(): Promise<void> {
    const nowMs = this.#options.nowMs();
    if (Math.abs(nowMs - this.#readAtMs) < DATABASE_INTERVAL_MS) return;
    this.#readAtMs = nowMs;
    try {
      const status = await this.#options.files.stat(this.#paths.database);
      const version = status === undefined ? 'none' : `${status.modifiedMs} ${status.sizeBytes}`;
      if (version === this.#version) return;
      if (status === undefined) {
        this.#minute = EMPTY;
        this.#database = unavailable(
          `Nothing was collected yet: ${this.#paths.database} does not exist.`,
        );
      } else {
        this.#minute = await readCollectedMinute(this.#paths.database);
        this.#database = AVAILABLE;
      }
      this.#version = version;
    } catch (error) {
      // A moment's lock leaves what was read before; its age tells when that is of no use.
      if (errorCode(error) === 'SQLITE_BUSY' && this.#minute !== EMPTY) return;
      this.#minute = EMPTY;
      this.#version = '';
      this.#database = unavailable(`${this.#paths.database}: ${reasonOf(error)}.`);
    }
  }
}
