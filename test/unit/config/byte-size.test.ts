import { describe, expect, it } from 'vitest';
import { parseByteSize, renderByteSize } from '../../../src/config/byte-size.ts';

describe('parseByteSize', () => {
  it.each([
    ['1000M', 1_048_576_000],
    ['1000', 1000],
    ['0', 0],
    ['1B', 1],
    ['1 K', 1024],
    ['2KB', 2048],
    ['1kilo', 1024],
    ['1Ki', 1024],
    ['1.5 kibi', 1536],
    ['3 GB', 3 * 1024 ** 3],
    ['1T', 1024 ** 4],
  ])('reads %s', (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes);
  });

  it.each(['', 'M', '-1M', '1 parsec', '1M 2K', '1,5M'])('refuses %j', (text) => {
    expect(parseByteSize(text)).toBeUndefined();
  });
});

describe('renderByteSize', () => {
  it.each([
    [10 * 1024 ** 2, '10.0 MB'],
    [1000 * 1024 ** 2, '1000.0 MB'],
    [1024 ** 3, '1.0 GB'],
    [0, '0.0 B'],
  ])('writes %d as %s', (bytes, text) => {
    expect(renderByteSize(bytes)).toBe(text);
  });
});
