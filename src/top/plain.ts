/** The node as a plain text, for pipes, files and `--once`. Pure. */
import { toAscii } from '../log/cell-width.ts';
import type { NodeStatus } from '../status/model.ts';
import { planColumns, renderTitles } from './columns.ts';
import type { NodeView } from './feed.ts';
import { renderTableRow } from './frame.ts';
import { renderNodeHead } from './head.ts';
import { cutLine, harmless, type Line, line, span } from './line.ts';
import { hasServiceFailed, listPartitions } from './rows.ts';
import type { TopState } from './state.ts';

const NO_HISTORY = { cpu: [], rssBytes: [] };
/** Where nothing bounds the width. */
const WIDE = 200;

/**
 * @param columns width of the terminal; undefined for none
 * @returns lines without escape sequences
 */
export function renderPlain(
  view: Omit<NodeView, 'isSettled'>,
  state: TopState,
  columns: number | undefined,
  isAscii: boolean,
): string[] {
  const width = columns ?? WIDE;
  const { partitions } = view.status;
  const data = {
    ...view,
    intervalMs: 0,
    historyOf: () => NO_HISTORY,
    processes: null,
    log: null,
  };
  const plan = planColumns({ columns: width, sortBy: state.sortBy, partitions, hasHistory: false });
  const shown = listPartitions(partitions, state);
  const lines: Line[] = [
    ...renderNodeHead(data, Math.min(width, 100)),
    line(span('')),
    line(...renderTitles(plan, state, true)),
    ...shown.map((partition) => ({
      spans: renderTableRow(partition, plan, data, { isAscii, isChosen: false }),
    })),
    ...listFailures(view.status, new Set(shown.map(({ reference }) => reference))),
  ];
  const texts = lines.map((each) => toText(columns === undefined ? each : cutLine(each, columns)));
  return isAscii ? texts.map(toAscii) : texts;
}

function toText({ spans }: Line): string {
  return spans
    .map(({ text }) => text)
    .join('')
    .trimEnd();
}

/** What failed in the partitions that are shown, and why. */
function listFailures({ partitions }: NodeStatus, shown: ReadonlySet<string>): Line[] {
  const failures = partitions.flatMap(({ promises, reference, services }) => {
    if (!shown.has(reference)) return [];
    return [
      ...services
        .filter(hasServiceFailed)
        .map(({ name, reason, state }) => `! ${reference}:${name} ${state}  ${reason}`),
      ...promises
        .filter(({ hasFailed }) => hasFailed)
        .map(({ message, title }) => `! ${reference} promise ${title}: ${message}`),
    ];
  });
  if (failures.length === 0) return [];
  return [line(span('')), ...failures.map((text) => line(span(harmless(text))))];
}
