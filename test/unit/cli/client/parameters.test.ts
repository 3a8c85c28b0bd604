import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readParameterFile } from '../../../../src/cli/client/parameter-file.ts';
import { parsePairs, serialiseParameters } from '../../../../src/cli/client/parameters.ts';
import { MarshalFloat, type MarshalValue } from '../../../../src/slap/marshal-value.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-parameters-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test('words are split at the first =', () => {
  expect(parsePairs(['a=a=b', 'b=', 'é=x y'], '--parameters')).toEqual({
    a: 'a=b',
    b: '',
    é: 'x y',
  });
});

test.each([
  [['foo=bar', 'foo=baz'], "Multiple values provided for the same key 'foo'"],
  [['foo'], "--parameters takes KEY=VALUE, not 'foo'."],
])('%j', (words, message) => {
  expect(() => parsePairs(words, '--parameters')).toThrow(
    expect.objectContaining({ message, exitCode: 1 }),
  );
});

const read = async (name: string, text: string) => {
  const { values, isXml, repeated } = await readParameterFile(file(name, text));
  return { values: plain(values), isXml, repeated };
};

/** Maps as pairs: the order of keys counts. */
function plain(value: unknown): unknown {
  if (value instanceof Map) return [...value].map(([key, item]) => [key, plain(item)]);
  return Array.isArray(value) ? { list: value.map(plain) } : value;
}

test('JSON, whatever the name says', async () => {
  const text =
    '\ufeff{"foo": ["bar", {"2": null, "1": -0}], "n": 1.0, "b": 12345678901234567890, "e": 1E400}';
  expect(await read('p.txt', text)).toEqual({
    values: [
      [
        'foo',
        {
          list: [
            'bar',
            [
              ['2', null],
              ['1', 0],
            ],
          ],
        },
      ],
      ['n', new MarshalFloat(1)],
      ['b', 12345678901234567890n],
      ['e', new MarshalFloat(Number.POSITIVE_INFINITY)],
    ],
    isXml: false,
    repeated: [],
  });
  expect((await read('n.json', '{"a": [NaN, -Infinity, "\\ud800 \\\\"]}')).values).toEqual([
    ['a', { list: [new MarshalFloat(Number.NaN), new MarshalFloat(-Infinity), '\ud800 \\'] }],
  ]);
});

test('YAML as Python reads it', async () => {
  const text = `a: yes
b: 1.50
c: [1, é, y, 1e5, 0o7, 010, 1:30, 0x_f, .inf, ~]
d: "2020-01-01"
e: 12345678901234567890
f:
1: !!str 1
on: {<<: &m {x: 1}, z: *m}
`;
  expect((await read('p.YML', text)).values).toEqual([
    ['a', true],
    ['b', new MarshalFloat(1.5)],
    ['c', { list: [1, 'é', 'y', '1e5', '0o7', 8, 90, 15, new MarshalFloat(Infinity), null] }],
    ['d', '2020-01-01'],
    ['e', 12345678901234567890n],
    ['f', null],
    ['1', '1'],
    [
      'true',
      [
        ['x', 1],
        ['z', [['x', 1]]],
      ],
    ],
  ]);
});

test('XML is sent as it is', async () => {
  const text =
    '<instance><parameter id="a">x<!-- c -->y</parameter><parameter id="e"/><other>z</other></instance>';
  expect(await read('p.xml', text)).toEqual({
    values: [
      ['a', 'x'],
      ['e', null],
    ],
    isXml: true,
    repeated: [],
  });
});

test.each([
  ['twice.json', '{"a": {"b": 1,\n "b": 2}}', "'a.b' at line 2, column 2"],
  ['twice.yaml', 'b: 1\na: 2\nb: 3\n', "'b' at line 3, column 1"],
  [
    'twice.xml',
    '<i><parameter id="b">1</parameter><parameter id="b">2</parameter></i>',
    "'b' at parameter 2",
  ],
])('%s: of a repeated key the last one counts', async (name, text, told) => {
  const { values, repeated } = await read(name, text);
  expect(repeated).toEqual([told]);
  expect(JSON.stringify(values)).not.toContain('1');
});

const bomb = Array.from({ length: 9 }, (_none, at) => {
  const former =
    at === 0
      ? 'x'
      : Array(10)
          .fill(`*a${at - 1}`)
          .join(', ');
  return `k${at}: &a${at} [${former}]\n`;
}).join('');

test.each([
  ['bad.json', '{"a": {"b":\n [1,, 2]}}', 'line 2, column 5, in a.b[1]: a value was expected'],
  ['comma.json', '{"a": 1,}', 'line 1, column 9: a key in double quotes was expected'],
  ['colon.json', '{"a" 1}', "line 1, column 6, in a: a ':' was expected after the key"],
  ['open.json', '{"a": "x', 'line 1, column 7, in a: the text that starts here has no end'],
  ['escape.json', '{"a": "\\q"}', 'in a: the text that starts here has a bad escape'],
  ['more.json', '{} {}', 'line 1, column 4: nothing may follow the value'],
  ['empty.json', '', 'line 1, column 1: a value was expected'],
  ['zero.json', '{"a": 01}', "column 8: a ',' or a '}' was expected"],
  ['digits.json', `{"a": ${'9'.repeat(5000)}}`, 'in a: a number has more than 4300 digits'],
  ['deep.json', '['.repeat(100_000), 'values are nested more than 500 deep'],
  ['latin.json', Buffer.from('{"a": "\xe9"}', 'latin1'), 'it is not UTF-8'],
  ['list.json', '[1]', 'it must hold a dictionary of parameters, but holds a list'],
  ['number.json', '1.5', 'but holds a single value'],
  ['empty.yaml', '# nothing\n', 'but holds nothing'],
  ['bad.yaml', 'a: [1', 'line 1, column '],
  ['indent.yaml', 'a:\n  b: 1\n c: 2\n', 'line 3, column '],
  ['several.yaml', 'a: 1\n---\nb: 1\n', 'line 2, column 1'],
  ['date.yaml', 'a:\n  - 2020-01-01', 'line 2, column 5: put quotes around the date 2020-01-01'],
  ['object.yaml', 'a: !!python/object:os.system x', 'line 1, column 4: Unresolved tag'],
  ['binary.yaml', 'a: !!binary aGk=', 'line 1, column '],
  ['bomb.yaml', bomb, 'alias'],
  ['alias.yaml', 'a:\n  b: *x\n', 'line 2, column 6: *x stands for nothing before it'],
  ['deep.yaml', '['.repeat(20_000), 'nested'],
  ['deep-keys.yaml', `a: 0\n${': 0'.repeat(22_000)}\n: 0\n`, 'nested more than 500 deep'],
  ['key.yaml', '? [a]\n: 1\n', 'a key must be a text'],
  ['bad.xml', '<instance>\n<a></instance>', 'line 2, column '],
  ['id.xml', '<instance><parameter>1</parameter></instance>', 'parameter 1 has no id'],
  ['entities.xml', '<!DOCTYPE i [<!ENTITY a "b">]><i/>', 'a document type declaration'],
])('%s is refused', async (name, text, reason) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  const error: { message: string; exitCode: number } = await readParameterFile(path).then(
    () => {
      throw new Error('it was read');
    },
    (cause) => cause,
  );
  expect(error.exitCode).toBe(1);
  expect(error.message).toContain(`Parameters file ${path} cannot be used: `);
  expect(error.message).toContain(reason);
  expect(error.message).not.toContain('\n');
});

test('a file without an end is read no further than needed', async () => {
  await expect(readParameterFile('/dev/zero')).rejects.toMatchObject({
    message: expect.stringContaining('more than 16777216 bytes'),
  });
});

test('one parameter holds everything as JSON, unless it already does', () => {
  expect(serialiseParameters(new Map([['foo', ['bar']]]), 'json-in-xml')).toEqual({
    _: '{\n  "foo": [\n    "bar"\n  ]\n}',
  });
  expect(serialiseParameters(new Map([['_', '{}']]), 'json-in-xml')).toEqual({ _: '{}' });
  expect(
    serialiseParameters(
      new Map<string, MarshalValue>([
        ['_', '{}'],
        ['a', 1],
      ]),
      'json-in-xml',
    ),
  ).toEqual({
    _: '{\n  "_": "{}",\n  "a": 1\n}',
  });
  expect(serialiseParameters(new Map([['a', 1]]), 'xml')).toEqual({ a: 1 });
});
