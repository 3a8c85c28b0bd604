/**
 * One reader of server-sent events (WHATWG HTML 9.2). Invariant: no more than one event waits for it,
 * however slowly it reads: it gets the newest state once it has read the former, or is given up.
 */
import type { ServerResponse } from 'node:http';

/** What all readers are told; everyone has the same bytes. */
export interface LiveState {
  readonly version: number;
  readonly event: Buffer;
}

const HEARTBEAT = Buffer.from(':\n\n');

export class EventStream {
  readonly #response: ServerResponse;
  readonly #now: () => number;
  #sentVersion = 0;
  #newest: LiveState | undefined;
  /** Since when what was written is not taken; undefined when everything was. */
  #waitingSinceMs: number | undefined;

  constructor(response: ServerResponse, now: () => number) {
    this.#response = response;
    this.#now = now;
  }

  /** What of it the reader has not taken. */
  get bufferedBytes(): number {
    return this.#response.writableLength;
  }

  offer(state: LiveState): void {
    this.#newest = state;
    if (this.#waitingSinceMs !== undefined || state.version === this.#sentVersion) return;
    this.#sentVersion = state.version;
    this.#write(state.event);
  }

  /** Shows a quiet reader, and servers between, that the stream is alive. */
  beat(): void {
    if (this.#waitingSinceMs === undefined) this.#write(HEARTBEAT);
  }

  /** For how long the reader has taken nothing. */
  get stalledMs(): number {
    return this.#waitingSinceMs === undefined ? 0 : this.#now() - this.#waitingSinceMs;
  }

  end(): void {
    this.#response.destroy();
  }

  #write(bytes: Buffer): void {
    this.#waitingSinceMs = this.#now();
    this.#response.write(bytes, (error) => {
      if (error) return;
      this.#waitingSinceMs = undefined;
      if (this.#newest !== undefined) this.offer(this.#newest);
    });
  }
}
