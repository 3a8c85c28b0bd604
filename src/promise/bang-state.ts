/**
 * When the node banged for a failing promise, so that a promise that goes on failing does not have
 * its whole tree of instances processed anew every two minutes: the second bang comes one periodicity
 * after the first, the next ones after twice the time each, until one an hour. Pure.
 */

interface BangEntry {
  /** Unix seconds. */
  readonly last: number;
  /** How many bangs there were since the promise last was kept. */
  readonly count: number;
}

/** By title of the promise. */
export type BangState = Readonly<Record<string, BangEntry>>;

const MAX_PAUSE_SECONDS = 3600;
const MAX_TITLES = 1000;

/** @returns an empty state for text that is none. */
export function parseBangState(text: string | undefined): BangState {
  if (text === undefined) return {};
  try {
    const data = JSON.parse(text) as Record<string, Partial<BangEntry>>;
    const entries = Object.entries(data).flatMap(([title, entry]) => {
      const { count, last } = entry ?? {};
      const isEntry = Number.isFinite(last) && Number.isSafeInteger(count) && Number(count) > 0;
      return isEntry ? [[title, { last, count } as BangEntry] as const] : [];
    });
    return Object.fromEntries(entries.slice(0, MAX_TITLES));
  } catch {
    return {};
  }
}

export function renderBangState(state: BangState): string {
  return `${JSON.stringify(state)}\n`;
}

/** @param now unix seconds */
export function mayBang(
  state: BangState,
  title: string,
  periodicityMinutes: number,
  now: number,
): boolean {
  const entry = entryOf(state, title);
  // A clock that was set back must not silence a promise.
  if (entry === undefined || entry.last > now) return true;
  const first = Math.min(periodicityMinutes * 60, MAX_PAUSE_SECONDS);
  const pause = Math.min(first * 2 ** Math.min(entry.count - 1, 20), MAX_PAUSE_SECONDS);
  // The next run is due a periodicity after this one began: a moment before must not be too early.
  return now - entry.last >= pause - first * 0.1;
}

export function withBang(state: BangState, title: string, now: number): BangState {
  return { ...state, [title]: { last: now, count: (entryOf(state, title)?.count ?? 0) + 1 } };
}

/** A promise may be named like what every object has. */
function entryOf(state: BangState, title: string): BangEntry | undefined {
  return Object.hasOwn(state, title) ? state[title] : undefined;
}

/** Without promises that are kept again. */
export function withoutKept(state: BangState, kept: ReadonlySet<string>): BangState {
  return Object.fromEntries(Object.entries(state).filter(([title]) => !kept.has(title)));
}
