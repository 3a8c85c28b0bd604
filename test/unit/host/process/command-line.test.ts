import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  parseCommandLine,
  readCommandLine,
  readProcessText,
} from '../../../../src/host/process/command-line.ts';

test.each([
  ['', []],
  ['sleep\u00001000\u0000', ['sleep', '1000']],
  ['sh\u0000-c\u0000\u0000', ['sh', '-c', '']],
  ['nginx: worker process\u0000', ['nginx:', 'worker', 'process']],
  ['one two', ['one', 'two']],
  ['/bin/x\u0000', ['/bin/x']],
])('parseCommandLine(%j)', (text, words) => {
  expect(parseCommandLine(text)).toEqual(words);
});

test('readCommandLine reads ours, and nothing of a process that is gone', () => {
  expect(readCommandLine(process.pid)?.[0]).toBe(process.argv0);
  expect(readCommandLine(999_999_999)).toBeUndefined();
});

test('readProcessText reads a bounded part of a text that claims a terabyte', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slapos-proc-'));
  mkdirSync(join(folder, '7'));
  for (const name of ['cmdline', 'environ'] as const) {
    const file = join(folder, '7', name);
    writeFileSync(file, 'word\0');
    truncateSync(file, 2 ** 40);
    expect(readProcessText(7, name, folder)).toHaveLength(128 * 1024);
  }
  expect(readCommandLine(7, folder)?.[0]).toBe('word');
  rmSync(folder, { recursive: true });
});
