/** The state of the node for a scraper: OpenMetrics 1.0 and Prometheus' older text format. */
import { COUNTER_FIELDS, type PartitionCounters, type PartitionStates } from './partition-state.ts';
import { SERIES_FIELDS, type SeriesField } from './series.ts';
import { TextBytes } from './text-bytes.ts';

/** What the collector itself costs. */
export interface OwnCost {
  readonly cpuS: number;
  readonly rssBytes: number;
  /** Samples taken, those that were left out because the one before was not done. */
  readonly sampleCount: number;
  readonly skippedCount: number;
  /** Duration of the last sample. */
  readonly sampleS: number;
}

/** Pressure stall information of one resource (Documentation/accounting/psi.rst). */
export interface Pressure {
  readonly resource: 'cpu' | 'memory' | 'io';
  readonly kind: 'some' | 'full';
  /** Seconds stalled since boot. */
  readonly stalledS: number;
}

/** Until when a certificate of the node, or of a partition, is valid. */
export interface CertificateExpiry {
  readonly name: string;
  readonly notAfterMs: number;
}

export interface MetricsInput {
  readonly states: Pick<PartitionStates, 'counters' | 'rows'>;
  readonly pressure: readonly Pressure[];
  readonly cost: OwnCost;
  readonly reader: 'bpf' | 'procfs';
  /** Failing promises by partition; undefined where none has run. */
  readonly failingPromises: ReadonlyArray<number | undefined>;
  readonly certificates?: readonly CertificateExpiry[];
}

interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'info';
  readonly help: string;
  readonly unit?: string;
}

/** Labels and value of each sample of a family of the node. */
type Samples = ReadonlyArray<readonly [labels: string, value: number]>;

export const OPENMETRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

type Place = keyof PartitionCounters | SeriesField;

/** name, type, unit, help of each family of a partition, and where its values stand */
const PARTITION: ReadonlyArray<readonly [string, 'counter' | 'gauge', string, string, Place]> = [
  ['cpu_seconds', 'counter', 'seconds', 'CPU time of its processes', 'cpuS'],
  ['memory_rss_bytes', 'gauge', 'bytes', 'resident memory', 'rssBytes'],
  ['processes', 'gauge', '', 'processes', 'processes'],
  ['threads', 'gauge', '', 'threads', 'threads'],
  ['read_bytes', 'counter', 'bytes', 'read from storage', 'readBytes'],
  ['written_bytes', 'counter', 'bytes', 'written to storage', 'writeBytes'],
  ['read_calls', 'counter', '', 'system calls that read', 'readCalls'],
  ['write_calls', 'counter', '', 'system calls that write', 'writeCalls'],
  ['network_receive_bytes', 'counter', 'bytes', 'to its tap', 'netInBytes'],
  ['network_transmit_bytes', 'counter', 'bytes', 'from its tap', 'netOutBytes'],
];

const FAILING: Family = {
  name: 'slapos_partition_failing_promises',
  type: 'gauge',
  help: 'promises whose last result is a failure',
};

/** A family with what stands before the value of each partition, which never changes. */
interface PartitionFamily {
  readonly family: Family;
  readonly heads: readonly Buffer[];
  readonly place: Place;
}

export class MetricsPage {
  readonly #text = new TextBytes();
  readonly #families: readonly PartitionFamily[];
  readonly #failingHeads: readonly Buffer[];

  /** @param names of the partitions */
  constructor(names: readonly string[]) {
    this.#families = PARTITION.map(([name, type, unit, help, place]) => {
      const family = { name: `slapos_partition_${name}`, type, unit, help };
      return { family, heads: partitionHeads(family, names), place };
    });
    this.#failingHeads = partitionHeads(FAILING, names);
  }

  /** @param isOpenMetrics else the text format 0.0.4, for scrapers that do not ask for the newer one */
  render(input: MetricsInput, isOpenMetrics: boolean): Buffer {
    const text = this.#text;
    text.clear();
    for (const { family, heads, place } of this.#families) {
      text.appendText(renderHead(family, isOpenMetrics));
      const read = readerOf(place, input.states);
      for (const [partition, head] of heads.entries()) this.#appendLine(head, read(partition));
    }
    this.#appendFailing(input.failingPromises, isOpenMetrics);
    for (const [family, samples] of nodeFamilies(input)) {
      text.appendText(renderFamily(family, samples, isOpenMetrics));
    }
    if (isOpenMetrics) text.appendText('# EOF\n');
    return text.toBytes();
  }

  #appendFailing(counts: ReadonlyArray<number | undefined>, isOpenMetrics: boolean): void {
    if (counts.every((count) => count === undefined)) return;
    this.#text.appendText(renderHead(FAILING, isOpenMetrics));
    for (const [partition, head] of this.#failingHeads.entries()) {
      const count = counts[partition];
      if (count !== undefined) this.#appendLine(head, count);
    }
  }

  #appendLine(head: Buffer, value: number): void {
    this.#text.append(head);
    this.#text.appendNumber(value);
    this.#text.appendLineEnd();
  }
}

function partitionHeads(family: Family, names: readonly string[]): Buffer[] {
  const name = sampleName(family);
  return names.map((partition) => Buffer.from(`${name}{partition="${escapeLabel(partition)}"} `));
}

function readerOf(place: Place, { counters, rows }: MetricsInput['states']) {
  const [values, fields]: [Float64Array, readonly Place[]] = (
    COUNTER_FIELDS as readonly Place[]
  ).includes(place)
    ? [counters, COUNTER_FIELDS]
    : [rows, SERIES_FIELDS];
  const [first, step] = [fields.indexOf(place), fields.length];
  return (partition: number) => values[partition * step + first] ?? 0;
}

function nodeFamilies({
  pressure,
  cost,
  reader,
  certificates = [],
}: MetricsInput): Array<[Family, Samples]> {
  const one = (
    name: string,
    type: Family['type'],
    help: string,
    value: number,
    labels = '',
  ): [Family, Samples] => [{ name: `slapos_${name}`, type, help }, [[labels, value]]];
  return [
    [
      {
        name: 'slapos_node_pressure_seconds',
        type: 'counter',
        unit: 'seconds',
        help: 'time in which tasks waited for a resource',
      },
      pressure.map(({ resource, kind, stalledS }) => [
        `resource="${resource}",kind="${kind}"`,
        stalledS,
      ]),
    ],
    [
      {
        name: 'slapos_certificate_expiry_timestamp_seconds',
        type: 'gauge',
        unit: 'seconds',
        help: 'end of the validity of a certificate, since the epoch',
      },
      certificates.map(({ name, notAfterMs }) => [
        `name="${escapeLabel(name)}"`,
        Math.floor(notAfterMs / 1000),
      ]),
    ],
    one('collector_cpu_seconds', 'counter', 'CPU time of the collector', cost.cpuS),
    one('collector_memory_rss_bytes', 'gauge', 'resident memory of the collector', cost.rssBytes),
    one('collector_samples', 'counter', 'samples taken', cost.sampleCount),
    one('collector_skipped_samples', 'counter', 'samples left out', cost.skippedCount),
    one('collector_sample_duration_seconds', 'gauge', 'duration of the last one', cost.sampleS),
    one('collector_reader', 'info', 'who reads the processes', 1, `reader="${reader}"`),
  ];
}

function renderFamily(family: Family, samples: Samples, isOpenMetrics: boolean): string {
  if (samples.length === 0) return '';
  const name = sampleName(family);
  const lines = samples.map(([labels, value]) => {
    return `${name}${labels === '' ? '' : `{${labels}}`} ${value}\n`;
  });
  return renderHead(family, isOpenMetrics) + lines.join('');
}

function sampleName({ name, type }: Family): string {
  return `${name}${type === 'counter' ? '_total' : type === 'info' ? '_info' : ''}`;
}

function renderHead(family: Family, isOpenMetrics: boolean): string {
  const { name, type, unit, help } = family;
  const named = isOpenMetrics ? name : sampleName(family);
  const lines = [
    `# TYPE ${named} ${type === 'info' && !isOpenMetrics ? 'gauge' : type}`,
    ...(isOpenMetrics && unit ? [`# UNIT ${name} ${unit}`] : []),
    `# HELP ${named} ${help}`,
  ];
  return `${lines.join('\n')}\n`;
}

function escapeLabel(text: string): string {
  return text.replace(/[\\"\n]/g, (found) => (found === '\n' ? '\\n' : `\\${found}`));
}
