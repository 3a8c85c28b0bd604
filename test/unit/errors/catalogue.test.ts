/** The catalogue, its documentation and its use agree (anchors: fastify's errors test). */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ERROR_CATALOGUE } from '../../../src/errors/catalogue.ts';

const root = join(import.meta.dirname, '../../..');
const codes = Object.keys(ERROR_CATALOGUE);

/** Codes and meanings of the table of docs/errors.md. */
function documented(): Map<string, string> {
  const text = readFileSync(join(root, 'docs/errors.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `(SLAPOS_ERR_\w+)` \| ([^|]+) \|/gm)];
  return new Map(rows.map((row) => [row[1] as string, (row[2] as string).trim()]));
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(folder, name), 'utf8'));
}

test('every code is documented with its meaning', () => {
  const docs = documented();
  for (const [code, meaning] of Object.entries(ERROR_CATALOGUE)) {
    expect([code, docs.get(code)]).toEqual([code, meaning]);
  }
});

test('nothing else is documented', () => {
  expect([...documented().keys()].filter((code) => !codes.includes(code))).toEqual([]);
});

test('the documentation is sorted', () => {
  expect([...documented().keys()]).toEqual([...documented().keys()].sort());
});

test('no source names a code that does not exist', () => {
  const used = sources(join(root, 'src')).flatMap(
    (text) => text.match(/SLAPOS_ERR_[A-Z_]+\b/g) ?? [],
  );
  expect([...new Set(used)].filter((code) => !codes.includes(code))).toEqual([]);
});
