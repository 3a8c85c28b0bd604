import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellWidth, fitCells, takeCells, toAscii, wrapCells } from '../../../src/log/cell-width.ts';

const CODES = fc.oneof(
  fc.integer({ min: 0x20, max: 0x10ffff }),
  fc.constantFrom(0x41, 0x301, 0x65e5, 0x200d, 0x1f389),
);
const TEXTS = fc.array(CODES, { maxLength: 30 }).map((codes) => String.fromCodePoint(...codes));

describe('cellWidth', () => {
  // As wcwidth(3) and Unicode Standard Annex 11 have them.
  it.each([
    ['plain', 5],
    ['', 0],
    ['é', 1],
    ['e\u0301', 1],
    ['日本', 4],
    ['한', 2],
    ['ｆ', 2],
    ['▁█…', 3],
    ['✓', 1],
    ['🎉', 2],
    ['⌚', 2],
    ['🇫🇷', 2],
    ['\u00ad', 1],
    ['\u200b\ufeff', 0],
    ['ก\u0e34', 1],
    ['\u{20000}', 2],
  ])('%j takes %i columns', (text, width) => {
    expect(cellWidth(text)).toBe(width);
  });
});

describe('fitCells', () => {
  it('fills, cuts and marks what was cut', () => {
    expect(fitCells('ab', 4)).toBe('ab  ');
    expect(fitCells('ab', 4, { align: 'right' })).toBe('  ab');
    expect(fitCells('abcde', 4)).toBe('abc…');
    expect(fitCells('日本語', 4)).toBe('日… ');
    expect(fitCells('日', 1)).toBe('…');
    expect(fitCells('abc', 0)).toBe('');
    expect(fitCells('abcd', 4)).toBe('abcd');
  });

  it('makes any text as wide as was asked for, and piles no marks up', () => {
    fc.assert(
      fc.property(TEXTS, fc.integer({ min: 0, max: 20 }), (text, columns) => {
        const fitted = fitCells(text, columns);
        expect(cellWidth(fitted)).toBe(columns);
        expect(cellWidth(toAscii(fitted))).toBe(columns);
        expect(fitted).not.toMatch(/\p{Mn}{4}/u);
      }),
    );
  });
});

describe('wrapCells', () => {
  it('keeps every character and no line wider than asked for', () => {
    expect(wrapCells('', 5)).toEqual(['']);
    expect(wrapCells('abcdef', 4)).toEqual(['abcd', 'ef']);
    expect(wrapCells('日本語', 5)).toEqual(['日本', '語']);
    expect(wrapCells('one two three', 9)).toEqual(['one two', 'three']);
    expect(wrapCells('one two', 3)).toEqual(['one', 'two']);
    expect(wrapCells('a bcdefgh', 5)).toEqual(['a bcd', 'efgh']);
    const pile = `a${'\u0301'.repeat(50)}b`;
    expect(wrapCells(pile, 2)).toEqual(['a\u0301\u0301\u0301b']);
    expect(takeCells(pile, 1).length).toBe(51);
  });
});
