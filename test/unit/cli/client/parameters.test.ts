import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  parsePairs,
  readParameterFile,
  serialiseParameters,
} from '../../../../src/cli/client/parameters.ts';
import { MarshalFloat } from '../../../../src/slap/marshal-value.ts';

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

test('JSON, whatever the name says', async () => {
  const path = file('p.txt', '{"foo": ["bar"], "n": 1.0}');
  expect(await readParameterFile(path)).toEqual({
    parameters: { foo: ['bar'], n: new MarshalFloat(1) },
    isXml: false,
  });
});

test('YAML as Python reads it', async () => {
  const path = file(
    'p.YML',
    'a: yes\nb: 1.50\nc: [1, é]\nd: "2020-01-01"\ne: 12345678901234567890\nf:\n',
  );
  expect((await readParameterFile(path)).parameters).toEqual({
    a: true,
    b: new MarshalFloat(1.5),
    c: [1, 'é'],
    d: '2020-01-01',
    e: 12345678901234567890n,
    f: null,
  });
});

test('XML is sent as it is', async () => {
  const path = file(
    'p.xml',
    '<instance><parameter id="a">x</parameter><parameter id="e"/></instance>',
  );
  expect(await readParameterFile(path)).toEqual({ parameters: { a: 'x', e: null }, isXml: true });
});

test.each([
  ['bad.json', '{'],
  ['list.json', '[1]'],
  ['number.json', '1.5'],
  ['bad.yaml', 'a: [1'],
  ['date.yaml', 'a: 2020-01-01'],
  ['bad.xml', '<instance>'],
])('%s is refused', async (name, text) => {
  await expect(readParameterFile(file(name, text))).rejects.toMatchObject({
    exitCode: 1,
    message: expect.stringContaining(name),
  });
});

test('one parameter holds everything as JSON, unless it already does', () => {
  expect(serialiseParameters({ foo: ['bar'] }, 'json-in-xml')).toEqual({
    _: '{\n  "foo": [\n    "bar"\n  ]\n}',
  });
  expect(serialiseParameters({ _: '{}' }, 'json-in-xml')).toEqual({ _: '{}' });
  expect(serialiseParameters({ _: '{}', a: 1 }, 'json-in-xml')).toEqual({
    _: '{\n  "_": "{}",\n  "a": 1\n}',
  });
  expect(serialiseParameters({ a: 1 }, 'xml')).toEqual({ a: 1 });
});
