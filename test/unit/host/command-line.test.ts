import { expect, test } from 'vitest';
import { parseCommandLine, readCommandLine } from '../../../src/host/command-line.ts';

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
