import { describe, expect, it } from 'vitest';
import { renderBytes, renderCpu, renderSpan, renderSparkline } from '../../../src/top/amount.ts';

const SCALE = { floor: 1, isAscii: false };

describe('amounts', () => {
  it.each([
    [0, '0'],
    [-5, '0'],
    [917, '917'],
    [1023.7, '1.0K'],
    [1536, '1.5K'],
    [102_400, '100K'],
    [1024 * 1024 - 1, '1.0M'],
    [2.5 * 1024 ** 4, '2.5T'],
    [Number.MAX_SAFE_INTEGER, '8.0P'],
  ])('shows %d bytes as %s', (bytes, text) => {
    expect(renderBytes(bytes)).toBe(text);
  });

  it('shows processors in percent of one', () => {
    expect([0, 0.1234, 0.9996, 16].map(renderCpu)).toEqual(['0.0', '12.3', '100', '1600']);
  });

  it('shows spans in two units', () => {
    const spans = [-1, 59_999, 65_000, 3_600_000 * 5, 86_400_000 * 12 + 3_600_000 * 4];
    expect(spans.map(renderSpan)).toEqual(['0s', '59s', '1m05s', '5h00m', '12d04h']);
  });
});

describe('renderSparkline', () => {
  it('shows the newest at the right against the highest', () => {
    expect(renderSparkline([1, 2, 4], 5, SCALE)).toBe('  ▂▄█');
    expect(renderSparkline([9, 1, 2, 4], 3, SCALE)).toBe('▂▄█');
    expect(renderSparkline([0, 0.01], 2, SCALE)).toBe(' ▁');
  });

  it('shows what is steady at half height, and nonsense not at all', () => {
    expect(renderSparkline([7, 7, 7], 3, { ...SCALE, isSteady: true })).toBe('▄▄▄');
    expect(renderSparkline([Number.NaN, -1, 1], 3, SCALE)).toMatch(/^ {2}/);
    expect(renderSparkline([1], 0, SCALE)).toBe('');
  });

  it('does without Unicode', () => {
    expect(renderSparkline([1, 2, 4], 3, { ...SCALE, isAscii: true })).toMatch(/^[ -~]{3}$/);
  });
});
