/** How long requests took, by their kind. */

export interface KindFigures {
  readonly count: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export class Timings {
  readonly #ms = new Map<string, number[]>();
  #failures = 0;
  #firstFailure = '';

  static merge(all: readonly Timings[]): Timings {
    const merged = new Timings();
    for (const one of all) {
      for (const [kind, ms] of one.#ms) for (const each of ms) merged.add(kind, each);
    }
    return merged;
  }

  add(kind: string, ms: number): void {
    const known = this.#ms.get(kind);
    if (known === undefined) this.#ms.set(kind, [ms]);
    else known.push(ms);
  }

  fail(reason: string): void {
    this.#failures += 1;
    this.#firstFailure ||= reason;
  }

  get count(): number {
    return [...this.#ms.values()].reduce((sum, { length }) => sum + length, 0);
  }

  get failures(): number {
    return this.#failures;
  }

  get firstFailure(): string {
    return this.#firstFailure;
  }

  kinds(): Map<string, KindFigures> {
    const sorted = [...this.#ms].sort(([a], [b]) => (a < b ? -1 : 1));
    return new Map(sorted.map(([kind, ms]) => [kind, summarise(ms)]));
  }

  all(): KindFigures {
    return summarise([...this.#ms.values()].flat());
  }
}

function summarise(ms: readonly number[]): KindFigures {
  const sorted = Float64Array.from(ms).sort();
  const at = (share: number): number =>
    sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
  return { count: sorted.length, medianMs: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}
