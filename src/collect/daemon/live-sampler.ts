/** Samples the node again and again, and knows what every partition consumes. */
import type { ProcessReader, UsageTable } from '../../host/process/process-reader.ts';
import type { CollectHost } from '../collect-host.ts';
import type { CollectUser } from '../sample.ts';
import { type CgroupFacts, CgroupTimes } from './cgroup-times.ts';
import { type CertificateExpiry, MetricsPage, type Pressure } from './metrics.ts';
import { PartitionStates, type Traffic } from './partition-state.ts';
import { PRESSURE_RESOURCES, parsePressure, parseTapTraffic } from './pressure.ts';
import { ProcessAccountant } from './process-accountant.ts';
import { SampleJson } from './sample-json.ts';
import { SeriesRing, type SeriesView } from './series.ts';
import type { ServedState } from './server.ts';

const TICK_MS = 10;
/** One hour at one second; at other intervals as many samples. */
const KEPT_SAMPLES = 3600;

export interface LiveSamplerOptions {
  readonly host: Pick<CollectHost, 'readKernelText' | 'accounts' | 'nowMs' | 'monotonicMs'>;
  readonly reader: ProcessReader;
  /** Absent where there is no cgroup v2. */
  readonly cgroups?: CgroupFacts | undefined;
  readonly users: readonly CollectUser[];
  /** Name of the tap of each partition. */
  readonly taps: readonly string[];
  /** CPU time and memory of this process. */
  readonly ownCost: () => { readonly cpuS: number; readonly rssBytes: number };
}

export class LiveSampler implements ServedState {
  readonly #options: LiveSamplerOptions;
  readonly #names: readonly string[];
  readonly #states: PartitionStates;
  readonly #ring: SeriesRing;
  readonly #metricsPage: MetricsPage;
  readonly #sampleJson: SampleJson;
  readonly #accountant = new ProcessAccountant();
  readonly #cgroupTimes: CgroupTimes | undefined;
  #uids: readonly number[] = [];
  /** Name of the partition, which is that of its group of services, by its user. */
  #groupOf: ReadonlyMap<number, string> = new Map();
  #pressure: readonly Pressure[] = [];
  #failingPromises: ReadonlyArray<number | undefined> = [];
  #certificates: readonly CertificateExpiry[] = [];
  #atMs = 0;
  #lastJson: Buffer | undefined;
  #sampleCount = 0;
  #skippedCount = 0;
  #sampleS = 0;

  constructor(options: LiveSamplerOptions) {
    this.#options = options;
    this.#names = options.users.map(({ path }) => path.slice(path.lastIndexOf('/') + 1));
    this.#states = new PartitionStates(this.#names);
    this.#ring = new SeriesRing(this.#names.length, KEPT_SAMPLES);
    this.#metricsPage = new MetricsPage(this.#names);
    this.#sampleJson = new SampleJson(this.#names);
    if (options.cgroups !== undefined) this.#cgroupTimes = new CgroupTimes(options.cgroups);
  }

  /** Looks the users of the partitions up again: format may have made some. */
  async readUsers(): Promise<void> {
    const { users } = await this.#options.host.accounts.read();
    const byName = new Map(users.map(({ name, uid }) => [name, uid]));
    const uids = this.#options.users.map(({ name }) => byName.get(name));
    this.#states.nameUsers(uids);
    this.#uids = uids.filter((uid) => uid !== undefined);
    const names = uids.map((uid, index) => [uid ?? -1, this.#names[index] ?? ''] as const);
    this.#groupOf = new Map(names);
  }

  /** Takes one sample. */
  async sample(): Promise<void> {
    const { host, reader } = this.#options;
    const beganMs = host.monotonicMs();
    const usage =
      (await reader.observeUsage?.(this.#uids)) ?? (await this.#accountProcesses(beganMs));
    const traffic = this.#readTraffic();
    this.#pressure = PRESSURE_RESOURCES.flatMap((resource) => {
      return parsePressure(resource, host.readKernelText(`/proc/pressure/${resource}`));
    });
    this.#states.add({ monotonicMs: beganMs, usage, traffic });
    this.#atMs = host.nowMs();
    this.#ring.push(this.#atMs, this.#states.rows);
    this.#lastJson = undefined;
    this.#sampleCount += 1;
    this.#sampleS = (host.monotonicMs() - beganMs) / 1000;
  }

  /** For a reader that knows only who lives. */
  async #accountProcesses(beganMs: number): Promise<UsageTable> {
    const table = await this.#options.reader.observe(this.#uids);
    const cgroups = this.#cgroupTimes?.add(table, this.#groupOf);
    return this.#accountant.add(table, beganMs / TICK_MS, cgroups);
  }

  noteSkipped(): void {
    this.#skippedCount += 1;
  }

  noteCertificates(certificates: readonly CertificateExpiry[]): void {
    this.#certificates = certificates;
  }

  noteFailingPromises(counts: ReadonlyArray<number | undefined>): void {
    this.#failingPromises = counts;
  }

  metrics(isOpenMetrics: boolean): Buffer {
    const cost = {
      ...this.#options.ownCost(),
      sampleCount: this.#sampleCount,
      skippedCount: this.#skippedCount,
      sampleS: this.#sampleS,
    };
    const input = {
      states: this.#states,
      pressure: this.#pressure,
      failingPromises: this.#failingPromises,
      certificates: this.#certificates,
      reader: this.#options.reader.kind,
      cost,
    };
    return this.#metricsPage.render(input, isOpenMetrics);
  }

  /** The same bytes for whoever asks before the next sample. */
  sampleJson(): Buffer {
    this.#lastJson ??= this.#sampleJson.render(this.#atMs, this.#states);
    return this.#lastJson;
  }

  series(partition: string, sinceMs: number): SeriesView | undefined {
    const index = this.#names.indexOf(partition);
    return index < 0 ? undefined : this.#ring.read(index, sinceMs);
  }

  #readTraffic(): ReadonlyArray<Traffic | undefined> {
    const devices = parseTapTraffic(this.#options.host.readKernelText('/proc/net/dev'));
    return this.#options.taps.map((name) => devices.get(name));
  }
}
