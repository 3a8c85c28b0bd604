/**
 * Tells everybody who follows the panel when it changes. One loop looks for all of them, and only
 * while there is somebody.
 */
import type { ServerResponse } from 'node:http';
import { errorMessage } from '../errors/slapos-error.ts';
import type { Logger } from '../log/logger.ts';
import { printableName } from '../log/printable.ts';
import type { PanelOverview } from './api.ts';
import { EventStream, type LiveState } from './event-stream.ts';
import { unavailable } from './problem.ts';

export interface HubLimits {
  readonly streams: number;
  /** Between two looks. */
  readonly refreshMs: number;
  /** From a change that we know of to the look at it: several come together. */
  readonly wakeMs: number;
  readonly heartbeatMs: number;
  /** A reader that takes nothing for so long is given up. */
  readonly stallMs: number;
}

export const HUB_LIMITS: HubLimits = {
  streams: 256,
  refreshMs: 2000,
  wakeMs: 250,
  heartbeatMs: 15_000,
  stallMs: 60_000,
};

/** Rest after a look, in times of what it took: a large database is not looked at all the time. */
const REST_FACTOR = 4;
const LONGEST_REST_MS = 60_000;

export interface HubOptions {
  readonly read: () => Promise<PanelOverview>;
  readonly log: Logger;
  readonly now: () => number;
  readonly limits?: Partial<HubLimits> | undefined;
}

export class EventHub {
  readonly #options: HubOptions;
  readonly #limits: HubLimits;
  readonly #streams = new Set<EventStream>();
  #state: LiveState | undefined;
  #text = '';
  #timer: NodeJS.Timeout | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #restMs = 0;
  #beats: NodeJS.Timeout | undefined;
  #isLooking = false;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#limits = { ...HUB_LIMITS, ...options.limits };
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  /** What all readers together have not taken; the same event of several is there once. */
  get bufferedBytes(): number {
    return [...this.#streams].reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0);
  }

  /** @throws PanelError 503 when there are too many already. */
  expectRoom(): void {
    const { streams } = this.#limits;
    if (this.#streams.size < streams) return;
    throw unavailable(`${streams} pages follow the panel already.`, 'Close some of them.');
  }

  /** Adds a reader, whose head was sent; it is told the present state first. */
  follow(response: ServerResponse): void {
    const stream = new EventStream(response, this.#options.now);
    this.#streams.add(stream);
    response.once('close', () => this.#remove(stream));
    response.on('error', () => this.#remove(stream));
    this.#beats ??= setInterval(() => this.#beat(), this.#limits.heartbeatMs).unref();
    this.#schedule(0);
  }

  /** Something changed: whoever follows sees it soon. */
  wake(): void {
    if (this.#streams.size > 0) this.#schedule(Math.max(this.#limits.wakeMs, this.#restMs));
  }

  close(): void {
    for (const stream of this.#streams) stream.end();
    this.#streams.clear();
    this.#rest();
  }

  #remove(stream: EventStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size === 0) this.#rest();
  }

  #rest(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#beats);
    this.#timer = undefined;
    this.#beats = undefined;
    this.#dueMs = Number.POSITIVE_INFINITY;
  }

  /** The next look, at the earliest time that anybody asked for. */
  #schedule(delayMs: number): void {
    const dueMs = this.#options.now() + delayMs;
    if (dueMs >= this.#dueMs) return;
    clearTimeout(this.#timer);
    this.#dueMs = dueMs;
    this.#timer = setTimeout(() => void this.#turn(), delayMs).unref();
  }

  async #turn(): Promise<void> {
    this.#dueMs = Number.POSITIVE_INFINITY;
    if (this.#isLooking) return this.#schedule(this.#limits.wakeMs);
    this.#isLooking = true;
    const startMs = performance.now();
    try {
      this.#tell(await this.#options.read());
    } catch (error) {
      const reason = printableName(errorMessage(error));
      this.#options.log.warning(`The panel cannot be refreshed: ${reason}`);
    } finally {
      this.#isLooking = false;
      const tookMs = performance.now() - startMs;
      this.#restMs = Math.min(REST_FACTOR * tookMs, LONGEST_REST_MS);
    }
    if (this.#streams.size > 0) this.#schedule(Math.max(this.#limits.refreshMs, this.#restMs));
  }

  #tell(overview: PanelOverview): void {
    const text = JSON.stringify({ ...overview, takenAtMs: 0 });
    if (this.#state === undefined || text !== this.#text) {
      this.#text = text;
      const version = (this.#state?.version ?? 0) + 1;
      const event = Buffer.from(`event: overview\ndata: ${JSON.stringify(overview)}\n\n`);
      this.#state = { version, event };
    }
    for (const stream of this.#streams) stream.offer(this.#state);
  }

  #beat(): void {
    for (const stream of this.#streams) {
      if (stream.stalledMs > this.#limits.stallMs) stream.end();
      else stream.beat();
    }
  }
}
