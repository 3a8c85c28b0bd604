/**
 * Which processes changed after a moment: what a client needs that keeps a copy of all states.
 *
 * Invariants: serials rise; a process stands in the log once, with its last change; a name that was
 * removed and came back is no longer among the removed.
 */
const MOST_REMOVED = 10_000;

export interface Changes {
  /** Where the next question goes on. */
  readonly token: string;
  /** True when everything is told anew: the caller forgets what it knew. */
  readonly isFull: boolean;
  /** Full names, in order of their last change. */
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

export class ChangeLog {
  /** Distinguishes this log from those of earlier controllers. */
  readonly #session: string;
  readonly #changed = new Map<string, number>();
  readonly #removed = new Map<string, number>();
  #serial = 0;
  /** Removals up to this serial are forgotten. */
  #forgotten = 0;

  constructor(session: string) {
    this.#session = session;
  }

  note(fullName: string): void {
    this.#serial += 1;
    // A key that is set anew goes to the end.
    this.#changed.delete(fullName);
    this.#changed.set(fullName, this.#serial);
    this.#removed.delete(fullName);
  }

  noteRemoval(fullName: string): void {
    this.#serial += 1;
    this.#changed.delete(fullName);
    this.#removed.set(fullName, this.#serial);
    const [oldest] = this.#removed;
    if (this.#removed.size <= MOST_REMOVED || oldest === undefined) return;
    this.#removed.delete(oldest[0]);
    this.#forgotten = oldest[1];
  }

  /** What happened after an earlier answer; everything for a token of another controller. */
  since(token: string): Changes {
    const next = `${this.#session}.${this.#serial}`;
    const serial = this.#serialOf(token);
    if (serial === undefined) {
      return { token: next, isFull: true, changed: [...this.#changed.keys()], removed: [] };
    }
    const after = (log: ReadonlyMap<string, number>) =>
      [...log].flatMap(([name, at]) => (at > serial ? [name] : []));
    return {
      token: next,
      isFull: false,
      changed: after(this.#changed),
      removed: after(this.#removed),
    };
  }

  #serialOf(token: string): number | undefined {
    const dot = token.lastIndexOf('.');
    if (token.slice(0, dot) !== this.#session || !/^\d+$/.test(token.slice(dot + 1))) {
      return undefined;
    }
    const serial = Number(token.slice(dot + 1));
    return serial < this.#forgotten || serial > this.#serial ? undefined : serial;
  }
}
