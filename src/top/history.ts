/** The last minutes of every partition, for sparklines. */
import type { NodeStatus } from '../status/model.ts';

/** Five minutes at one second. */
const KEPT = 300;

export interface PartitionHistory {
  /** Oldest first. */
  readonly cpu: readonly number[];
  readonly rssBytes: readonly number[];
}

const NONE: PartitionHistory = { cpu: [], rssBytes: [] };

interface Ring {
  readonly cpu: number[];
  readonly rssBytes: number[];
  firstMs: number;
  lastMs: number;
}

/** What somebody else has kept of a partition. */
export interface PastSamples extends PartitionHistory {
  /** Milliseconds since the epoch, oldest first. */
  readonly timesMs: readonly number[];
}

export class History {
  readonly #rings = new Map<string, Ring>();

  /** Adds what is new in a status; a partition that is gone is forgotten. */
  add(status: NodeStatus): void {
    const present = new Set(status.partitions.map(({ reference }) => reference));
    for (const reference of this.#rings.keys()) {
      if (!present.has(reference)) this.#rings.delete(reference);
    }
    for (const { reference, consumption } of status.partitions) {
      if (consumption === null) continue;
      const ring = this.#ringOf(reference);
      if (consumption.atMs <= ring.lastMs) continue;
      ring.lastMs = consumption.atMs;
      ring.firstMs = Math.min(ring.firstMs, consumption.atMs);
      push(ring.cpu, consumption.cpu);
      push(ring.rssBytes, consumption.rssBytes);
    }
  }

  /** Puts what is older than everything that is known before it. */
  addPast(reference: string, { cpu, rssBytes, timesMs }: PastSamples): void {
    const ring = this.#ringOf(reference);
    const found = timesMs.findIndex((timeMs) => timeMs >= ring.firstMs);
    const end = found < 0 ? timesMs.length : found;
    if (end === 0) return;
    const start = Math.max(0, end - KEPT);
    ring.cpu.unshift(...cpu.slice(start, end));
    ring.rssBytes.unshift(...rssBytes.slice(start, end));
    ring.firstMs = timesMs[start] ?? ring.firstMs;
    ring.lastMs = Math.max(ring.lastMs, timesMs[end - 1] ?? 0);
  }

  of(reference: string): PartitionHistory {
    return this.#rings.get(reference) ?? NONE;
  }

  #ringOf(reference: string): Ring {
    const known = this.#rings.get(reference);
    if (known !== undefined) return known;
    const ring = { cpu: [], rssBytes: [], firstMs: Number.POSITIVE_INFINITY, lastMs: 0 };
    this.#rings.set(reference, ring);
    return ring;
  }
}

/** Half is let go at a time: shifting one out of each list at each sample costs more. */
function push(values: number[], value: number): void {
  if (values.length >= 2 * KEPT) values.splice(0, KEPT);
  values.push(value);
}
