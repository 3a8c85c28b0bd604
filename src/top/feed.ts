/** Brings together what is shown: the status of the node, figures, and what is looked into. */

import type { SeriesRow } from '../collect/daemon/series.ts';
import { errorMessage } from '../errors/slapos-error.ts';
import type { HostFiles } from '../host/host.ts';
import type { ProcessReader } from '../host/process/process-reader.ts';
import { readLog } from '../status/logs.ts';
import type { Consumption, NodeStatus, PartitionStatus } from '../status/model.ts';
import { readNodeStatus } from '../status/read-status.ts';
import { readSampleSeries } from '../status/series.ts';
import type { StatusSources } from '../status/sources.ts';
import type { LogChannel, ProcessList, ServiceLog } from './data.ts';
import { History, type PartitionHistory } from './history.ts';
import { type MachineLoad, parseMachineLoad } from './machine-load.ts';
import { OwnSampler, type OwnSamplerOptions } from './own-sampler.ts';
import { ProcessListReader } from './process-list.ts';

export interface FeedOptions extends OwnSamplerOptions {
  readonly sources: StatusSources;
  readonly isRoot: boolean;
  readonly files: Pick<HostFiles, 'readText'>;
  /** For lists of processes: that of {@link OwnSampler} goes on with the same users. */
  readonly openListReader: () => Promise<ProcessReader>;
}

/** What of the node is looked at more closely. */
export interface Focus {
  readonly partition: string | null;
  readonly log: { readonly service: string; readonly channel: LogChannel } | null;
}

export interface NodeView {
  readonly status: NodeStatus;
  readonly machine: MachineLoad;
  readonly figures: string;
  /** False at a first look of our own, which has nothing to compare with. */
  readonly isSettled: boolean;
}

export interface FocusView {
  readonly processes: ProcessList | null;
  readonly log: ServiceLog | null;
}

const LOG_LINES = 1000;

/** Partitions whose past is asked for at a look: as many as a large screen shows. */
const PASTS_AT_ONCE = 64;
const PAST_MS = 300_000;

export class TopFeed {
  readonly #history = new History();
  /** Partitions that were shown, and whether their past was asked for. */
  readonly #shown = new Map<string, boolean>();
  readonly #options: FeedOptions;
  readonly #sampler: OwnSampler;
  #listReader: Promise<ProcessReader> | undefined;
  #processes: { readonly partition: string; readonly reader: ProcessListReader } | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#sampler = new OwnSampler(options);
  }

  /** The last minutes; what came before the first look is asked for at the next one. */
  readonly historyOf = (reference: string): PartitionHistory => {
    if (!this.#shown.has(reference)) this.#shown.set(reference, false);
    return this.#history.of(reference);
  };

  /** Looks at the whole node, and remembers its figures. */
  async readNode(): Promise<NodeView> {
    const [told, machine] = await Promise.all([
      readNodeStatus(this.#options.sources),
      readMachineLoad(this.#options.files),
    ]);
    if (told.consumption.source !== 'daemon') {
      const view = await this.#measure(told);
      if (view.status.consumption.source === 'samples') this.#history.add(view.status);
      return { ...view, machine };
    }
    this.#history.add(told);
    await this.#readPast(told.takenAtMs - PAST_MS);
    return { status: told, figures: "collector's daemon", isSettled: true, machine };
  }

  /** What the daemon has kept of partitions that are shown. */
  async #readPast(sinceMs: number): Promise<void> {
    const wanted = [...this.#shown].flatMap(([name, isAsked]) => (isAsked ? [] : name));
    for (const reference of wanted.slice(0, PASTS_AT_ONCE)) {
      this.#shown.set(reference, true);
      const series = await readSampleSeries(this.#options.sources, reference, sinceMs);
      if (series === undefined) continue;
      const { timesMs, values } = series;
      const { cpu = [], rssBytes = [] } = values;
      this.#history.addPast(reference, { timesMs, cpu, rssBytes });
    }
  }

  async readFocus(status: NodeStatus, focus: Focus): Promise<FocusView> {
    const partition = status.partitions.find(({ reference }) => reference === focus.partition);
    if (partition === undefined) return { processes: null, log: null };
    const { log } = focus;
    if (log !== null) return { processes: null, log: await this.#readLog(partition, log) };
    return { processes: await this.#listProcesses(partition), log: null };
  }

  async #measure(told: NodeStatus): Promise<Omit<NodeView, 'machine'>> {
    try {
      const rows = await this.#sampler.sample(told.partitions);
      const { kind } = await this.#sampler.reader();
      const limits = this.#options.isRoot ? '' : ', disk traffic only for root';
      const figures = `own samples (${kind}${limits})`;
      const isSettled = this.#sampler.hasRates;
      // Until the second look there is nothing to blame anybody for.
      const silent = { ...told, consumption: { ...told.consumption, reason: '' } };
      return { status: isSettled ? withSamples(told, rows) : silent, figures, isSettled };
    } catch (error) {
      const figures = `${told.consumption.source}, own samples fail: ${errorMessage(error)}`;
      return { status: told, figures, isSettled: true };
    }
  }

  async #listProcesses({ reference, uid }: PartitionStatus): Promise<ProcessList> {
    if (uid === null) return { partition: reference, rows: [], problem: '' };
    if (this.#processes?.partition !== reference) {
      this.#processes = { partition: reference, reader: new ProcessListReader() };
    }
    try {
      const table = await (await this.#openListReader()).observe([uid]);
      const rows = this.#processes.reader.add(table, this.#options.monotonicMs());
      return { partition: reference, rows, problem: '' };
    } catch (error) {
      return { partition: reference, rows: [], problem: errorMessage(error) };
    }
  }

  /** Opened when a partition is looked into for the first time. */
  #openListReader(): Promise<ProcessReader> {
    this.#listReader ??= this.#options.openListReader().catch((error: unknown) => {
      this.#listReader = undefined;
      throw error;
    });
    return this.#listReader;
  }

  async #readLog(
    { reference: partition }: PartitionStatus,
    { channel, service }: NonNullable<Focus['log']>,
  ): Promise<ServiceLog> {
    const name = `service:${service}${channel === 'stderr' ? ':stderr' : ''}`;
    const found = await readLog(this.#options.sources, partition, name, LOG_LINES);
    const nothing =
      channel === 'stderr'
        ? 'Its errors have no log of their own: Tab shows the other one.'
        : 'It has no log in the folder of its partition.';
    const { lines, problem } = found ?? { lines: [], problem: nothing };
    return { partition, service, channel, lines, problem };
  }
}

/** The size of the folder is what the collector last measured. */
function withSamples(told: NodeStatus, rows: ReadonlyMap<string, SeriesRow>): NodeStatus {
  const atMs = told.takenAtMs;
  const toConsumption = (row: SeriesRow, diskBytes: number | null): Consumption => ({
    atMs,
    cpu: row.cpu,
    rssBytes: row.rssBytes,
    processes: row.processes,
    threads: row.threads,
    readBytesPerS: row.readBytesPerS,
    writeBytesPerS: row.writeBytesPerS,
    netInBytesPerS: row.netInBytesPerS,
    netOutBytesPerS: row.netOutBytesPerS,
    diskBytes,
  });
  return {
    ...told,
    consumption: { isAvailable: true, reason: '', source: 'samples' },
    partitions: told.partitions.map((partition) => {
      const row = rows.get(partition.reference);
      if (row === undefined || partition.uid === null) return partition;
      return {
        ...partition,
        consumption: toConsumption(row, partition.consumption?.diskBytes ?? null),
      };
    }),
  };
}

async function readMachineLoad(files: Pick<HostFiles, 'readText'>): Promise<MachineLoad> {
  const read = async (path: string) => (await files.readText(path).catch(() => '')) ?? '';
  const [loadavg, meminfo, cpuPressure, memoryPressure, ioPressure] = await Promise.all([
    read('/proc/loadavg'),
    read('/proc/meminfo'),
    read('/proc/pressure/cpu'),
    read('/proc/pressure/memory'),
    read('/proc/pressure/io'),
  ]);
  return parseMachineLoad({ loadavg, meminfo, cpuPressure, memoryPressure, ioPressure });
}
