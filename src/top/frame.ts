/** The whole screen from state, data and size: as many lines as it has rows. Pure. */

import type { PartitionStatus } from '../status/model.ts';
import { type ColumnPlan, planColumns, renderCells, renderTitles } from './columns.ts';
import type { TopData } from './data.ts';
import { renderDetails } from './detail-view.ts';
import { renderHead } from './head.ts';
import { layOut } from './layout.ts';
import {
  cutLine,
  EMPTY_LINE,
  flowFacts,
  harmless,
  type Line,
  line,
  lineWidth,
  type Span,
  span,
} from './line.ts';
import { countStates, findPartition, listPartitions } from './rows.ts';
import { chosenIndex, type Size, type TopState, windowTop } from './state.ts';
import { listTextLines } from './text-view.ts';

export interface FrameInput {
  readonly state: TopState;
  readonly data: TopData;
  readonly size: Size;
  /** For terminals without Unicode. */
  readonly isAscii: boolean;
}

export function renderFrame(input: FrameInput): Line[] {
  const { isAscii, size, state } = input;
  const heading = renderHead(state, input, isAscii);
  const { body, hasFoot, hasTitles, head } = layOut(state, size, heading.length);
  const lines = [
    ...fill(heading, head),
    ...fill(renderBody(input, hasTitles, body), body + Number(hasTitles)),
    ...(hasFoot ? [renderFoot(input)] : []),
  ];
  return lines.map((each) => fitLine(each, size.columns));
}

/** The chosen line is shown in its whole width. */
function fitLine(each: Line, columns: number): Line {
  const cut = cutLine(each, columns);
  if (each.isChosen !== true) return cut;
  const rest = columns - lineWidth(cut);
  return { ...cut, spans: [...cut.spans, span(' '.repeat(rest))] };
}

/** Exactly so many lines. */
function fill(lines: readonly Line[], count: number): Line[] {
  return Array.from({ length: count }, (_, index) => lines[index] ?? EMPTY_LINE);
}

function renderBody(input: FrameInput, hasTitles: boolean, height: number): Line[] {
  const { data, size, state } = input;
  if (state.text !== null) {
    const lines = listTextLines(state, data, size.columns);
    const lowest = Math.max(0, lines.length - height);
    const top = Math.min(lowest, state.text.top ?? lowest);
    return lines.slice(top, top + height).map((text) => line(span(text)));
  }
  const partition = findPartition(data.status, state.partition);
  return partition === undefined
    ? renderTable(input, hasTitles, height)
    : renderDetails(partition, data, state, size.columns, height);
}

function renderTable(
  { data, isAscii, size, state }: FrameInput,
  hasTitles: boolean,
  height: number,
): Line[] {
  const rows = listPartitions(data.status.partitions, state);
  const plan = planColumns({
    columns: size.columns,
    sortBy: state.sortBy,
    partitions: data.status.partitions,
    hasHistory: true,
  });
  const titles = hasTitles ? [line(...renderTitles(plan, state, isAscii))] : [];
  if (rows.length === 0) return [...titles, line(span(emptyTable(data, state), 'dim'))];
  const names = rows.map(({ reference }) => reference);
  const chosen = chosenIndex(names, state.partitions);
  const top = windowTop(rows.length, chosen, state.partitions.top, height);
  const shown = rows.slice(top, top + height).map((partition, index) => {
    const isChosen = top + index === chosen;
    return { isChosen, spans: renderTableRow(partition, plan, data, { isAscii, isChosen }) };
  });
  return [...titles, ...shown];
}

export function renderTableRow(
  partition: PartitionStatus,
  plan: readonly ColumnPlan[],
  { historyOf, status }: Pick<TopData, 'historyOf' | 'status'>,
  { isAscii, isChosen }: { readonly isAscii: boolean; readonly isChosen: boolean },
): Span[] {
  const counts = countStates(partition);
  const history = historyOf(partition.reference);
  const isDocumentKnown = status.document?.isAvailable !== false;
  const cells = renderCells(plan, { partition, counts, history, isDocumentKnown }, isAscii);
  const hasTrouble = counts.failedPromises + counts.failedServices > 0;
  return [span(isChosen ? '>' : ' '), span(hasTrouble ? '!' : ' ', 'bad'), ...cells];
}

function emptyTable({ status }: TopData, { filter }: TopState): string {
  return status.partitions.length === 0
    ? 'This node has no partitions: `slapos node format` makes them.'
    : `No partition has ${harmless(filter)} in its name.`;
}

function renderFoot({ data, size, state }: FrameInput): Line {
  if (state.question !== null) {
    const { partition, service } = state.question;
    const name = `${harmless(partition)}:${harmless(service)}`;
    return line(span(`Restart ${name}? `, 'bold'), span('y/N '));
  }
  if (state.isFiltering) {
    return line(span('Only with: ', 'bold'), span(`${harmless(state.filter)}_`));
  }
  if (state.notice !== '') return line(span(harmless(state.notice), 'bold'));
  const isFiltered = state.filter !== '' && state.partition === null && state.text === null;
  const filter = isFiltered ? [[span(`only ${harmless(state.filter)}`, 'bold')]] : [];
  const facts = [...filter, ...listHints(state, data).map(renderHint)];
  return flowFacts(facts, size.columns)[0] ?? EMPTY_LINE;
}

type Hint = readonly [key: string, what: string];

function listHints({ partition, text }: TopState, data: TopData): readonly Hint[] {
  const back: Hint = ['q', 'back'];
  if (text?.subject.kind === 'log') return [back, ['Tab', 'stdout/stderr'], ['End', 'follow']];
  if (text !== null) return [back, ['j k', 'scroll']];
  if (findPartition(data.status, partition) === undefined) {
    const sort: Hint = ['<>', 'sort'];
    return [
      ['?', 'help'],
      ['q', 'quit'],
      ['Enter', 'open'],
      sort,
      ['r', 'reverse'],
      ['/', 'filter'],
    ];
  }
  return [['?', 'help'], back, ['t', 'log'], ['R', 'restart'], ['Enter', 'open']];
}

function renderHint([key, what]: Hint): Span[] {
  return [span(key, 'bold'), span(` ${what}`, 'dim')];
}
