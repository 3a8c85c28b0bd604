/** How often somebody may try a wrong token; the right one is never refused. */

const WINDOW_MS = 60_000;
const MAX_FAILURES = 10;
/** Whoever has more addresses than that does not guess 32 random bytes either. */
const MAX_KNOWN = 1024;

interface Failures {
  count: number;
  readonly untilMs: number;
}

export class Attempts {
  readonly #now: () => number;
  readonly #known = new Map<string, Failures>();

  /** @param now milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Seconds until somebody may try again; 0 for now. */
  waitS(who: string): number {
    const failures = this.#known.get(who);
    if (failures === undefined || failures.count < MAX_FAILURES) return 0;
    return Math.max(0, Math.ceil((failures.untilMs - this.#now()) / 1000));
  }

  fail(who: string): void {
    const now = this.#now();
    const former = this.#known.get(who);
    if (former !== undefined && former.untilMs > now) {
      former.count += 1;
      return;
    }
    this.#known.delete(who);
    const [oldest] = this.#known.keys();
    if (this.#known.size >= MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(who, { count: 1, untilMs: now + WINDOW_MS });
  }
}
