/** Which JSON schema draft a document is written in, as python-jsonschema tells them apart. Pure. */
import { isJsonObject } from './json-value.ts';

export type SchemaDialect = '4' | '6' | '7' | '2019' | '2020';

const DIALECTS: Readonly<Record<string, SchemaDialect>> = {
  'http://json-schema.org/draft-04/schema': '4',
  'http://json-schema.org/draft-06/schema': '6',
  'http://json-schema.org/draft-07/schema': '7',
  'https://json-schema.org/draft/2019-09/schema': '2019',
  'https://json-schema.org/draft/2020-12/schema': '2020',
};

/**
 * The draft that `$schema` names; the newest one where it is absent or unknown.
 * @throws Error for draft 3, which nothing here can check.
 */
export function chooseDialect(schema: unknown): SchemaDialect {
  const named = isObject(schema) ? schema['$schema'] : undefined;
  if (typeof named !== 'string') return '2020';
  const plain = named.replace(/#$/, '');
  if (plain === 'http://json-schema.org/draft-03/schema') {
    throw new Error('it is written in draft 3 of JSON schema; drafts 4 and later are understood');
  }
  return DIALECTS[plain] ?? '2020';
}

/** The keyword that gives a schema an address of its own. */
export function idKeyword(dialect: SchemaDialect): 'id' | '$id' {
  return dialect === '4' ? 'id' : '$id';
}

/** The address of a meta-schema, which describes schemas and is no document to fetch. */
export function isMetaSchema(address: string): boolean {
  return /^https?:\/\/json-schema\.org\/draft/.test(address);
}

/** Of a schema, which is written anew where it refers to others. */
export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return isJsonObject(value);
}

/** The object, or an empty one in place of anything else. */
export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}
