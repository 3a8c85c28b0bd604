/** The lines at the top: the node, or the partition that is looked into. Pure. */
import type { NodeStatus, PartitionStatus } from '../status/model.ts';
import {
  CPU_SCALE,
  RSS_SCALE,
  renderBytes,
  renderCpu,
  renderSparkline,
  renderTime,
  type SparklineScale,
} from './amount.ts';
import type { TopData } from './data.ts';
import { layOut } from './layout.ts';
import {
  EMPTY_LINE,
  flowFacts,
  harmless,
  type Line,
  line,
  type Span,
  type Style,
  span,
} from './line.ts';
import type { MachineLoad } from './machine-load.ts';
import { countStates, findPartition } from './rows.ts';
import type { Size, TopState } from './state.ts';

/** What the user sees. */
export interface Seen {
  readonly data: TopData;
  readonly size: Size;
}

/** The lines that the head of a view has to show. */
export function renderHead(state: TopState, { data, size }: Seen, isAscii: boolean): Line[] {
  if (state.text !== null) return [renderTextHead(state)];
  const partition = findPartition(data.status, state.partition);
  return partition === undefined
    ? renderNodeHead(data, size.columns)
    : renderPartitionHead(partition, data, size.columns, isAscii);
}

/** How many rows there are for a list or a text. */
export function bodyRows(state: TopState, seen: Seen): number {
  return layOut(state, seen.size, renderHead(state, seen, false).length).body;
}

function renderTextHead({ partition, text }: TopState): Line {
  const place = harmless(partition ?? '');
  const subject = text?.subject;
  if (subject?.kind === 'log') {
    const following = text?.top === null ? 'its end, as it grows' : 'not following: End follows';
    return line(
      span(`${place}:${harmless(subject.service)}`, 'bold'),
      span(`  ${subject.channel}  `),
      span(following, 'dim'),
    );
  }
  if (subject?.kind === 'promise') {
    return line(span(`${place} promise ${harmless(subject.title)}`, 'bold'));
  }
  if (subject?.kind === 'service') {
    return line(span(`${place}:${harmless(subject.name)}`, 'bold'));
  }
  return line(span('Help', 'bold'));
}

type Fact = readonly Span[];

/** Percent of waiting from which it is worth a look. */
const HIGH_PRESSURE = 10;

function fact(label: string, value: string, style: Style = 'plain'): Fact {
  return [span(`${label} `, 'dim'), span(value, style)];
}

export function renderNodeHead(data: TopData, columns: number): Line[] {
  const { figures, machine, status } = data;
  const name = status.computerId === '' ? 'this computer' : harmless(status.computerId);
  return flowFacts(
    [
      [span(name, 'bold'), span(` ${renderTime(status.takenAtMs).slice(-8)}`, 'dim')],
      ...stateFacts(status),
      ...machineFacts(machine),
      fact('figures', harmless(figures)),
      ...problemFacts(status),
    ],
    columns,
  );
}

function machineFacts({ load, memoryBytes, pressure }: MachineLoad): Fact[] {
  const facts: Fact[] = [];
  if (load.length > 0) facts.push(fact('load', load.map((each) => each.toFixed(2)).join(' ')));
  if (memoryBytes !== null) {
    const { available, total } = memoryBytes;
    facts.push(fact('mem', `${renderBytes(total - available)} of ${renderBytes(total)}`));
  }
  if (pressure !== null) {
    const value = (percent: number) => `${Math.round(percent)}%`;
    const { cpu, io, memory } = pressure;
    const isHigh = Math.max(cpu, io, memory) >= HIGH_PRESSURE;
    const text = `cpu ${value(cpu)} mem ${value(memory)} io ${value(io)}`;
    facts.push(fact('pressure', text, isHigh ? 'bad' : 'plain'));
  }
  return facts;
}

function stateFacts({ document, partitions, supervisor }: NodeStatus): Fact[] {
  const counts = countStates({
    services: partitions.flatMap(({ services }) => services),
    promises: partitions.flatMap(({ promises }) => promises),
  });
  const free = partitions.filter(({ instance }) => instance === null).length;
  const freeText = free > 0 && document?.isAvailable !== false ? ` (${free} free)` : '';
  const failed = (count: number): Span[] =>
    count > 0 ? [span(' '), span(`!${count} failed`, 'bad')] : [];
  const services = supervisor.isAvailable
    ? [
        ...fact('services', `${counts.running} of ${counts.services} run`),
        ...failed(counts.failedServices),
      ]
    : fact('services', 'unknown', 'bad');
  return [
    fact('partitions', `${partitions.length}${freeText}`),
    services,
    [...fact('promises', String(counts.promises)), ...failed(counts.failedPromises)],
  ];
}

/** What could not be asked, and why. */
function problemFacts(status: NodeStatus): Fact[] {
  return listProblems(status).map((problem) => [span(`! ${harmless(problem)}`, 'bad')]);
}

export function listProblems({
  consumption,
  document,
  problems = [],
  supervisor,
}: Pick<NodeStatus, 'consumption' | 'document' | 'problems' | 'supervisor'>): string[] {
  const reasons = [supervisor, consumption, document].flatMap((each) =>
    each === undefined || each.isAvailable ? [] : each.reason,
  );
  return [...reasons, ...problems].filter((text) => text !== '');
}

const GRAPH = 20;

function renderPartitionHead(
  partition: PartitionStatus,
  data: TopData,
  columns: number,
  isAscii: boolean,
): Line[] {
  const { consumption, instance, reference, uid, user } = partition;
  const title: Fact[] =
    instance === null
      ? [[span('free', 'dim')]]
      : [
          [span(harmless(instance.title), 'bold')],
          fact('is', harmless(instance.reference)),
          fact('wanted', harmless(instance.requestedState)),
        ];
  const software: Fact[] =
    instance === null
      ? []
      : [
          fact('software', harmless(instance.softwareUrl)),
          fact('type', harmless(instance.softwareType)),
        ];
  const owner = fact('user', `${user === '' ? 'unknown' : harmless(user)} (${uid ?? 'no uid'})`);
  const history = data.historyOf(reference);
  const graph = (values: readonly number[], scale: Omit<SparklineScale, 'isAscii'>): Span[] =>
    values.length === 0
      ? []
      : [span(' '), span(renderSparkline(values, GRAPH, { ...scale, isAscii }), 'accent')];
  const used: Fact[] =
    consumption === null
      ? [[span('Nobody measures what it consumes.', 'dim')]]
      : [
          [...fact('cpu', `${renderCpu(consumption.cpu)}%`), ...graph(history.cpu, CPU_SCALE)],
          [
            ...fact('mem', renderBytes(consumption.rssBytes)),
            ...graph(history.rssBytes, RSS_SCALE),
          ],
          fact('read', `${renderBytes(consumption.readBytesPerS)}/s`),
          fact('write', `${renderBytes(consumption.writeBytesPerS)}/s`),
          fact('in', `${renderBytes(consumption.netInBytesPerS)}/s`),
          fact('out', `${renderBytes(consumption.netOutBytesPerS)}/s`),
          fact('disk', consumption.diskBytes === null ? '-' : renderBytes(consumption.diskBytes)),
          fact('threads', String(consumption.threads)),
        ];
  return [
    ...flowFacts([[span(harmless(reference), 'bold')], ...title, owner], columns),
    ...flowFacts(used, columns),
    ...flowFacts(software, columns),
    EMPTY_LINE,
  ];
}
