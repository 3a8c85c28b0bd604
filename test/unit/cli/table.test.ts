import { describe, expect, test } from 'vitest';
import { fitColumns, renderTable } from '../../../src/cli/table.ts';
import { cellWidth } from '../../../src/log/cell-width.ts';
import recorded from '../../fixtures/tables.json';

describe('tables are those of upstream (recorded from prettytable)', () => {
  test.each(recorded)('$titles', ({ titles, rows, lines }) => {
    expect(renderTable(titles, rows)).toEqual(lines);
  });
});

test('width on a terminal', () => {
  expect(['', 'abc', '日本', 'e\u0301', '😀'].map(cellWidth)).toEqual([0, 3, 4, 1, 2]);
});

test('a short row is filled', () => {
  expect(renderTable(['a', 'b'], [['1']])[3]).toBe(' 1   ');
});

test.each([
  [80, ['日本日本日本', 'cccccccccccc']],
  [20, ['日本日…', 'cccccccc…']],
  [9, ['日…', 'cc…']],
  [1, ['日…', 'c…']],
])('columns that fit %i', (columns, expected) => {
  const titles = ['abc', 'de'];
  const rows = fitColumns(titles, [['日本日本日本', 'cccccccccccc']], columns);
  expect(rows).toEqual([expected]);
  const widths = renderTable(titles, rows).map(cellWidth);
  expect(Math.max(...widths)).toBeLessThanOrEqual(Math.max(columns, 8));
});
