import { expect, test } from 'vitest';
import { renderTextTable } from '../../../src/proxy/text-table.ts';

test('cells are centred, odd blanks by the length of the text', () => {
  expect(
    renderTextTable(
      ['reference', 'a'],
      [
        ['COMP-1', null],
        ['x', 'long'],
      ],
    ),
  ).toEqual([
    '----------------',
    ' reference  a   ',
    '----------------',
    '   COMP-1   -   ',
    '     x     long ',
    '----------------',
  ]);
});

test('no rows', () => {
  expect(renderTextTable(['a'], [])).toEqual(['---', ' a ', '---', '---']);
});
