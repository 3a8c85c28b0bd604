/** Small text languages of the client: JSON and pprint of Python, URI templates. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MarshalFloat, MarshalTuple, type MarshalValue } from '../../../src/slap/marshal-value.ts';
import { renderPprint } from '../../../src/slap/pprint.ts';
import { parsePythonJson, renderPythonJson } from '../../../src/slap/python-json.ts';
import { parseSerialisation } from '../../../src/slap/software-schema.ts';
import { expandUriTemplate } from '../../../src/slap/uri-template.ts';

describe('JSON', () => {
  test('floats and large integers stay what they are', () => {
    const text =
      '{"a": 1.0, "b": 1, "c": 12345678901234567890, "d": 1e3, "e": "1.0 \\"2\\"", "f": -0.5}';
    expect(parsePythonJson(text)).toEqual({
      a: new MarshalFloat(1),
      b: 1,
      c: 12345678901234567890n,
      d: new MarshalFloat(1000),
      e: '1.0 "2"',
      f: new MarshalFloat(-0.5),
    });
  });

  test('strings that look like our own mark', () => {
    expect(parsePythonJson('["number 0:5", "number 1:x", 7, "\\u006eumber 2:1"]')).toEqual([
      'number 0:5',
      'number 1:x',
      7,
      'number 2:1',
    ]);
  });

  test('indented by two, ASCII, floats like Python', () => {
    const value = {
      foo: ['bar', new MarshalFloat(1), null, true],
      e: {},
      l: [],
      'é🎉"\n': '\u007f',
    };
    expect(renderPythonJson(value)).toBe(`{
  "foo": [
    "bar",
    1.0,
    null,
    true
  ],
  "e": {},
  "l": [],
  "\\u00e9\\ud83c\\udf89\\"\\n": "\\u007f"
}`);
    expect(
      renderPythonJson(
        new Map([
          ['10', 1],
          ['9', 2],
        ]),
      ),
    ).toBe('{\n  "10": 1,\n  "9": 2\n}');
  });

  test('what is not JSON', () => {
    for (const text of ['', '{', "{'a': 1}", '{"a": 01}', 'nul'])
      expect(() => parsePythonJson(text)).toThrow(SyntaxError);
  });

  test('any JSON document survives', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(JSON.parse(renderPythonJson(parsePythonJson(text)))).toEqual(JSON.parse(text));
      }),
    );
  });
});

describe('pprint', () => {
  test.each<[MarshalValue, string]>([
    [{}, '{}'],
    [{ b: null, a: "it's" }, `{'a': "it's", 'b': None}`],
    [{ url: 'x'.repeat(80) }, `{'url': '${'x'.repeat(80)}'}`],
    [
      { first: 'x'.repeat(40), second: 'y'.repeat(40), list: ['z'.repeat(50), 'w'.repeat(30)] },
      `{'first': '${'x'.repeat(40)}',\n 'list': ['${'z'.repeat(50)}',\n          '${'w'.repeat(30)}'],\n 'second': '${'y'.repeat(40)}'}`,
    ],
    [new MarshalTuple(['x'.repeat(90)]), `('${'x'.repeat(90)}',)`],
  ])('case %#', (value, expected) => {
    expect(renderPprint(value)).toBe(expected);
  });

  test('80 columns fit, 81 do not', () => {
    const line = (length: number) =>
      renderPprint({ a: 'b', c: 'x'.repeat(length - "{'a': 'b', 'c': ''}".length) });
    expect(line(80)).toHaveLength(80);
    expect(line(81)).toContain('\n');
  });
});

test.each([
  ['http://h/?q={query}&s={select_list}', 'http://h/?q=a%20%26b&s=x%2Cy'.replace('%2C', ',')],
  [
    'http://h/?mode=search{&query,select_list*,limit*,sort_on}',
    'http://h/?mode=search&query=a%20%26b&select_list=x&select_list=y&limit=40',
  ],
  ['http://h/{?query}{&none}', 'http://h/?query=a%20%26b'],
  ['http://h/', 'http://h/'],
])('%s', (template, expected) => {
  expect(expandUriTemplate(template, { query: 'a &b', select_list: ['x', 'y'], limit: '40' })).toBe(
    expected,
  );
});

test.each([
  [
    { serialisation: 'xml', 'software-type': { a: { serialisation: 'json-in-xml' } } },
    'a',
    'json-in-xml',
  ],
  [{ serialisation: 'xml', 'software-type': { a: {} } }, 'a', 'xml'],
  [{ serialisation: 'yaml' }, 'a', null],
  [null, 'a', null],
  [[], 'a', null],
])('serialisation of %j', (document, type, expected) => {
  const kind = { softwareType: type, isShared: false };
  expect(parseSerialisation(document, kind)).toBe(expected);
});
