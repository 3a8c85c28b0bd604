/**
 * The loop: change an input, run it, keep it when the program went a way that no input went before.
 * Everything but the time comes from the seed, so a run of so many inputs can be repeated.
 */
import { errorMessage } from '../../../src/errors/slapos-error.ts';
import { mutate } from './mutate.ts';
import type { Mutation } from './mutation.ts';
import { Random } from './random.ts';
import type { FuzzTarget } from './target.ts';

/** What the instrumented program counts, see `instrument.ts`. */
export interface Coverage {
  readonly counters: Uint8Array;
  readonly used: number;
  /** Where the counters of each file begin, and how many they are. */
  readonly files: ReadonlyArray<readonly [start: number, count: number]>;
  readonly words: ReadonlyArray<readonly string[] | undefined>;
}

export interface FuzzSettings {
  readonly corpus: readonly Uint8Array[];
  readonly seed: number;
  readonly maxRuns: number;
  readonly maxMs: number;
  /** Whether slow inputs are findings. */
  readonly isTimed: boolean;
  /** Hears of each input before it runs. */
  beforeRun?(input: Uint8Array): void;
}

export interface Finding {
  readonly kind: 'broken' | 'slow' | 'endless' | 'memory';
  readonly reason: string;
  readonly input: Uint8Array;
}

export interface FuzzOutcome {
  readonly runs: number;
  readonly ms: number;
  /** Parts of the program that were reached, of those that it has. */
  readonly reached: number;
  readonly parts: number;
  readonly kept: readonly Uint8Array[];
  readonly findings: readonly Finding[];
}

const MAX_BYTES = 4096;
const SLOW_MS_PER_KB = 100;
const MAX_FINDINGS = 20;
/** Length to which inputs are stretched in the end, and what that may take at most. */
const STRETCHED_BYTES = 64 * 1024;
const STRETCHED_MS = 1500;

/** How often, as libFuzzer and AFL tell apart: 1, 2, 3, 4-7, 8-15, 16-31, 32-127, more. */
const BUCKETS = Uint8Array.from({ length: 256 }, (_, count) => {
  if (count < 4) return count === 0 ? 0 : 1 << (count - 1);
  return count < 8 ? 8 : count < 16 ? 16 : count < 32 ? 32 : count < 128 ? 64 : 128;
});

interface Kept {
  readonly input: Uint8Array;
  /** Counters with their buckets. */
  readonly ways: readonly number[];
}

export class FuzzRun {
  readonly #target: FuzzTarget;
  readonly #coverage: Coverage;
  readonly #settings: FuzzSettings;
  readonly #random: Random;
  readonly #seen: Uint8Array;
  readonly #kept: Kept[] = [];
  readonly #words = new Set<string>();
  readonly #findings = new Map<string, Finding>();
  #wordList: readonly string[] = [];
  #runs = 0;
  #reached = 0;

  constructor(target: FuzzTarget, coverage: Coverage, settings: FuzzSettings) {
    this.#target = target;
    this.#coverage = coverage;
    this.#settings = settings;
    this.#random = new Random(settings.seed);
    this.#seen = new Uint8Array(coverage.counters.length);
    for (const word of target.words ?? []) this.#words.add(word);
  }

  async run(): Promise<FuzzOutcome> {
    const { isTimed, maxMs, maxRuns } = this.#settings;
    const start = performance.now();
    await this.#begin();
    while (this.#runs < maxRuns && performance.now() - start < maxMs) {
      if (this.#findings.size >= MAX_FINDINGS) break;
      await this.#try(this.#next());
    }
    if (isTimed) await this.#stretch(start + 2 * maxMs);
    await this.#target.close?.();
    return {
      runs: this.#runs,
      ms: performance.now() - start,
      reached: this.#reached,
      parts: this.#countParts(),
      kept: this.#kept.map(({ input }) => input),
      findings: [...this.#findings.values()],
    };
  }

  /** Those of the files of which something was reached. */
  #countParts(): number {
    const isReached = (start: number, end: number) =>
      this.#seen.subarray(start, end).some((bits) => bits !== 0);
    return this.#coverage.files.reduce((sum, [start, count]) => {
      return sum + (isReached(start, start + count) ? count : 0);
    }, 0);
  }

  /** Fewest inputs, short ones first, that reach every part that all of them reach. */
  smallest(maxInputs: number, maxBytes: number): Uint8Array[] {
    const candidates = this.#kept
      .filter(({ input }) => input.length <= maxBytes)
      .map(({ input, ways }) => ({ input, parts: new Set(ways.map((way) => way >> 8)) }));
    const chosen: Uint8Array[] = [];
    const covered = new Set<number>();
    while (chosen.length < maxInputs) {
      const gain = ({ parts }: { parts: Set<number> }) =>
        [...parts].filter((part) => !covered.has(part)).length;
      const ranked = candidates.map((candidate) => ({ candidate, gained: gain(candidate) }));
      const best = ranked.reduce<(typeof ranked)[number] | undefined>(
        (winner, each) =>
          winner === undefined ||
          each.gained > winner.gained ||
          (each.gained === winner.gained &&
            each.candidate.input.length < winner.candidate.input.length)
            ? each
            : winner,
        undefined,
      );
      if (best === undefined || best.gained === 0) break;
      chosen.push(best.candidate.input);
      for (const part of best.candidate.parts) covered.add(part);
    }
    return chosen;
  }

  async #begin(): Promise<void> {
    this.#coverage.counters.fill(0);
    for (const seed of this.#target.seeds) await this.#try(Buffer.from(seed), true);
    for (const input of this.#settings.corpus) await this.#try(input, true);
    await this.#try(new Uint8Array(0), true);
  }

  #next(): Uint8Array {
    const mutation: Mutation = {
      random: this.#random,
      words: this.#wordList,
      maxBytes: this.#target.maxBytes ?? MAX_BYTES,
      other: () => this.#random.pick(this.#kept).input,
    };
    // Half of them from the inputs found last, which are not worn out yet.
    const recent = Math.max(1, this.#kept.length >> 3);
    const index = this.#random.chance(0.5)
      ? this.#kept.length - 1 - this.#random.below(recent)
      : this.#random.below(this.#kept.length);
    return mutate((this.#kept[index] as Kept).input, this.#target.shape, mutation);
  }

  async #try(input: Uint8Array, isGiven = false): Promise<void> {
    this.#runs++;
    this.#settings.beforeRun?.(input);
    const ms = await this.#time(input);
    const limit = this.#target.slowMsPerKb ?? SLOW_MS_PER_KB;
    if (this.#settings.isTimed)
      await this.#checkTime(input, ms, limit * Math.max(1, input.length / 1024));
    const { isNew, ways } = this.#look();
    if (isNew || (isGiven && this.#kept.length === 0)) this.#kept.push({ input, ways });
  }

  /** Milliseconds that an input takes; what goes wrong becomes a finding. */
  async #time(input: Uint8Array): Promise<number> {
    const start = performance.now();
    try {
      const done = this.#target.run(input);
      if (done !== undefined) await done;
    } catch (error) {
      this.#note({ kind: 'broken', reason: describe(error), input });
    }
    return performance.now() - start;
  }

  /** What an input costs is the least processor time of three runs; more is the machine's. */
  async #checkTime(input: Uint8Array, ms: number, limitMs: number): Promise<void> {
    let least = ms;
    for (let again = 0; again < 3 && least > limitMs; again++) {
      const before = process.cpuUsage();
      await this.#time(input);
      const { system, user } = process.cpuUsage(before);
      least = Math.min(least, (system + user) / 1000);
    }
    if (least <= limitMs) return;
    this.#note({
      kind: 'slow',
      reason: `${Math.round(least)} ms for ${input.length} bytes`,
      input,
    });
  }

  #note(finding: Finding): void {
    const key = finding.kind === 'slow' ? 'slow' : placeOf(finding.reason);
    const known = this.#findings.get(key);
    if (known === undefined || known.input.length > finding.input.length)
      this.#findings.set(key, finding);
  }

  #look(): { isNew: boolean; ways: readonly number[] } {
    const { counters, used } = this.#coverage;
    const words = new Uint32Array(counters.buffer, counters.byteOffset, (used + 3) >> 2);
    const ways: number[] = [];
    let isNew = false;
    for (let word = 0; word < words.length; word++) {
      if (words[word] === 0) continue;
      for (let index = word * 4; index < word * 4 + 4; index++) {
        const bucket = BUCKETS[counters[index] ?? 0] ?? 0;
        if (bucket === 0) continue;
        ways.push((index << 8) | bucket);
        isNew = this.#see(index, bucket) || isNew;
      }
      words[word] = 0;
    }
    return { isNew, ways };
  }

  #see(index: number, bucket: number): boolean {
    const before = this.#seen[index] ?? 0;
    if ((before & bucket) !== 0) return false;
    this.#seen[index] = before | bucket;
    if (before === 0) this.#reach(index);
    return true;
  }

  #reach(index: number): void {
    this.#reached++;
    for (const word of this.#coverage.words[index] ?? []) this.#words.add(word);
    this.#wordList = [...this.#words];
  }

  /** Repeats pieces of each input very often: what takes more than its share then is not linear. */
  async #stretch(until: number): Promise<void> {
    for (const { input } of this.#kept) {
      if (input.length === 0 || performance.now() > until) continue;
      const at = this.#random.below(input.length);
      const length = 1 + this.#random.below(Math.min(12, input.length - at));
      const piece = Buffer.from(input.subarray(at, at + length));
      const long = Buffer.concat([
        input.subarray(0, at),
        Buffer.alloc(STRETCHED_BYTES - (STRETCHED_BYTES % length), piece),
        input.subarray(at + length),
      ]);
      this.#settings.beforeRun?.(long);
      await this.#checkTime(long, await this.#time(long), STRETCHED_MS);
    }
  }
}

/** What is the same for findings that have one cause: the kind of error and where it was thrown. */
function placeOf(reason: string): string {
  const [message = '', ...frames] = reason.split('\n');
  const words = message
    .replace(/(["'`{[]| of \d).*$/s, '')
    .replaceAll(/\d+/g, '0')
    .slice(0, 60);
  return [words, ...frames.filter((frame) => !frame.includes('/driver/'))].join('\n');
}

function describe(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  const name = error instanceof Error ? error.constructor.name : typeof error;
  return [`${name}: ${errorMessage(error).slice(0, 600)}`, ...frames.slice(0, 6)].join('\n');
}
