import { expect, test } from 'vitest';
import { pythonFloat } from '../../../src/model/python-number.ts';
import {
  MarshalFloat,
  MarshalObject,
  MarshalTuple,
  type MarshalValue,
} from '../../../src/slap/marshal-value.ts';
import {
  comparePythonStrings,
  pythonRepr,
  pythonStr,
  pythonStringRepr,
} from '../../../src/slap/python-text.ts';

test.each<[number, string]>([
  [0, '0.0'],
  [-0, '-0.0'],
  [1, '1.0'],
  [1.5, '1.5'],
  [-2.25, '-2.25'],
  [0.1, '0.1'],
  [0.0001, '0.0001'],
  [0.00001, '1e-05'],
  [1.5e-7, '1.5e-07'],
  [123456789012345680, '1.2345678901234568e+17'],
  [1e15, '1000000000000000.0'],
  [1e16, '1e+16'],
  [9999999999999998, '9999999999999998.0'],
  [1e100, '1e+100'],
  [1795217539.3075888, '1795217539.3075888'],
  [5e-324, '5e-324'],
  [Number.POSITIVE_INFINITY, 'inf'],
  [Number.NEGATIVE_INFINITY, '-inf'],
  [Number.NaN, 'nan'],
])('str(%d)', (value, expected) => {
  expect(pythonFloat(value)).toBe(expected);
});

test.each<[string, string]>([
  ['x', "'x'"],
  ["it's", `"it's"`],
  [`"'`, `'"\\''`],
  ['"', `'"'`],
  ['a\\b', "'a\\\\b'"],
  ['\n\r\t', "'\\n\\r\\t'"],
  ['\u0000\u007f\u0085\u00a0', "'\\x00\\x7f\\x85\\xa0'"],
  ['\u2028', "'\\u2028'"],
  ['é🎉', "'é🎉'"],
  ['\u{e0001}', "'\\U000e0001'"],
  ['\ud800', "'\\ud800'"],
  ['a b', "'a b'"],
])('repr(%j)', (value, expected) => {
  expect(pythonStringRepr(value)).toBe(expected);
});

test.each<[MarshalValue, string]>([
  [null, 'None'],
  [true, 'True'],
  [false, 'False'],
  [3, '3'],
  [-0, '0'],
  [10n ** 25n, '10000000000000000000000000'],
  [1.5, '1.5'],
  [new MarshalFloat(2), '2.0'],
  ['text', 'text'],
  [['one', 2], "['one', 2]"],
  [{ x: 'y' }, "{'x': 'y'}"],
  [[], '[]'],
  [{}, '{}'],
  [new MarshalTuple([]), '()'],
  [new MarshalTuple([1]), '(1,)'],
  [new MarshalTuple([1, [null]]), '(1, [None])'],
  [{ '10': 1, '9': 2, b: { c: [] } }, "{'10': 1, '9': 2, 'b': {'c': []}}"],
  [
    new Map<number | string, MarshalValue>([
      [2, 'a'],
      [1, 'b'],
    ]),
    "{2: 'a', 1: 'b'}",
  ],
])('str is case %#', (value, expected) => {
  expect(pythonStr(value)).toBe(expected);
});

test('a container inside itself', () => {
  const list: MarshalValue[] = [1];
  list.push(list, { again: list });
  expect(pythonRepr(list)).toBe("[1, [...], {'again': [...]}]");
});

test('a small document that would explode is refused', () => {
  let value: MarshalValue = ['xxxxxxxxxxxxxxxx'];
  for (let level = 0; level < 60; level += 1) value = [value, value];
  expect(() => pythonRepr(value)).toThrow(/too large/);
});

test('objects have no text', () => {
  expect(() => pythonStr([new MarshalObject('Computer', [], {})])).toThrow(/class Computer/);
});

test('strings are ordered by code point', () => {
  const sorted = ['', 'a', 'ab', 'b', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'];
  expect([...sorted].reverse().sort(comparePythonStrings)).toEqual(sorted);
});
