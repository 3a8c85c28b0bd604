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
export const DAEMON_PATIENCE: Patience = { answerMs: 1500 };

/** Rows come once a minute; a writer may be in the middle of them. */
const DATABASE_INTERVAL_MS = 5000;
/** Twice the longest interval: a daemon that takes no samples any more says nothing of now. */
const MAX_SAMPLE_AGE_MS = 130_000;
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

  /** @param references of the partitions that are asked for */
  async read(references: readonly string[]): Promise<ConsumptionOfNode> {
    const { instanceRoot, nowMs, readSamples = readPartitions } = this.#options;
    const sample = await readSamples(daemonSocket(instanceRoot), DAEMON_PATIENCE);
    if (sample === undefined || Math.abs(nowMs() - sample.atMs) > MAX_SAMPLE_AGE_MS) {
      await this.#readDatabase('all');
      return this.#fromDatabase(sample);
    }
    const samples = new Map(sample.partitions.map((one) => [one.partition, one]));
    const isWhole = references.every((reference) => samples.has(reference));
    await this.#readDatabase(isWhole ? 'folders' : 'all');
    return this.#fromDaemon(sample.atMs, samples);
  }

  /** How full a folder is only the database knows, and perhaps partitions that the daemon does not. */
  #fromDaemon(atMs: number, samples: ReadonlyMap<string, PartitionSample>): ConsumptionOfNode {
    const { consumption, diskBytes } = this.#minute;
    const isOld = this.#isOld();
    return {
      consumption: { ...AVAILABLE, source: 'daemon' },
      find(reference, user) {
        const sample = samples.get(reference);
        if (sample !== undefined) return toConsumption(sample, atMs, diskBytes.get(user));
        return isOld ? null : (consumption.get(user) ?? null);
      },
    };
  }

  #isOld(): boolean {
    const { atMs } = this.#minute;
    return atMs === null || Math.abs(this.#options.nowMs() - atMs) > MAX_AGE_MS;
  }

  /** @param last sample of a daemon that takes no more */
  #fromDatabase(last: NodeSample | undefined): ConsumptionOfNode {
    const { consumption } = this.#minute;
    const reason = !this.#database.isAvailable
      ? this.#database.reason
      : this.#isOld()
        ? `${this.#path} has no row of the last minutes.`
        : '';
    if (reason !== '') {
      const both = `${withoutDaemon(last, this.#options.nowMs())}, and ${reason}`;
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

function withoutDaemon(last: NodeSample | undefined, nowMs: number): string {
  if (last === undefined) return 'No daemon of `slapos node collect` answers';
  const ageS = Math.round(Math.abs(nowMs - last.atMs) / 1000);
  return `The daemon of \`slapos node collect\` has taken no sample for ${ageS} s (see its log)`;
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
