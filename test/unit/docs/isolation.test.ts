import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../../src/host/package/package-files.ts';
import {
  ACTORS,
  parseAttempts,
  parseTests,
  readIsolationText,
} from '../../support/isolation-table.ts';

const text = readIsolationText();

test('every attempt has an outcome for each actor', () => {
  const attempts = parseAttempts(text);
  expect(attempts.size).toBeGreaterThan(100);
  for (const [name, expected] of attempts) {
    for (const actor of ACTORS) expect([name, expected[actor]]).not.toEqual([name, []]);
  }
});

test('every attempt of the program is documented, and every one of the document is made', () => {
  const source = readFileSync(join(packageRoot(), 'test', 'support', 'probe.c'), 'utf8');
  const made = [...source.matchAll(/\btried(?:_open|_apart)?\("([^"]+)"/g)].map(([, name]) => name);
  const parts = [...source.matchAll(/NAMED\("([^"]+)"\)/g)].map(([, part]) => part);
  const named = ['service', 'keeper'].flatMap((who) => parts.map((part) => `${who}-${part}`));
  expect([...made, ...named].sort()).toEqual([...parseAttempts(text).keys()].sort());
});

test.each(parseTests(text))('$file has a test "$title"', ({ file, title }) => {
  expect(readFileSync(join(packageRoot(), file), 'utf8')).toContain(title);
});
