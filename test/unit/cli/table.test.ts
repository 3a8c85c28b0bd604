import { describe, expect, test } from 'vitest';
import { displayWidth, renderTable } from '../../../src/cli/table.ts';
import recorded from '../../fixtures/tables.json';

describe('tables are those of upstream (recorded from prettytable)', () => {
  test.each(recorded)('$titles', ({ titles, rows, lines }) => {
    expect(renderTable(titles, rows)).toEqual(lines);
  });
});

test('width on a terminal', () => {
  expect(['', 'abc', '日本', 'e\u0301', '😀'].map(displayWidth)).toEqual([0, 3, 4, 1, 2]);
});

test('a short row is filled', () => {
  expect(renderTable(['a', 'b'], [['1']])[3]).toBe(' 1   ');
});
