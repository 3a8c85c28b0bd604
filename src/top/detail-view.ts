/** Services, promises and processes of one partition as lines. Pure. */
import { cellWidth, fitCells } from '../log/cell-width.ts';
import type { PartitionStatus } from '../status/model.ts';
import { renderBytes, renderCpu, renderSpan } from './amount.ts';
import type { TopData } from './data.ts';
import { harmless, harmlessCell, type Line, type Span, type Style, span } from './line.ts';
import { type DetailRow, hasServiceFailed, listDetails } from './rows.ts';
import { chosenIndex, type TopState, windowTop } from './state.ts';

type Kind = DetailRow['kind'];

const HEADINGS: ReadonlyArray<readonly [kind: Kind, title: string, columns: string]> = [
  ['service', 'SERVICES', 'STATE        PID  UPTIME WHY'],
  ['promise', 'PROMISES', 'RESULT          WHEN MESSAGE'],
  ['process', 'PROCESSES', '    PID   CPU%    MEM  THR'],
];

const GOOD_STATES = new Set(['RUNNING']);

/** The rows around the chosen one, so many at most. */
export function renderDetails(
  partition: PartitionStatus,
  data: TopData,
  state: TopState,
  columns: number,
  height: number,
): Line[] {
  const rows = listDetails(partition, data.processes);
  const chosen =
    rows.length === 0
      ? -1
      : chosenIndex(
          rows.map(({ name }) => name),
          state.details,
        );
  const lines: Line[] = [];
  let chosenLine = 0;
  const width = nameWidth(rows, columns);
  for (const [kind, title, titles] of HEADINGS) {
    const own = rows.filter((row) => row.kind === kind);
    const rest = own.length > 0 ? [span(titles, 'dim')] : [];
    const heading = span(fitCells(title, width + 3), 'dim');
    lines.push({ spans: [heading, ...rest, ...emptiness(kind, own.length, data, partition)] });
    for (const row of own) {
      const isChosen = rows[chosen] === row;
      // With the first row of all its heading is shown.
      if (isChosen) chosenLine = chosen === 0 ? 0 : lines.length;
      lines.push({ isChosen, spans: renderRow(row, isChosen, width, data.status.takenAtMs) });
    }
  }
  const top = windowTop(lines.length, chosenLine, state.details.top, height);
  return lines.slice(top, top + height);
}

function emptiness(
  kind: Kind,
  count: number,
  { processes, status }: TopData,
  { reference, uid }: PartitionStatus,
): Span[] {
  if (kind === 'service' && !status.supervisor.isAvailable) {
    return [span(`unknown: ${harmless(status.supervisor.reason)}`, 'bad')];
  }
  if (kind === 'process') {
    if (uid === null) return [span('none: it has no user', 'dim')];
    if (processes?.partition !== reference) return [span('reading…', 'dim')];
    if (processes.problem !== '') return [span(harmless(processes.problem), 'bad')];
    if (count > 0) return [];
  }
  return count === 0 ? [span('none', 'dim')] : [];
}

function labelOf(row: DetailRow): string {
  if (row.kind === 'service') return harmless(row.service.name);
  return harmless(row.kind === 'promise' ? row.promise.title : row.process.name);
}

/** Of the column of names: as wide as the longest, and no wider than a third of the screen. */
function nameWidth(rows: readonly DetailRow[], columns: number): number {
  const longest = Math.max(0, ...rows.map((row) => cellWidth(labelOf(row))));
  return Math.max(8, Math.min(longest, Math.floor(columns / 3)));
}

function renderRow(row: DetailRow, isChosen: boolean, width: number, nowMs: number): Span[] {
  const hasFailed =
    (row.kind === 'service' && hasServiceFailed(row.service)) ||
    (row.kind === 'promise' && row.promise.hasFailed);
  return [
    span(isChosen ? '>' : ' '),
    span(hasFailed ? '!' : ' ', 'bad'),
    span(`${fitCells(labelOf(row), width)} `),
    ...renderFacts(row, nowMs),
  ];
}

function renderFacts(row: DetailRow, nowMs: number): Span[] {
  if (row.kind === 'service') return renderService(row.service, nowMs);
  return row.kind === 'promise' ? renderPromise(row.promise, nowMs) : renderProcess(row.process);
}

function renderService(
  service: Extract<DetailRow, { kind: 'service' }>['service'],
  nowMs: number,
): Span[] {
  const { pid, reason, startedAtMs, state } = service;
  const style: Style = hasServiceFailed(service)
    ? 'bad'
    : GOOD_STATES.has(state)
      ? 'good'
      : 'plain';
  const uptime = pid !== null && startedAtMs !== null ? renderSpan(nowMs - startedAtMs) : '-';
  return [
    span(`${harmlessCell(state, 8)} `, style),
    span(`${fitCells(String(pid ?? '-'), 7, { align: 'right' })} `),
    span(`${fitCells(uptime, 7, { align: 'right' })} `),
    span(harmless(reason), 'dim'),
  ];
}

function renderPromise(
  { atMs, hasFailed, message }: Extract<DetailRow, { kind: 'promise' }>['promise'],
  nowMs: number,
): Span[] {
  return [
    span(`${fitCells(hasFailed ? 'failed' : 'passed', 8)} `, hasFailed ? 'bad' : 'good'),
    span(`${fitCells(`${renderSpan(nowMs - atMs)} ago`, 11, { align: 'right' })} `),
    span(harmless(message), 'dim'),
  ];
}

function renderProcess(process: Extract<DetailRow, { kind: 'process' }>['process']): Span[] {
  const { cpu, pid, rssBytes, threads } = process;
  const right = (text: string, columns: number) => fitCells(text, columns, { align: 'right' });
  const figures = [
    right(String(pid), 7),
    right(cpu === null ? '-' : renderCpu(cpu), 6),
    right(renderBytes(rssBytes), 6),
    right(String(threads), 4),
  ];
  return [span(figures.join(' '))];
}
