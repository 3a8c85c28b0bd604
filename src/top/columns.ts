/** The columns of the table of partitions, and which of them a screen has room for. Pure. */
import { cellWidth, fitCells } from '../log/cell-width.ts';
import type { Consumption, PartitionStatus } from '../status/model.ts';
import {
  CPU_SCALE,
  RSS_SCALE,
  renderBytes,
  renderCpu,
  renderSparkline,
  type SparklineScale,
} from './amount.ts';
import type { PartitionHistory } from './history.ts';
import { harmless, type Span, type Style, span } from './line.ts';
import type { Counts } from './rows.ts';
import type { SortKey } from './state.ts';

/** What a cell is made from. */
export interface CellInput {
  readonly partition: PartitionStatus;
  readonly counts: Counts;
  readonly history: PartitionHistory;
  /** Whether the Master's document says what is in partitions. */
  readonly isDocumentKnown: boolean;
}

export interface ColumnPlan {
  readonly column: Column;
  readonly width: number;
}

export interface Column {
  readonly key: string;
  readonly title: string;
  readonly align: 'left' | 'right';
  readonly width: number;
  /** What it may grow to. */
  readonly maxWidth: number;
  /** Sorted by when one of these is asked for. */
  readonly sortedBy?: SortKey;
  readonly render: (input: CellInput, width: number, isAscii: boolean) => Span;
}

const NAME_WIDTH = 20;
/** So much of a title comes before columns of less weight. */
const USUAL_TITLE = 24;

type Measure = (used: Consumption) => number | null;

function amount(
  key: string,
  title: string,
  sortedBy: SortKey | undefined,
  measure: Measure,
  render: (value: number) => string = renderBytes,
): Column {
  return {
    key,
    title,
    align: 'right',
    // With room for the arrow of what is sorted by.
    width: Math.max(6, title.length + (sortedBy === undefined ? 0 : 1)),
    maxWidth: 0,
    ...(sortedBy === undefined ? {} : { sortedBy }),
    render: ({ partition: { consumption } }) => {
      const value = consumption === null ? null : measure(consumption);
      if (value === null) return span('-', 'dim');
      const text = render(value);
      return span(text, /^0(\.0)?$/.test(text) ? 'dim' : 'plain');
    },
  };
}

function graph(key: 'cpu' | 'rssBytes', scale: Omit<SparklineScale, 'isAscii'>): Column {
  return {
    key: `${key} history`,
    title: '',
    align: 'left',
    width: 8,
    maxWidth: 30,
    render: ({ history }, width, isAscii) =>
      span(renderSparkline(history[key], width, { ...scale, isAscii }), 'accent'),
  };
}

/** `3/4!`: so many of all are well, and some have failed. */
function tally(
  key: string,
  title: string,
  count: (counts: Counts) => readonly [good: number, all: number, failed: number],
  sortedBy?: SortKey,
): Column {
  return {
    key,
    title,
    align: 'right',
    width: 6,
    maxWidth: 0,
    ...(sortedBy === undefined ? {} : { sortedBy }),
    render: ({ counts }) => {
      const [good, all, failed] = count(counts);
      if (all === 0) return span('-', 'dim');
      const style: Style = failed > 0 ? 'bad' : good === all ? 'good' : 'plain';
      return span(`${failed > 0 ? '!' : ''}${good}/${all}`, style);
    },
  };
}

const NAME: Column = {
  key: 'name',
  title: 'PARTITION',
  align: 'left',
  width: 9,
  maxWidth: 0,
  sortedBy: 'name',
  render: ({ partition: { reference, instance } }) =>
    span(harmless(reference), instance === null ? 'dim' : 'plain'),
};

const TITLE: Column = {
  key: 'title',
  title: 'INSTANCE',
  align: 'left',
  width: 10,
  maxWidth: 60,
  render: ({ isDocumentKnown, partition: { instance } }) => {
    if (instance === null) return span(isDocumentKnown ? 'free' : '-', 'dim');
    return span(harmless(instance.title === '' ? instance.reference : instance.title));
  },
};

/** In their order on the screen. */
const COLUMNS: readonly Column[] = [
  NAME,
  amount('cpu', 'CPU%', 'cpu', ({ cpu }) => cpu, renderCpu),
  graph('cpu', CPU_SCALE),
  amount('mem', 'MEM', 'mem', ({ rssBytes }) => rssBytes),
  graph('rssBytes', RSS_SCALE),
  amount('read', 'READ/s', 'io', ({ readBytesPerS }) => readBytesPerS),
  amount('write', 'WRITE/s', 'io', ({ writeBytesPerS }) => writeBytesPerS),
  amount('in', 'IN/s', 'net', ({ netInBytesPerS }) => netInBytesPerS),
  amount('out', 'OUT/s', 'net', ({ netOutBytesPerS }) => netOutBytesPerS),
  amount('disk', 'DISK', 'disk', ({ diskBytes }) => diskBytes),
  amount('processes', 'PROCS', undefined, ({ processes }) => processes, String),
  tally('services', 'SVC', ({ running, services, failedServices }) => [
    running,
    services,
    failedServices,
  ]),
  tally(
    'promises',
    'PROM',
    ({ promises, failedPromises }) => [promises - failedPromises, promises, failedPromises],
    'promises',
  ),
  TITLE,
];

/** Which are taken first where not all have room; the columns that are sorted by come before. */
const PRIORITY = [
  'name',
  'cpu',
  'mem',
  'services',
  'promises',
  'title',
  'cpu history',
  'write',
  'read',
  'rssBytes history',
  'in',
  'out',
  'disk',
  'processes',
];

/** Marks of the chosen row and of trouble, before the first column. */
export const MARKS_WIDTH = 2;
/** Between two columns; none is behind the last one. */
const GAP = ' ';

export interface PlanInput {
  readonly columns: number;
  readonly sortBy: SortKey;
  readonly partitions: readonly PartitionStatus[];
  /** Whether there are figures of the last minutes. */
  readonly hasHistory: boolean;
}

/** The columns that are shown, with their widths. */
export function planColumns(input: PlanInput): ColumnPlan[] {
  const widths = chooseColumns(input);
  let spare = input.columns - MARKS_WIDTH + GAP.length;
  for (const width of widths.values()) spare -= width + GAP.length;
  const grow = (column: Column | undefined, most: number) => {
    const width = column === undefined ? undefined : widths.get(column);
    if (column === undefined || width === undefined) return;
    const more = Math.max(0, Math.min(spare, most - width));
    widths.set(column, width + more);
    spare -= more;
  };
  grow(TITLE, Math.min(TITLE.maxWidth, longestTitle(input.partitions)));
  const graphs = COLUMNS.filter((each) => each.key.endsWith(' history') && widths.has(each));
  graphs.forEach((each, index) => {
    const share = Math.floor(spare / (graphs.length - index));
    grow(each, Math.min(each.maxWidth, (widths.get(each) ?? 0) + share));
  });
  grow(TITLE, TITLE.maxWidth);
  return COLUMNS.flatMap((column) => {
    const width = widths.get(column);
    return width === undefined ? [] : [{ column, width }];
  });
}

function chooseColumns({
  columns,
  hasHistory,
  partitions,
  sortBy,
}: PlanInput): Map<Column, number> {
  const rank = ({ key, sortedBy }: Column) =>
    key === 'name' ? -2 : sortedBy === sortBy ? -1 : PRIORITY.indexOf(key);
  const widths = new Map<Column, number>();
  let room = columns - MARKS_WIDTH + GAP.length;
  const titleWidth = Math.max(TITLE.width, Math.min(USUAL_TITLE, longestTitle(partitions)));
  const names = partitions.map(({ reference }) => cellWidth(harmless(reference)));
  const nameWidth = Math.min(NAME_WIDTH, Math.max(NAME.width, ...names));
  const widthOf = (column: Column) =>
    column === NAME ? nameWidth : column === TITLE ? titleWidth : column.width;
  for (const column of [...COLUMNS].sort((a, b) => rank(a) - rank(b))) {
    if (widths.has(column) || (!hasHistory && column.key.endsWith(' history'))) continue;
    // Reading says little without writing: both or none, unless one is all there is room for.
    const pair = COLUMNS.filter(({ sortedBy }) => sortedBy && sortedBy === column.sortedBy);
    const wanted = [pair.length > 1 ? pair : [column], ...(rank(column) < 0 ? [[column]] : [])];
    const fitting = wanted.find((group) => sumWidths(group.map(widthOf)) <= room) ?? [];
    for (const each of fitting) {
      widths.set(each, widthOf(each));
      room -= widthOf(each) + GAP.length;
    }
  }
  return widths;
}

/** With the blank behind each. */
function sumWidths(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width + GAP.length, 0);
}

function longestTitle(partitions: readonly PartitionStatus[]): number {
  const titles = partitions.map(({ instance }) => cellWidth(harmless(instance?.title ?? '')));
  return Math.max(0, ...titles);
}

export function renderTitles(
  plan: readonly ColumnPlan[],
  sort: { readonly sortBy: SortKey; readonly isReversed: boolean },
  isAscii: boolean,
): Span[] {
  const isDownward = (sort.sortBy === 'name') === sort.isReversed;
  const arrow = isAscii ? (isDownward ? 'v' : '^') : isDownward ? '▼' : '▲';
  const cells = plan.map(({ column: { align, sortedBy, title }, width }) => {
    const isSorted = sortedBy === sort.sortBy;
    const text = isSorted && title.length < width ? `${title}${arrow}` : title;
    return span(fitCells(text, width, { align, mark: '' }), isSorted ? 'bold' : 'dim');
  });
  return [span(' '.repeat(MARKS_WIDTH)), ...spaceOut(cells)];
}

export function renderCells(
  plan: readonly ColumnPlan[],
  input: CellInput,
  isAscii: boolean,
): Span[] {
  const cells = plan.map(({ column, width }) => {
    const { style, text } = column.render(input, width, isAscii);
    return { style, text: fitCells(text, width, { align: column.align }) };
  });
  return spaceOut(cells);
}

function spaceOut(cells: readonly Span[]): Span[] {
  return cells.map(({ style, text }, index) => {
    return { style, text: index < cells.length - 1 ? text + GAP : text };
  });
}
