/** Looks for many names in many texts at once. */

/** Remembers which of some hashes were met, anywhere in a text, also inside longer words. */
export class HashSearch {
  /** Hexadecimal hashes by length: found by one pass over the runs of hexadecimal digits. */
  readonly #hexadecimal = new Map<number, Set<string>>();
  readonly #others: string[] = [];
  readonly #found = new Set<string>();

  constructor(hashes: Iterable<string>) {
    for (const hash of hashes) {
      if (!/^[0-9a-f]{16,}$/.test(hash)) this.#others.push(hash);
      else this.#ofLength(hash.length).add(hash);
    }
  }

  #ofLength(length: number): Set<string> {
    const known = this.#hexadecimal.get(length) ?? new Set();
    this.#hexadecimal.set(length, known);
    return known;
  }

  /** Notes every hash that the text holds. */
  scan(text: string): void {
    for (const hash of this.#others) {
      if (!this.#found.has(hash) && text.includes(hash)) this.#found.add(hash);
    }
    for (const [length, hashes] of this.#hexadecimal) this.#scanRuns(text, length, hashes);
  }

  #scanRuns(text: string, length: number, hashes: ReadonlySet<string>): void {
    for (const [run] of text.matchAll(new RegExp(`[0-9a-f]{${length},}`, 'g'))) {
      for (let start = 0; start + length <= run.length; start += 1) {
        const word = run.slice(start, start + length);
        if (hashes.has(word)) this.#found.add(word);
      }
    }
  }

  has(hash: string): boolean {
    return this.#found.has(hash);
  }
}
