import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isObject,
  joinPointer,
  lookUp,
  parsePointer,
  readSchema,
  replaceAt,
} from '../../../../src/panel/page/schema.ts';
import { checkValue, fittingVariant } from '../../../../src/panel/page/schema-check.ts';
import { jsonSchemas, schemaValues } from '../../../support/json-schemas.ts';

const mistakes = (schema: unknown, value: unknown) =>
  Object.fromEntries(checkValue(readSchema(schema), value));

describe('mistakes', () => {
  it('are told at the place of each', () => {
    const schema = {
      type: 'object',
      required: ['a', 'b'],
      additionalProperties: false,
      properties: {
        a: { type: 'integer', minimum: 2 },
        b: { type: 'string' },
        'c/d': { type: 'array', maxItems: 1, items: { enum: ['x'] } },
        e: { type: 'object', properties: { f: { type: 'boolean' } } },
      },
    };
    expect(mistakes(schema, { a: 1, 'c/d': ['y'], e: { f: 'yes' }, g: 1 })).toEqual({
      '/a': 'It must be at least 2.',
      '/b': 'This is required.',
      '/c~1d/0': 'It must be one of: x.',
      '/e/f': 'It must be yes or no.',
      '/g': 'The software does not know this.',
    });
    expect(mistakes(schema, { a: 2, b: '', 'c/d': ['x'], e: {} })).toEqual({});
  });

  it.each([
    [{ type: 'integer' }, 1.5, 'It must be a whole number.'],
    [{ type: 'number' }, '1', 'It must be a number.'],
    [{ exclusiveMinimum: 1 }, 1, 'It must be more than 1.'],
    [{ exclusiveMaximum: 1 }, 1, 'It must be less than 1.'],
    [{ maximum: 1 }, 2, 'It must be at most 1.'],
    [{ minLength: 2 }, '😀', 'It needs 2 characters or more.'],
    [{ maxLength: 1 }, 'ab', 'It may have 1 characters at most.'],
    [{ minItems: 1 }, [], 'It needs 1 entries or more.'],
    [{ const: 3 }, 4, 'It must be one of: 3.'],
    [{ type: 'array' }, {}, 'It must be a list.'],
    [{ type: 'object' }, [], 'It must be an object.'],
  ])('%j of %j', (schema, value, mistake) => {
    expect(mistakes(schema, value)).toEqual({ '': mistake });
  });

  it('are not looked for by patterns, which may take for ever', () => {
    expect(mistakes({ pattern: '^(a+)+$' }, `${'a'.repeat(60)}!`)).toEqual({});
  });

  it('are those of the alternative that fits best', () => {
    const schema = readSchema({
      oneOf: [
        { type: 'string' },
        { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } },
      ],
    });
    expect([fittingVariant(schema, 'x'), fittingVariant(schema, { n: 1 })]).toEqual([0, 1]);
    expect([...checkValue(schema, 5).keys()]).toEqual(['']);
    expect(checkValue(schema, { n: 1 }).size).toBe(0);
  });
});

it('reads what references and allOf put together', () => {
  const schema = readSchema({
    $ref: '#/definitions/both',
    definitions: {
      both: { allOf: [{ properties: { a: { $ref: '#/definitions/p~1q' } } }, { required: ['b'] }] },
      'p/q': { type: 'integer', title: 'Port' },
    },
    required: ['a'],
  });
  expect(schema.kind).toBe('object');
  expect([...schema.required]).toEqual(['b', 'a']);
  expect(schema.properties.get('a')).toMatchObject({ kind: 'integer', title: 'Port' });
});

it('ends with schemas that hold themselves', () => {
  const ring = { $ref: '#', allOf: [{ $ref: '#' }, { $ref: '#' }] };
  expect(readSchema(ring).kind).toBe('any');
  const names = Array.from({ length: 20 }, (_, index) => [`p${index}`, { $ref: '#' }]);
  const wide = {
    type: 'object',
    oneOf: [{ $ref: '#' }, { $ref: '#' }],
    properties: Object.fromEntries(names),
  };
  expect(checkValue(readSchema(wide), { p1: { p2: { p3: 1 } } }).size).toBe(1);
});

it('says nothing against what the whole schema allows', () => {
  const ajv = new Ajv({ strict: false, validateFormats: false });
  let allowed = 0;
  fc.assert(
    fc.property(jsonSchemas('7'), schemaValues(), (schema, value) => {
      if (!isAllowed(ajv, schema, value)) return;
      allowed += 1;
      expect([...checkValue(readSchema(schema), value)]).toEqual([]);
    }),
    { numRuns: 500 },
  );
  expect(allowed).toBeGreaterThan(0);
});

/** What cannot be compiled allows nothing. */
function isAllowed(ajv: Ajv, schema: object, value: unknown): boolean {
  try {
    return ajv.validate(schema, value) === true;
  } catch {
    return false;
  } finally {
    ajv.removeSchema(schema);
  }
}

describe('a place in a value', () => {
  it('is read and written by its pointer', () => {
    const value = { a: [{ 'b/c~': 1 }, 2] };
    expect(parsePointer('/a/0/b~1c~0')).toEqual(['a', '0', 'b/c~']);
    expect(lookUp(value, '/a/0/b~1c~0')).toBe(1);
    expect(lookUp(value, '/a/7/x')).toBeUndefined();
    expect(replaceAt(value, '/a/1', undefined)).toEqual({ a: [{ 'b/c~': 1 }] });
    expect(replaceAt(value, '/d/e', 3)).toEqual({ ...value, d: { e: 3 } });
  });

  it('never is one that all objects share', () => {
    const changed = replaceAt({}, '/__proto__/polluted', 1);
    expect(JSON.stringify(changed)).toBe('{"__proto__":{"polluted":1}}');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(lookUp({}, '/constructor')).toBeUndefined();
  });

  it('holds what was put there, whatever its name', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string(), { minLength: 1, maxLength: 4 }),
        fc.integer(),
        (names, wanted) => {
          const pointer = names.reduce<string>(joinPointer, '');
          const value = replaceAt({}, pointer, wanted);
          expect(isObject(value)).toBe(true);
          expect(lookUp(value, pointer)).toBe(wanted);
        },
      ),
    );
  });
});
