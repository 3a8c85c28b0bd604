/** What docs/isolation.md says, so that tests can hold it against what is. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/host/package/package-files.ts';

/** In the order of the columns. */
export const ACTORS = ['default', 'strict', 'stranger'] as const;
export type Actor = (typeof ACTORS)[number];

/** Outcomes that are as documented: `ok` or the name of an errno. */
export type Expected = Readonly<Record<Actor, readonly string[]>>;

export const readIsolationText = () =>
  readFileSync(join(packageRoot(), 'docs', 'isolation.md'), 'utf8');

function parseCell(text: string): readonly string[] {
  const codes: string[] = text.match(/\bE[A-Z]{3,}\b/g) ?? [];
  return text.includes('allowed') ? ['ok', ...codes] : codes;
}

/** Attempts by name, of all tables whose rows begin with names of attempts. */
export function parseAttempts(text: string): ReadonlyMap<string, Expected> {
  const attempts = new Map<string, Expected>();
  for (const line of text.split('\n')) {
    const [, names = '', , ...cells] = line.split('|').map((cell) => cell.trim());
    if (!/^(`[a-z0-9-]+` ?)+$/.test(names)) continue;
    const [first = '', second = '', third = ''] = cells;
    const expected = {
      default: parseCell(first),
      strict: parseCell(second),
      stranger: parseCell(third),
    };
    for (const [, name = ''] of names.matchAll(/`([^`]+)`/g)) attempts.set(name, expected);
  }
  return attempts;
}

/** Tests that are named, as `file`: "title". */
export function parseTests(text: string): ReadonlyArray<{ file: string; title: string }> {
  return [...text.matchAll(/`(test\/[^`]+)`: "([^"]+)"/g)].map(([, file = '', title = '']) => {
    return { file, title };
  });
}
