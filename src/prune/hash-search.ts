/** Looks for many names in many texts at once. */

/** Some hashes, and which of them a text holds: anywhere in it, also inside longer words. */
export class HashSearch {
  /** Hexadecimal hashes by length: found by one pass over the runs of hexadecimal digits. */
  readonly #hexadecimal = new Map<number, Set<string>>();
  readonly #others = new Set<string>();

  constructor(hashes: Iterable<string>) {
    for (const hash of hashes) {
      if (!/^[0-9a-f]{16,}$/.test(hash)) this.#others.add(hash);
      else this.#ofLength(hash.length).add(hash);
    }
  }

  #ofLength(length: number): Set<string> {
    const known = this.#hexadecimal.get(length) ?? new Set();
    this.#hexadecimal.set(length, known);
    return known;
  }

  /** Adds every hash that the text holds to `found`. */
  scan(text: string, found: Set<string>): void {
    for (const hash of this.#others) {
      if (!found.has(hash) && text.includes(hash)) found.add(hash);
    }
    for (const [length, hashes] of this.#hexadecimal) scanRuns(text, length, hashes, found);
  }
}

function scanRuns(
  text: string,
  length: number,
  hashes: ReadonlySet<string>,
  found: Set<string>,
): void {
  for (const [run] of text.matchAll(new RegExp(`[0-9a-f]{${length},}`, 'g'))) {
    for (let start = 0; start + length <= run.length; start += 1) {
      const word = run.slice(start, start + length);
      if (hashes.has(word)) found.add(word);
    }
  }
}
