/** How many rows of the screen which part gets. Pure. */
import type { Size, TopState } from './state.ts';

export interface Layout {
  /** Lines about the node, or the partition. */
  readonly head: number;
  /** Whether the columns have their titles. */
  readonly hasTitles: boolean;
  readonly body: number;
  readonly hasFoot: boolean;
}

/** Lines that the head may have in a high, a lower and a low screen. */
const MOST_HEAD = 5;
const LESS_HEAD = 2;
const LEAST_HEAD = 1;

/**
 * The less room, the more goes to the list: head, titles and foot are given up in this order.
 * @param wantedHead lines that the head has to show
 */
export function layOut(state: TopState, { rows }: Size, wantedHead: number): Layout {
  const most = rows >= 16 ? MOST_HEAD : rows >= 10 ? LESS_HEAD : rows >= 3 ? LEAST_HEAD : 0;
  const head = Math.min(most, wantedHead);
  const hasTitles = rows >= 6 && state.text === null && state.partition === null;
  // A question, or the filter that is typed, is always shown.
  const hasFoot = rows >= 4 || (rows > 1 && (state.question !== null || state.isFiltering));
  const body = Math.max(0, rows - head - Number(hasTitles) - Number(hasFoot));
  return { head, hasTitles, body, hasFoot };
}
