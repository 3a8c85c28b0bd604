import { describe, expect, test } from 'vitest';
import { folderWaitS, parsePid } from '../../../src/collect/folder-plan.ts';

describe('folderWaitS', () => {
  const now = Date.UTC(2026, 10, 20, 12, 0, 0);
  test('ten minutes after the last measure, fifty of the hour are left', () => {
    expect(folderWaitS({ date: '2026-11-20', time: '11:50:00' }, 3600, now)).toBe(3000);
  });
  test('three hours after it, the measure is due', () => {
    expect(folderWaitS({ date: '2026-11-20', time: '09:00:00' }, 3600, now)).toBeLessThanOrEqual(0);
  });
  test('a partition never measured is due, and so is any with cycle 0', () => {
    expect(folderWaitS(undefined, 3600, now)).toBe(0);
    expect(folderWaitS({ date: '2026-11-20', time: '11:59:59' }, 0, now)).toBe(0);
  });
  test('a stamp of the future, of a clock that was set back, stops no measure for long', () => {
    expect(folderWaitS({ date: '2026-11-20', time: '12:30:00' }, 3600, now)).toBe(1800);
    expect(folderWaitS({ date: '2027-11-20', time: '12:00:00' }, 3600, now)).toBeLessThan(0);
  });
  test('a stamp that is no date does not stop measures for ever', () => {
    expect(folderWaitS({ date: 'x', time: 'y' }, 3600, now)).toBe(0);
  });
});

test.each([
  ['123\n', 123],
  ['  7', 7],
  ['', undefined],
  ['0', undefined],
  ['-1', undefined],
  ['12x', undefined],
  ['99999999999', undefined],
  ['4294967295', undefined],
])('parsePid(%j) is %s', (text, pid) => {
  expect(parsePid(text)).toBe(pid);
});
