import { describe, expect, it } from 'vitest';
import { createLineReader } from '../../../../src/host/process/run-command.ts';

function read(...chunks: readonly Buffer[]): string[] {
  const lines: string[] = [];
  const reader = createLineReader((line) => lines.push(line));
  for (const chunk of chunks) reader.take(chunk);
  reader.end();
  return lines;
}

describe('createLineReader', () => {
  it('joins lines that arrive in pieces, also inside a character', () => {
    const bytes = Buffer.from('été\nb\n\nc');
    expect(read(bytes.subarray(0, 1), bytes.subarray(1, 4), bytes.subarray(4))).toEqual([
      'été',
      'b',
      '',
      'c',
    ]);
  });

  it('replaces invalid UTF-8', () => {
    expect(read(Buffer.from([0x61, 0xff, 0x0a]))).toEqual(['a\ufffd']);
  });

  it('hands on an endless line in parts', () => {
    const lines = read(Buffer.alloc(100_000, 'x'), Buffer.alloc(100_000, 'x'));
    expect(lines.join('')).toHaveLength(200_000);
    expect(lines.length).toBeGreaterThan(1);
  });
});
