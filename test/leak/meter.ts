/** What a process holds, after everything that it let go of has been collected. */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';

/** Bytes and blocks of malloc(3) are counted by `malloc_count.c`, 0 where it is not preloaded. */
export interface Figures {
  /** Objects of JavaScript. */
  readonly heapBytes: number;
  /** What they hold outside of the heap: buffers. */
  readonly externalBytes: number;
  readonly mallocBytes: number;
  readonly mallocBlocks: number;
  readonly descriptors: number;
  readonly threads: number;
  /** Processes, those that ended and were not waited for included. */
  readonly children: number;
  /** Ranges of memory, `/proc/self/maps`. */
  readonly mappings: number;
  /** Timers, sockets and requests that keep Node alive. */
  readonly handles: number;
}

const MAX_ROUNDS = 200;

/** Runs the collector; Node has to be started with `--expose-gc`. */
function collectGarbage(): void {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('Node was not started with --expose-gc');
  gc();
}

export class Meter {
  readonly #countsFile: string | undefined;

  constructor(countsFile: string | undefined) {
    this.#countsFile = countsFile;
  }

  /** Waits until what runs after the last call has ended: three looks in a row see the same. */
  async settle(): Promise<Figures> {
    collectGarbage();
    let last = '';
    for (let round = 0, same = 0; round < MAX_ROUNDS && same < 2; round += 1) {
      await setImmediate();
      const now = [countDescriptors(), countThreads(), countChildren()].join();
      same = now === last ? same + 1 : 0;
      last = now;
    }
    collectGarbage();
    await setImmediate();
    return this.#read();
  }

  #read(): Figures {
    const { arrayBuffers, external, heapUsed } = process.memoryUsage();
    const [mallocBytes, mallocBlocks] = this.#readCounts();
    return {
      heapBytes: heapUsed,
      externalBytes: external + arrayBuffers,
      mallocBytes,
      mallocBlocks,
      descriptors: countDescriptors(),
      threads: countThreads(),
      children: countChildren(),
      mappings: readFileSync('/proc/self/maps', 'latin1').split('\n').length,
      handles: process.getActiveResourcesInfo().length,
    };
  }

  #readCounts(): readonly [number, number] {
    if (this.#countsFile === undefined) return [0, 0];
    const bytes = Buffer.alloc(16);
    const file = openSync(this.#countsFile, 'r');
    readSync(file, bytes, 0, 16, 0);
    closeSync(file);
    return [Number(bytes.readBigInt64LE(0)), Number(bytes.readBigInt64LE(8))];
  }
}

function countDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

function countThreads(): number {
  return readdirSync('/proc/self/task').length;
}

function countChildren(): number {
  const texts = readdirSync('/proc/self/task').map((id) => readChildren(id));
  return texts.flatMap((text) => text.split(' ').filter((word) => word !== '')).length;
}

/** A thread may have ended since it was listed. */
function readChildren(thread: string): string {
  try {
    return readFileSync(`/proc/self/task/${thread}/children`, 'utf8');
  } catch {
    return '';
  }
}
