/** JSON of the JSON-RPC API, read and written without loss. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseExactJson, renderExactJson } from '../../../src/proxy/rpc-json.ts';
import { fromMarshal } from '../../../src/proxy/rpc-schema.ts';
import { MarshalFloat, type MarshalValue } from '../../../src/slap/marshal-value.ts';
import { pythonStr } from '../../../src/slap/python-text.ts';

/** What JavaScript makes of an exact value. */
function loosen(value: MarshalValue): unknown {
  if (value instanceof MarshalFloat) return value.value;
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(loosen);
  if (!(value instanceof Map)) return value;
  return Object.fromEntries([...value].map(([key, item]) => [key, loosen(item)]));
}

const layouts = fc.constantFrom(undefined, 1, '\t');

test('reads any JSON, and in the order of its properties', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), layouts, (value, layout) => {
      // JSON has no negative zero among its integers, JavaScript has.
      const text = JSON.stringify(value, null, layout);
      expect(loosen(parseExactJson(text))).toEqual(JSON.parse(text));
    }),
    { numRuns: 500 },
  );
});

test.each([
  ['{"b":1,"a":{"10":1,"2":[]},"b":2}', "{'b': 2, 'a': {'10': 1, '2': []}}"],
  ['[1.0, 1, -0, -0.0, 1e2, 1E400, -1e400]', '[1.0, 1, 0, -0.0, 100.0, inf, -inf]'],
  ['[12345678901234567890,9007199254740991]', '[12345678901234567890, 9007199254740991]'],
  ['["\\"", "\\\\", "a\\\\\\"b", "\\ud83d\\ude00", ""]', `['"', '\\\\', 'a\\\\"b', '😀', '']`],
  ['{"__proto__":{"x":null},"t":true}', "{'__proto__': {'x': None}, 't': True}"],
  [' \n [ ] ', '[]'],
])('%s is %s for Python', (text, python) => {
  expect(pythonStr(parseExactJson(text))).toBe(python);
});

test('an integer of 400 digits is the last one', () => {
  expect(parseExactJson('9'.repeat(400))).toBe(10n ** 400n - 1n);
  expect(parseExactJson(`-${'9'.repeat(400)}`)).toBe(1n - 10n ** 400n);
  expect(() => parseExactJson(`[${'9'.repeat(401)}]`)).toThrow(/more than 400 digits/);
});

test('writes what it reads, floats as floats', () => {
  const value = ['é"\n', 1.5, 10n ** 20n, new MarshalFloat(2), null, true, { a: [], b: {} }];
  expect(renderExactJson(fromMarshal(value))).toBe(
    '["é\\"\\n",1.5,100000000000000000000,2.0,null,true,{"a":[],"b":{}}]',
  );
  const infinite = [Infinity, -Infinity, Number.NaN].map((number) => new MarshalFloat(number));
  expect(JSON.parse(renderExactJson(infinite))).toEqual([Infinity, -Infinity, null]);
});
