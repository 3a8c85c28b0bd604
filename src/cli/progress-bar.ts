/** How far a long piece of work is, on the status line of a terminal. */
import { redactText } from '../log/redact.ts';
import type { StatusLine } from './status-line.ts';

export interface ProgressState {
  readonly done: number;
  readonly total: number;
  /** What is being done now. */
  readonly label: string;
}

export interface ProgressBar {
  show(state: ProgressState): void;
  /** Takes the bar away. */
  end(): void;
}

const MOST_CELLS = 30;
const FEWEST_CELLS = 10;
/** Ten changes a second are more than anybody reads, and few enough for a serial console. */
const INTERVAL_MS = 100;
const ELLIPSIS = '...';

/**
 * One line such as `[######....]  60%  6/10 tap and tun devices: 4`, in ASCII and at most `width`
 * characters. Too narrow for all of it, it loses the end of the label, then the bar.
 */
export function renderProgress(state: ProgressState, width: number): string {
  const total = Math.max(0, state.total);
  const done = Math.min(Math.max(0, state.done), total);
  const share = total === 0 ? 1 : done / total;
  const count = `${String(done).padStart(String(total).length)}/${total}`;
  const figures = `${String(Math.floor(share * 100)).padStart(3)}% ${count}`;
  const label = redactText(state.label).replace(/[^\x20-\x7e]/g, '?');
  const room = width - figures.length - '[] '.length;
  const cells = Math.max(Math.min(MOST_CELLS, room - label.length - 1), FEWEST_CELLS);
  const head = room < FEWEST_CELLS ? figures : `${renderCells(share, cells)} ${figures}`;
  return `${head} ${cutToWidth(label, width - head.length - 1)}`.slice(0, width).trimEnd();
}

function renderCells(share: number, cells: number): string {
  const full = Math.floor(share * cells);
  return `[${'#'.repeat(full)}${'.'.repeat(cells - full)}]`;
}

function cutToWidth(text: string, width: number): string {
  if (text.length <= width) return text;
  if (width <= ELLIPSIS.length) return '';
  return `${text.slice(0, width - ELLIPSIS.length)}${ELLIPSIS}`;
}

/**
 * A bar that follows events: the first of a tenth of a second is shown at once, the last of them
 * when that time is over. It never keeps the process alive.
 * @param nowMs a steady clock, in milliseconds
 */
export function createProgressBar(
  line: StatusLine,
  nowMs: () => number = () => performance.now(),
): ProgressBar {
  let shownMs = Number.NEGATIVE_INFINITY;
  let latest: ProgressState | undefined;
  let timer: NodeJS.Timeout | undefined;
  const draw = () => {
    timer = undefined;
    shownMs = nowMs();
    if (latest !== undefined) line.show(renderProgress(latest, line.width));
  };
  return {
    show(state) {
      latest = state;
      const waitMs = shownMs + INTERVAL_MS - nowMs();
      if (waitMs <= 0) return draw();
      timer ??= setTimeout(draw, waitMs).unref();
    },
    end() {
      clearTimeout(timer);
      timer = undefined;
      latest = undefined;
      line.clear();
    },
  };
}
