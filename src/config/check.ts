/** Warnings about keys that nobody reads. */
import type { ParsedConfig } from './read.ts';
import { findSection, knownKeys } from './schema.ts';

/** Number of insertions, deletions and replacements from one word to another. */
export function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_none, at) => at);
  for (const [at, letter] of [...left].entries()) {
    const next = [at + 1];
    for (let to = 1; to <= right.length; to++) {
      const replaced = (row[to - 1] as number) + (letter === right[to - 1] ? 0 : 1);
      next.push(Math.min((row[to] as number) + 1, (next[to - 1] as number) + 1, replaced));
    }
    row = next;
  }
  return row[right.length] as number;
}

/** The nearest known name, when it is near enough to be what was meant. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const plain = (text: string) => text.replaceAll('-', '_');
  let best: string | undefined;
  let distance = Math.min(4, Math.ceil(name.length / 3) + 1);
  for (const candidate of known) {
    const current = editDistance(plain(name), plain(candidate));
    if (current < distance) [best, distance] = [candidate, current];
  }
  return best;
}

export interface UnknownKey {
  readonly section: string;
  readonly key: string;
  readonly line: number;
  readonly nearest: string | undefined;
}

/** Keys of the sections that we read which mean nothing to us. Foreign sections are left alone. */
export function listUnknownKeys(config: ParsedConfig): UnknownKey[] {
  return config.sections().flatMap((section) => {
    const spec = findSection(section);
    if (spec === undefined) return [];
    const known = knownKeys(spec);
    return config
      .ownKeys(section)
      .filter((key) => !known.has(key))
      .map((key) => ({
        section,
        key,
        line: config.locate(section, key)?.line ?? 0,
        nearest: nearestName(key, known),
      }));
  });
}

/** The warning about an unknown key, in one line. */
export function describeUnknownKey(unknown: UnknownKey, file: string): string {
  const guess = unknown.nearest === undefined ? '' : `; did you mean ${unknown.nearest}?`;
  return `Unknown key '${unknown.key}' in section '${unknown.section}' at ${file} line ${unknown.line}${guess}`;
}
