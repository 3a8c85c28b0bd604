/** Parameters against JSON schemas (spec/cli.md 6.2). */
import { describe, expect, test } from 'vitest';
import { type CheckOptions, checkValue } from '../../../src/slap/schema-check.ts';
import { gatherSchemas } from '../../../src/slap/schema-set.ts';

const OPTIONS: CheckOptions = { timeoutMs: 30_000, areFormatsChecked: false };
const ROOT = new URL('https://example.org/release/input-schema.json');

type Documents = Readonly<Record<string, unknown>>;

/** Checks against the first document; each is named relative to the release. */
async function check(value: unknown, documents: Documents, options = OPTIONS) {
  const texts = new Map(
    Object.entries(documents).map(([name, document]) => [
      new URL(name, ROOT).href,
      JSON.stringify(document),
    ]),
  );
  const [first = ''] = texts.keys();
  const schemas = await gatherSchemas(new URL(first), async (url) => {
    const text = texts.get(url.href);
    if (text === undefined) throw new Error('there is none');
    return JSON.parse(text);
  });
  const { problems, gaps } = await checkValue(schemas, value, options);
  const lines = problems.map(({ path, text }) => `${path}: ${text}`);
  return { lines: lines.sort(), gaps: [...schemas.gaps, ...gaps] };
}

async function lines(value: unknown, schema: unknown): Promise<string[]> {
  return (await check(value, { 'input-schema.json': schema })).lines;
}

const DRAFTS = {
  '4': 'http://json-schema.org/draft-04/schema#',
  '6': 'http://json-schema.org/draft-06/schema',
  '7': 'http://json-schema.org/draft-07/schema#',
  '2019': 'https://json-schema.org/draft/2019-09/schema',
  '2020': 'https://json-schema.org/draft/2020-12/schema',
  none: undefined,
};

describe.each(Object.entries(DRAFTS))('draft %s', (draft, $schema) => {
  test('path, what is wanted, what is given', async () => {
    const schema = {
      $schema,
      type: 'object',
      required: ['name'],
      additionalProperties: false,
      properties: {
        name: { type: 'string' },
        port: { type: 'integer', minimum: 1, maximum: 65535 },
        mode: { enum: ['slow', 'fast'] },
        'disk-list': { type: 'array', items: { $ref: '#/definitions/disk' } },
        'admin-password': { type: 'string', minLength: 12 },
      },
      definitions: { disk: { type: 'object', properties: { size: { type: 'number' } } } },
    };
    const value = {
      port: 70000,
      mode: 'fats',
      'disk-list': [{ size: 1 }, { size: '2' }],
      prot: 1,
      other: {},
      'admin-password': 'hunter2',
    };
    expect(await lines(value, schema)).toEqual([
      "$.mode: must be one of 'slow', 'fast' (did you mean 'fast'?), but is the text 'fats'",
      '$.port: must be at most 65535, but is 70000',
      "$: does not take 'prot' (did you mean 'port'?), 'other'",
      "$: needs 'name'",
      "$['admin-password']: must have at least 12 characters, but is a text of 7 characters",
      "$['disk-list'][1].size: must be a number, but is the text '2'",
    ]);
    expect(await lines({ name: 'x' }, schema)).toEqual([]);
  });

  test('alternatives are one problem', async () => {
    const schema = {
      $schema,
      properties: {
        a: { anyOf: [{ type: 'integer' }, { type: 'boolean' }] },
        b: {
          oneOf: [
            { title: 'by name', type: 'object', required: ['n'] },
            { title: 'by id', type: 'object', required: ['i'] },
          ],
        },
      },
    };
    expect(await lines({ a: 'x', b: {} }, schema)).toEqual([
      "$.a: must fit one of an integer, true or false, but is the text 'x'",
      "$.b: must fit one of 'by name', 'by id', but is an object of 0 keys",
    ]);
    expect(await lines({ b: { n: 1, i: 1 } }, schema)).toEqual([
      "$.b: must fit only one of 'by name', 'by id' but fits numbers 1 and 2, but is an object of 2 keys",
    ]);
  });

  test('keywords that the draft does not have', async () => {
    const schema = {
      $schema,
      if: { required: ['a'] },
      ...Object.fromEntries([['then', { required: ['b'] }]]),
      dependencies: { c: ['d'] },
      nullable: true,
      id: draft === '4' ? 'https://example.org/else' : 'x y',
    };
    const hasIf = ['7', '2019', '2020', 'none'].includes(draft);
    const hasDependencies = ['4', '6', '7'].includes(draft);
    expect(await lines({ a: 1, c: 1 }, schema)).toEqual([
      ...(hasIf ? ["$: needs 'b'"] : []),
      ...(hasDependencies ? ["$: needs 'd' beside 'c'"] : []),
    ]);
  });
});

describe('references', () => {
  test('between documents, with addresses that they give themselves', async () => {
    const { lines: found, gaps } = await check(
      { a: 1, b: 'x', c: { d: 1 }, e: 1 },
      {
        'a/root.json': {
          $schema: DRAFTS['7'],
          $id: 'https://elsewhere.example/root.json',
          properties: {
            a: { $ref: '../a/text.json' },
            b: { $ref: 'https://example.org/release/a/text.json#/definitions/number' },
            c: { $ref: '#/definitions/recursive' },
            e: { $ref: 'https://elsewhere.example/part.json' },
          },
          definitions: {
            recursive: { properties: { d: { $ref: '#/definitions/recursive' } }, type: 'object' },
            part: { $id: 'part.json', type: 'boolean' },
          },
        },
        'a/text.json': {
          $id: 'https://elsewhere.example/root.json',
          type: 'string',
          definitions: { number: { type: 'number' } },
        },
      },
    );
    // Up to draft 7 the base of a reference is the address that the document gives itself.
    expect(gaps).toEqual(['https://elsewhere.example/a/text.json cannot be used: there is none']);
    expect(found).toEqual([
      "$.b: must be a number, but is the text 'x'",
      '$.c.d: must be an object, but is 1',
      '$.e: must be true or false, but is 1',
    ]);
  });

  test('in the newest draft: definitions, anchors, dynamic ones, keywords beside', async () => {
    const { lines: found } = await check(
      { a: 1, b: { c: [1] } },
      {
        'root.json': {
          $defs: { t: { $anchor: 'text', type: 'string' } },
          properties: {
            a: { $ref: '#text', minimum: 5 },
            b: { $ref: 'tree.json', properties: { c: { type: 'array' } } },
          },
          unevaluatedProperties: false,
        },
        'tree.json': {
          $dynamicAnchor: 'node',
          type: 'object',
          additionalProperties: { type: 'array', items: { $dynamicRef: '#node' } },
        },
      },
    );
    expect(found).toEqual([
      '$.a: must be a text, but is 1',
      '$.a: must be at least 5, but is 1',
      '$.b.c[0]: must be an object, but is 1',
    ]);
  });

  test('one that leads nowhere leaves the rest checked', async () => {
    const { lines: found, gaps } = await check(
      { a: 1, b: 1, c: 1, d: 1 },
      {
        'root.json': {
          properties: {
            a: { $ref: 'missing.json#/x', type: 'string' },
            b: { $ref: '#/nothing/here' },
            c: { $ref: 'http://json-schema.org/draft-07/schema#' },
            d: { type: 'string', pattern: '(' },
          },
        },
      },
    );
    expect(found).toEqual(['$.a: must be a text, but is 1', '$.d: must be a text, but is 1']);
    expect(gaps).toEqual([
      'https://example.org/release/missing.json cannot be used: there is none',
      'https://example.org/release/root.json#/nothing/here leads nowhere',
      'http://json-schema.org/draft-07/schema# describes schemas, which are not checked here',
      expect.stringContaining('a pattern is not checked:'),
    ]);
  });
});

describe('schemas that are wrong or mean harm', () => {
  const fails = (schema: unknown, value: unknown, options = OPTIONS) =>
    check(value, { 'input-schema.json': schema }, options).then(
      () => 'no failure',
      (error: Error) => error.message,
    );

  test.each([
    [{ properties: 1 }, /properties/],
    [{ type: 'strange' }, /type/],
    [{ anyOf: {} }, /anyOf/],
    [[], /not a JSON schema/],
    ['text', /not a JSON schema/],
    [{ $schema: 'http://json-schema.org/draft-03/schema#' }, /draft 3/],
    [{ $ref: '#' }, /references never end/],
  ])('%j', async (schema, reason) => {
    expect(await fails(schema, { a: 1 })).toMatch(reason);
  });

  test('a document without a floor', async () => {
    let deep: object = {};
    for (let count = 0; count < 1000; count += 1) deep = { not: deep };
    expect(await fails(deep, {})).toBe('it is nested more than 256 deep');
  });

  test('a regular expression that takes for ever', async () => {
    const schema = { properties: { a: { pattern: '^(a+)+$' } } };
    const value = { a: `${'a'.repeat(60)}b` };
    expect(await fails(schema, value, { ...OPTIONS, timeoutMs: 200 })).toBe(
      'checking took longer than 0.2 s',
    );
  });

  test('references that double at each step: of time, of problems', async () => {
    const doubling = (last: object) => {
      const steps = Array.from({ length: 40 }, (_none, at) => {
        const $ref = `#/definitions/s${at + 1}`;
        return [`s${at}`, { allOf: [{ $ref }, { $ref }] }];
      });
      return { $ref: '#/definitions/s0', definitions: { ...Object.fromEntries(steps), s40: last } };
    };
    const short = { ...OPTIONS, timeoutMs: 200 };
    expect(await fails(doubling({ type: 'object' }), {}, short)).toBe(
      'checking took longer than 0.2 s',
    );
    expect(await fails(doubling({ type: 'string' }), {})).toBe(
      'more than 10000 problems were found',
    );
  });
});

describe('patterns', () => {
  test.each([
    ['^[a-z\\-_]+$', 'a-b', 'A'],
    ['^\\_x\\-$', '_x-', 'x'],
    ['\\A(?P<w>ab)(?P=w)\\Z', 'abab', 'abab\n'],
    ['(?i)^abc$', 'ABC', 'ab'],
    ['^\\p{Lu}.$', 'É😀', 'é😀'],
    ['^\\\\A$', '\\A', 'A'],
  ])('%s', async (pattern, good, bad) => {
    expect(await lines(good, { pattern })).toEqual([]);
    expect(await lines(bad, { pattern })).toHaveLength(1);
  });
});

test('formats are looked at only when asked for', async () => {
  const schema = { 'input-schema.json': { properties: { a: { format: 'ipv6' } } } };
  expect((await check({ a: 'x' }, schema)).lines).toEqual([]);
  const { lines: found } = await check({ a: 'x' }, schema, { ...OPTIONS, areFormatsChecked: true });
  expect(found).toEqual(["$.a: must be a valid ipv6, but is the text 'x'"]);
});

test('what a list has to hold', async () => {
  const schema = { properties: { a: { items: { contains: { const: 1 } } } } };
  expect(await lines({ a: [[1], [], [2, 1]] }, schema)).toEqual([
    '$.a[1]: must hold at least 1 of the items that the schema wants',
  ]);
  const shorter = { not: { prefixItems: [{}, { type: 'string' }], contains: { const: 1 } } };
  expect(await lines([], shorter)).toEqual([]);
  const bounded = { contains: { const: 1 }, minContains: 2, maxContains: 3 };
  expect(await lines([1], bounded)).toEqual([
    '$: must hold 2 to 3 of the items that the schema wants',
  ]);
  const draft7 = { ...bounded, $schema: DRAFTS['7'] };
  expect(await lines([1], draft7)).toEqual([]);
});

test('keys of every kind', async () => {
  const schema = { additionalProperties: { type: 'string' }, propertyNames: { maxLength: 11 } };
  const value = JSON.parse(
    '{"__proto__": 1, "a/~b": 2, "it\'s\\\\": 3, "0": 4, "constructor": "x"}',
  );
  expect(await lines(value, { ...schema, required: ['toString'] })).toEqual([
    "$: needs 'toString'",
    "$['0']: must be a text, but is 4",
    "$['__proto__']: must be a text, but is 1",
    "$['a/~b']: must be a text, but is 2",
    "$['it\\'s\\\\']: must be a text, but is 3",
  ]);
  expect(await lines({ 'very-long-name': '' }, schema)).toEqual([
    "$: the name 'very-long-name' must have at most 11 characters",
  ]);
});
