/**
 * Whether calls leave something behind: the same number of them is made several times over, and what
 * a leak adds it adds each time, while caches fill once and the collector's leftovers come and go. So
 * the smallest growth of any block counts.
 */
import type { Figures, Meter } from './meter.ts';

export interface BlockOptions {
  /** Calls of a block; there is one more block before those that count. */
  readonly calls: number;
  readonly blocks: number;
  /** What a call may seem to leave without a leak; the least that one leaves is 24 bytes. */
  readonly bytesPerCall?: number;
  readonly blocksPerCall?: number;
  /** Makes so many calls. */
  readonly run: (calls: number) => Promise<void>;
}

/** Growth that no block stayed below. */
export type Growth = { readonly [Name in keyof Figures]: number };

const BYTES_PER_CALL = 20;
/** A block of memory for every fourth call. */
const BLOCKS_PER_CALL = 0.25;
const MAPPINGS_PER_CALL = 0.1;
/** What Node itself takes, however few calls there are: counts for few calls, and where they are measured again. */
const FLOOR = { bytes: 1500, blocks: 20 };
/** The collector does not find everything at once. */
const HEAP_NOISE_BYTES = 64 * 1024;
const NO_FLOOR = { bytes: 0, blocks: 0 };
const FEW_CALLS = 20;
/** How many times more calls are made, as long as there seems to be a leak. */
const LOOKS = [1, 4, 8] as const;

/** Measures until no leak is seen, at most three times, and tells the leaks of the last one. */
export async function findLeaks(meter: Meter, options: BlockOptions): Promise<string[]> {
  let problems: string[] = [];
  for (const times of LOOKS) {
    const calls = options.calls * times;
    const more = { ...options, calls };
    const floor = calls > FEW_CALLS && times === 1 ? NO_FLOOR : FLOOR;
    problems = judgeGrowth(await measureGrowth(meter, more), more, floor);
    if (problems.length === 0) return [];
  }
  return problems;
}

async function measureGrowth(meter: Meter, options: BlockOptions): Promise<Growth> {
  const { blocks, calls, run } = options;
  await run(calls);
  const seen = [await meter.settle()];
  for (let block = 0; block < blocks; block += 1) {
    await run(calls);
    seen.push(await meter.settle());
  }
  const smallest = (name: keyof Figures) =>
    Math.min(...seen.slice(1).map((now, index) => now[name] - (seen[index]?.[name] ?? 0)));
  const names = Object.keys(seen[0] ?? {}) as Array<keyof Figures>;
  return Object.fromEntries(names.map((name) => [name, smallest(name)])) as unknown as Growth;
}

/** What leaks, one line each: nothing where nothing does. */
function judgeGrowth(
  growth: Growth,
  { blocksPerCall = BLOCKS_PER_CALL, bytesPerCall = BYTES_PER_CALL, calls }: BlockOptions,
  floor: typeof FLOOR,
): string[] {
  const bytes = Math.max(floor.bytes, bytesPerCall * calls);
  const limits: Growth = {
    heapBytes: Math.max(HEAP_NOISE_BYTES, bytes),
    externalBytes: bytes,
    mallocBytes: bytes,
    mallocBlocks: Math.max(floor.blocks, blocksPerCall * calls),
    descriptors: 0,
    threads: 0,
    children: 0,
    mappings: MAPPINGS_PER_CALL * calls,
    handles: 0,
  };
  const names = Object.keys(limits) as Array<keyof Figures>;
  return names
    .filter((name) => growth[name] > limits[name])
    .map((name) => `${name} grow by ${growth[name]} in ${calls} calls`);
}
