/** Random JSON schemas and values that have something to do with each other. */
import fc from 'fast-check';
import type { SchemaDialect } from '../../src/slap/schema-dialect.ts';

const KEYS = ['a', 'b', 'c-d', '0'];
const keys = fc.constantFrom(...KEYS);
const TYPES = ['string', 'integer', 'number', 'boolean', 'null', 'array', 'object'];

/** Values over few keys and few scalars, so that schemas often fit and often nearly fit. */
export function schemaValues(): fc.Arbitrary<unknown> {
  const scalars = fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    1,
    3,
    -1,
    0.5,
    '',
    'a',
    'b1',
    'é😀',
  );
  return fc
    .letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3, withCrossShrink: true },
        scalars,
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(keys, tie('value'), { maxKeys: 3 }),
      ),
    }))
    .value.map((value) => JSON.parse(JSON.stringify(value)) as unknown);
}

type Keyword = readonly [string, fc.Arbitrary<unknown>];

function plainKeywords(dialect: SchemaDialect): Keyword[] {
  const amount = fc.constantFrom(0, 1, 2);
  const draft6: Keyword[] = [
    ['const', schemaValues()],
    ['exclusiveMinimum', amount],
    ['exclusiveMaximum', amount],
  ];
  return [
    [
      'type',
      fc.oneof(
        fc.constantFrom(...TYPES),
        fc.uniqueArray(fc.constantFrom(...TYPES), { minLength: 1, maxLength: 3 }),
      ),
    ],
    ['enum', fc.array(schemaValues(), { minLength: 1, maxLength: 3 })],
    ['minimum', amount],
    ['maximum', amount],
    ['multipleOf', fc.constantFrom(1, 2, 0.5)],
    ['minLength', amount],
    ['maxLength', amount],
    ['pattern', fc.constantFrom('^a', '[0-9]', '^$', 'é.$')],
    ['minItems', amount],
    ['maxItems', amount],
    ['uniqueItems', fc.boolean()],
    ['minProperties', amount],
    ['maxProperties', amount],
    ['required', fc.uniqueArray(keys, { minLength: 1, maxLength: 2 })],
    ['format', fc.constantFrom('ipv4', 'uri', 'unknown')],
    ['title', fc.constantFrom('one', 'two')],
    ...(dialect === '4' ? [] : draft6),
  ];
}

function nestedKeywords(dialect: SchemaDialect, schema: fc.Arbitrary<unknown>): Keyword[] {
  const list = fc.array(schema, { minLength: 1, maxLength: 3 });
  const map = fc.dictionary(keys, schema, { minKeys: 1, maxKeys: 3 });
  const isNew = dialect === '2019' || dialect === '2020';
  const names = fc.dictionary(keys, fc.uniqueArray(keys, { minLength: 1, maxLength: 2 }));
  const keywords: Keyword[] = [
    ['properties', map],
    ['patternProperties', fc.dictionary(fc.constantFrom('^a', '-'), schema)],
    ['additionalProperties', fc.oneof(fc.boolean(), schema)],
    ['items', schema],
    ['allOf', list],
    ['anyOf', list],
    ['oneOf', list],
    ['not', schema],
    ['$ref', fc.constantFrom('#/definitions/x', '#/definitions/y')],
  ];
  if (dialect !== '2020') keywords.push(['items', list], ['additionalItems', schema]);
  if (dialect === '2020') keywords.push(['prefixItems', list]);
  if (dialect !== '4') keywords.push(['contains', schema], ['propertyNames', schema]);
  if (isNew || dialect === '7') keywords.push(['if', schema], ['then', schema], ['else', schema]);
  if (isNew) keywords.push(['dependentRequired', names], ['dependentSchemas', map]);
  else keywords.push(['dependencies', names], ['dependencies', map]);
  return keywords;
}

/** Schemas of one draft, as objects; definitions are there for their references. */
export function jsonSchemas(dialect: SchemaDialect): fc.Arbitrary<Record<string, unknown>> {
  const { schema } = fc.letrec<{ schema: unknown }>((tie) => ({
    schema: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      fromKeywords(plainKeywords(dialect), 2),
      fromKeywords(
        [...plainKeywords(dialect).slice(0, 2), ...nestedKeywords(dialect, tie('schema'))],
        3,
      ),
    ),
  }));
  const flat = fromKeywords(plainKeywords(dialect), 2);
  return fc.tuple(schema, flat, flat).map(([root, x, y]) => {
    return { ...(root as object), definitions: { x, y } };
  });
}

function fromKeywords(keywords: readonly Keyword[], maxLength: number): fc.Arbitrary<object> {
  const one = fc.constantFrom(...keywords).chain(([name, values]) => {
    return values.map((value) => [name, value] as const);
  });
  return fc.array(one, { minLength: 1, maxLength }).map((pairs) => Object.fromEntries(pairs));
}
