/**
 * A limit of time for somebody else. When this process itself was held up, what has arrived
 * meanwhile is looked at before the limit counts.
 */
export class Deadline {
  readonly #timer: NodeJS.Timeout;
  #starts = 0;

  /** @param strike what happens when it has passed, once for each start at most */
  constructor(timeoutMs: number, strike: () => void) {
    this.#timer = setTimeout(() => {
      const starts = this.#starts;
      // Timers come before what the network has brought, and this after it.
      setImmediate(() => {
        if (starts === this.#starts) strike();
      });
    }, timeoutMs);
  }

  restart(): void {
    this.#starts += 1;
    this.#timer.refresh();
  }

  stop(): void {
    this.#starts += 1;
    clearTimeout(this.#timer);
  }
}
