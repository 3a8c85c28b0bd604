/** The state of the node for a scraper: OpenMetrics 1.0 and Prometheus' older text format. */
import type { PartitionState } from './partition-state.ts';

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

export interface MetricsInput {
  readonly partitions: readonly PartitionState[];
  readonly pressure: readonly Pressure[];
  readonly cost: OwnCost;
  readonly reader: 'bpf' | 'procfs';
  /** Failing promises by partition; undefined where none has run. */
  readonly failingPromises: ReadonlyArray<number | undefined>;
}

interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'info';
  readonly help: string;
  readonly unit?: string;
  /** Labels and value of each sample. */
  readonly samples: ReadonlyArray<readonly [labels: string, value: number]>;
}

export const OPENMETRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** @param isOpenMetrics else the text format 0.0.4, for scrapers that do not ask for the newer one */
export function renderMetrics(input: MetricsInput, isOpenMetrics: boolean): string {
  const families = [...partitionFamilies(input), ...nodeFamilies(input)];
  const text = families.map((family) => renderFamily(family, isOpenMetrics)).join('');
  return isOpenMetrics ? `${text}# EOF\n` : text;
}

type Read = (state: PartitionState) => number;

/** name, type, unit, help and value of each family of a partition */
const PARTITION: ReadonlyArray<readonly [string, 'counter' | 'gauge', string, string, Read]> = [
  ['cpu_seconds', 'counter', 'seconds', 'CPU time of its processes', (s) => s.counters.cpuS],
  ['memory_rss_bytes', 'gauge', 'bytes', 'resident memory', (s) => s.row.rssBytes],
  ['processes', 'gauge', '', 'processes', (s) => s.row.processes],
  ['threads', 'gauge', '', 'threads', (s) => s.row.threads],
  ['read_bytes', 'counter', 'bytes', 'read from storage', (s) => s.counters.readBytes],
  ['written_bytes', 'counter', 'bytes', 'written to storage', (s) => s.counters.writeBytes],
  ['read_calls', 'counter', '', 'system calls that read', (s) => s.counters.readCalls],
  ['write_calls', 'counter', '', 'system calls that write', (s) => s.counters.writeCalls],
  ['network_receive_bytes', 'counter', 'bytes', 'to its tap', (s) => s.counters.netInBytes],
  ['network_transmit_bytes', 'counter', 'bytes', 'from its tap', (s) => s.counters.netOutBytes],
];

function partitionFamilies({ partitions, failingPromises }: MetricsInput): Family[] {
  const labels = partitions.map(({ name }) => `partition="${escapeLabel(name)}"`);
  const families = PARTITION.map(([name, type, unit, help, read]): Family => {
    const samples = partitions.map((state, index) => [labels[index] ?? '', read(state)] as const);
    return { name: `slapos_partition_${name}`, type, unit, help, samples };
  });
  const failing = failingPromises.flatMap((count, index) =>
    count === undefined ? [] : [[labels[index] ?? '', count] as const],
  );
  const help = 'promises whose last result is a failure';
  return [
    ...families,
    { name: 'slapos_partition_failing_promises', type: 'gauge', help, samples: failing },
  ];
}

function nodeFamilies({ pressure, cost, reader }: MetricsInput): Family[] {
  const one = (name: string, type: Family['type'], help: string, value: number, labels = '') => ({
    name: `slapos_${name}`,
    type,
    help,
    samples: [[labels, value] as const],
  });
  return [
    {
      name: 'slapos_node_pressure_seconds',
      type: 'counter',
      unit: 'seconds',
      help: 'time in which tasks waited for a resource',
      samples: pressure.map(({ resource, kind, stalledS }) => [
        `resource="${resource}",kind="${kind}"`,
        stalledS,
      ]),
    },
    one('collector_cpu_seconds', 'counter', 'CPU time of the collector', cost.cpuS),
    one('collector_memory_rss_bytes', 'gauge', 'resident memory of the collector', cost.rssBytes),
    one('collector_samples', 'counter', 'samples taken', cost.sampleCount),
    one('collector_skipped_samples', 'counter', 'samples left out', cost.skippedCount),
    one('collector_sample_duration_seconds', 'gauge', 'duration of the last one', cost.sampleS),
    one('collector_reader', 'info', 'who reads the processes', 1, `reader="${reader}"`),
  ];
}

function renderFamily(family: Family, isOpenMetrics: boolean): string {
  const { name, type, unit, help, samples } = family;
  if (samples.length === 0) return '';
  const suffix = type === 'counter' ? '_total' : type === 'info' ? '_info' : '';
  const named = isOpenMetrics ? name : `${name}${suffix}`;
  const head = [
    `# TYPE ${named} ${type === 'info' && !isOpenMetrics ? 'gauge' : type}`,
    ...(isOpenMetrics && unit ? [`# UNIT ${name} ${unit}`] : []),
    `# HELP ${named} ${help}`,
  ];
  const lines = samples.map(([labels, value]) => {
    return `${name}${suffix}${labels === '' ? '' : `{${labels}}`} ${value}`;
  });
  return `${[...head, ...lines].join('\n')}\n`;
}

function escapeLabel(text: string): string {
  return text.replace(/[\\"\n]/g, (found) => (found === '\n' ? '\\n' : `\\${found}`));
}
