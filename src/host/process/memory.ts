/** Gives memory back that a burst of work left behind. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { loadNative, type NativeAddon } from '../native.ts';

/**
 * The heap shrinks by steps: its young part only when little was allocated in the last 5 s (V8 11,
 * Heap::ReduceNewSpaceSize).
 */
const COLLECTIONS = 3;
const PAUSE_MS = 6000;
/** Whoever asks for the list of processes every few seconds must not cause a round each time. */
const INTERVAL_MS = 60_000;
/** Heap beyond what the last rounds left that is worth a round. */
const WORTH_BYTES = 8 * 1024 * 1024;

/**
 * V8 keeps the heap of a burst for minutes when nothing happens afterwards. `touch` tells of work;
 * once there was none for `quietMs`, garbage is collected until the heap is small again, if it grew
 * by more than 8 MB since the last time, at most once a minute. No timer runs while nothing happens.
 */
export class MemoryRelease {
  readonly #quietMs: number;
  #collect: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #settledBytes = 0;
  #nextMs = 0;

  constructor(quietMs: number, collect?: () => void) {
    this.#quietMs = quietMs;
    this.#collect = collect;
  }

  touch(): void {
    if (this.#timer !== undefined) this.#timer.refresh();
    else this.#wait(this.#quietMs);
  }

  #wait(delayMs: number): void {
    this.#timer = setTimeout(() => this.#release(), delayMs).unref();
  }

  #release(): void {
    this.#timer = undefined;
    if (heapBytes() < this.#settledBytes + WORTH_BYTES) return;
    const tooEarlyMs = this.#nextMs - performance.now();
    if (tooEarlyMs > 0) {
      this.#wait(tooEarlyMs);
      return;
    }
    this.#nextMs = performance.now() + INTERVAL_MS;
    this.#collectAgain(COLLECTIONS);
  }

  #collectAgain(times: number): void {
    this.#collect ??= garbageCollector();
    this.#collect();
    this.#settledBytes = heapBytes();
    if (times > 1) setTimeout(() => this.#collectAgain(times - 1), PAUSE_MS).unref();
  }
}

/**
 * Collects garbage and gives what is free back to the system, at once: for what comes again and again,
 * with pauses that are too short for V8 to do it by itself. Takes milliseconds.
 */
export function releaseMemory(addon: Pick<NativeAddon, 'memoryTrim'> = loadNative()): void {
  collectGarbage ??= garbageCollector();
  collectGarbage();
  addon.memoryTrim();
}

let collectGarbage: (() => void) | undefined;

function heapBytes(): number {
  return process.memoryUsage().heapTotal;
}

/** V8's own gc(), which is not visible to programs unless asked for. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  return collect;
}
