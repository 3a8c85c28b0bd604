/** What the user looks at: where in the node, in which order, what is chosen. */
import type { LogChannel } from './data.ts';

export const SORT_KEYS = ['cpu', 'mem', 'io', 'net', 'disk', 'promises', 'name'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

/** A place in a list: the chosen row by its name, so that it stays chosen while others move. */
export interface Place {
  /** Null: whatever is first. */
  readonly chosen: string | null;
  /** Index of the row at the top. */
  readonly top: number;
}

export type TextSubject =
  | { readonly kind: 'help' }
  | { readonly kind: 'log'; readonly service: string; readonly channel: LogChannel }
  | { readonly kind: 'promise'; readonly title: string }
  | { readonly kind: 'service'; readonly name: string };

export interface TextView {
  readonly subject: TextSubject;
  /** Index of the line at the top; null follows the end. */
  readonly top: number | null;
}

export interface TopState {
  readonly sortBy: SortKey;
  readonly isReversed: boolean;
  readonly filter: string;
  /** Whether the filter is being typed. */
  readonly isFiltering: boolean;
  readonly partitions: Place;
  /** The partition that is looked into. */
  readonly partition: string | null;
  readonly details: Place;
  /** A text over everything else. */
  readonly text: TextView | null;
  /** The service that is restarted when the answer is yes. */
  readonly question: { readonly partition: string; readonly service: string } | null;
  /** What came of the last action; goes with the next key. */
  readonly notice: string;
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export type Effect =
  | { readonly kind: 'quit' }
  | { readonly kind: 'suspend' }
  | { readonly kind: 'redraw' }
  | { readonly kind: 'restart'; readonly partition: string; readonly service: string };

const FIRST: Place = { chosen: null, top: 0 };

export function initialState(sortBy: SortKey, filter: string): TopState {
  return {
    sortBy,
    isReversed: false,
    filter,
    isFiltering: false,
    partitions: FIRST,
    partition: null,
    details: FIRST,
    text: null,
    question: null,
    notice: '',
  };
}

/** Index of the chosen row; the first when it is gone. */
export function chosenIndex(names: readonly string[], { chosen }: Place): number {
  return chosen === null ? 0 : Math.max(0, names.indexOf(chosen));
}

/** The row at the top of a window of `height` rows which the chosen one is in. */
export function windowTop(count: number, chosen: number, top: number, height: number): number {
  const lowest = Math.max(0, count - height);
  return Math.min(lowest, Math.max(chosen - Math.max(0, height - 1), Math.min(chosen, top)));
}

/** Chooses the row so many further; the first one is "whatever is first" from then on. */
export function movePlace(
  names: readonly string[],
  place: Place,
  step: number,
  height: number,
): Place {
  const from = chosenIndex(names, place);
  const to = Math.max(0, Math.min(names.length - 1, from + step));
  const top = windowTop(names.length, to, place.top, height);
  return { chosen: to === 0 ? null : (names[to] ?? null), top };
}
