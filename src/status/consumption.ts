/** What partitions use: from the collector's daemon, else from its database. */
import {
  daemonSocket,
  type NodeSample,
  type PartitionSample,
  type Patience,
  readPartitions,
} from '../collect/daemon/daemon-client.ts';
import { errorCode } from '../errors/slapos-error.ts';
import type { HostFiles } from '../host/host.ts';
import { AVAILABLE, reasonOf, unavailable } from './availability.ts';
import {
  type CollectedMinute,
  readCollectedFolders,
  readCollectedMinute,
} from './collector-database.ts';
import type { Availability, Consumption, NodeStatus } from './model.ts';

export interface ConsumptionOfNode {
  readonly consumption: NodeStatus['consumption'];
  /** @param reference of the partition @param user who owns it */
  find(reference: string, user: string): Consumption | null;
}

export function collectorDatabase(instanceRoot: string): string {
  return `${instanceRoot}/var/data-log/collector.db`;
}

/** The daemon has its answer in memory. */
export const DAEMON_PATIENCE: Patience = { answerMs: 1500, silenceMs: 1500 };

/** Rows come once a minute; a writer may be in the middle of them. */
const DATABASE_INTERVAL_MS = 5000;
/** Rows that are older say nothing of now. */
const MAX_AGE_MS = 15 * 60_000;
const EMPTY: CollectedMinute = { atMs: null, consumption: new Map(), diskBytes: new Map() };

export interface ConsumptionReaderOptions {
  readonly files: Pick<HostFiles, 'stat'>;
  readonly instanceRoot: string;
  readonly nowMs: () => number;
  readonly readSamples?: typeof readPartitions;
}

type DatabasePart = 'folders' | 'all';

export class ConsumptionReader {
  readonly #options: ConsumptionReaderOptions;
  readonly #path: string;
  #part: DatabasePart = 'folders';
  #version = '';
  #readAtMs = Number.NEGATIVE_INFINITY;
  #minute: CollectedMinute = EMPTY;
  #database: Availability = AVAILABLE;

  constructor(options: ConsumptionReaderOptions) {
    this.#options = options;
    this.#path = collectorDatabase(options.instanceRoot);
  }

  async read(): Promise<ConsumptionOfNode> {
    const { instanceRoot, readSamples = readPartitions } = this.#options;
    const sample = await readSamples(daemonSocket(instanceRoot), DAEMON_PATIENCE);
    await this.#readDatabase(sample === undefined ? 'all' : 'folders');
    return sample === undefined ? this.#fromDatabase() : this.#fromDaemon(sample);
  }

  /** How full a folder is only the database knows. */
  #fromDaemon({ atMs, partitions }: NodeSample): ConsumptionOfNode {
    const { diskBytes } = this.#minute;
    const samples = new Map(partitions.map((one) => [one.partition, one]));
    return {
      consumption: { ...AVAILABLE, source: 'daemon' },
      find(reference, user) {
        const sample = samples.get(reference);
        return sample === undefined ? null : toConsumption(sample, atMs, diskBytes.get(user));
      },
    };
  }

  #fromDatabase(): ConsumptionOfNode {
    const { atMs, consumption } = this.#minute;
    const isOld = atMs === null || this.#options.nowMs() - atMs > MAX_AGE_MS;
    const reason = !this.#database.isAvailable
      ? this.#database.reason
      : isOld
        ? `${this.#path} has no row of the last minutes.`
        : '';
    if (reason !== '') {
      const both = `No daemon of \`slapos node collect\` answers, and ${reason}`;
      return { consumption: { ...unavailable(both), source: 'none' }, find: () => null };
    }
    return {
      consumption: { ...AVAILABLE, source: 'database' },
      find: (_, user) => consumption.get(user) ?? null,
    };
  }

  /** Reads it again when it has changed, or more of it is wanted. */
  async #readDatabase(part: DatabasePart): Promise<void> {
    const nowMs = this.#options.nowMs();
    const hasPart = this.#part === 'all' || part === 'folders';
    if (hasPart && Math.abs(nowMs - this.#readAtMs) < DATABASE_INTERVAL_MS) return;
    this.#readAtMs = nowMs;
    this.#part = part;
    try {
      const status = await this.#options.files.stat(this.#path);
      const version = status === undefined ? 'none' : `${status.modifiedMs} ${status.sizeBytes}`;
      if (hasPart && version === this.#version) return;
      if (status === undefined) {
        this.#minute = EMPTY;
        this.#database = unavailable(`${this.#path} does not exist.`);
      } else {
        const read = part === 'all' ? readCollectedMinute : readCollectedFolders;
        this.#minute = await read(this.#path);
        this.#database = AVAILABLE;
      }
      this.#version = version;
    } catch (error) {
      // A moment's lock leaves what was read before; its age tells when that is of no use.
      if (hasPart && errorCode(error) === 'SQLITE_BUSY' && this.#minute !== EMPTY) return;
      this.#minute = EMPTY;
      this.#version = '';
      this.#database = unavailable(`${this.#path}: ${reasonOf(error)}.`);
    }
  }
}

function toConsumption(
  sample: PartitionSample,
  atMs: number,
  diskBytes: number | undefined,
): Consumption {
  return {
    atMs,
    cpu: sample.cpu,
    rssBytes: sample.rssBytes,
    processes: sample.processes,
    threads: sample.threads,
    readBytesPerS: sample.readBytesPerS,
    writeBytesPerS: sample.writeBytesPerS,
    netInBytesPerS: sample.netInBytesPerS,
    netOutBytesPerS: sample.netOutBytesPerS,
    diskBytes: diskBytes ?? null,
  };
}
