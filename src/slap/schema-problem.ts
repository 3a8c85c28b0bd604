/** What is wrong with parameters, in words for who wrote them: where, what is wanted, what is given. */
import type { ErrorObject } from 'ajv';
import { nearestName } from '../config/check.ts';
import { isObject, objectOf } from './schema-dialect.ts';

export interface SchemaProblem {
  /** JSON path as python-jsonschema writes it, such as `$.disks[0]['mount-point']`. */
  readonly path: string;
  /** JSON pointer (RFC 6901) to the value, also to one that is missing or should not be there. */
  readonly pointer: string;
  readonly text: string;
}

/** An error of ajv; that of an alternative holds those of what was tried. */
export type SchemaError = ErrorObject & { readonly context?: readonly SchemaError[] };

/** The errors of a value as problems, those of unknown keys of one object together. */
export function renderProblems(errors: readonly SchemaError[], value: unknown): SchemaProblem[] {
  const unknownKeys = new Map<string, SchemaError[]>();
  const shown: SchemaError[] = [];
  for (const error of errors) {
    if (FOLLOWERS.has(error.keyword)) continue;
    if (!(error.keyword in UNKNOWN_KEYS)) {
      shown.push(error);
      continue;
    }
    const place = `${error.keyword} ${error.schemaPath} ${error.instancePath}`;
    const others = unknownKeys.get(place);
    others?.push(error);
    if (others === undefined) {
      unknownKeys.set(place, [error]);
      shown.push(error);
    }
  }
  const group = (error: SchemaError) =>
    unknownKeys.get(`${error.keyword} ${error.schemaPath} ${error.instancePath}`) ?? [error];
  return shown.map((error) => renderProblem(group(error), value));
}

/** Say only that an error before them is one. */
const FOLLOWERS = new Set(['if', 'propertyNames']);

/** The parameter of these errors that names the key. */
const UNKNOWN_KEYS: Readonly<Record<string, string>> = {
  additionalProperties: 'additionalProperty',
  unevaluatedProperties: 'unevaluatedProperty',
};

function renderProblem(group: readonly SchemaError[], value: unknown): SchemaProblem {
  const [error] = group as readonly [SchemaError, ...SchemaError[]];
  const keys = parsePointer(error.instancePath);
  const path = renderPath(keys, value);
  const isSecret = keys.some((key) => SECRET.test(key));
  const name = error.propertyName;
  const pointer = error.instancePath + pointerStep(error);
  if (name !== undefined) {
    return { path, pointer, text: `the name ${quote(name)} ${describeWish(error)}` };
  }
  return { path, pointer, text: describe(group, isSecret) };
}

/** From the object that an error is about to the property that it names. */
function pointerStep({ keyword, params, propertyName }: SchemaError): string {
  const name = propertyName ?? objectOf(params)[UNKNOWN_KEYS[keyword] ?? 'missingProperty'];
  return typeof name === 'string' ? `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}` : '';
}

/** Values of such names are not written to the log. */
const SECRET = /passw|secret|token|private|credential/i;

function describe(group: readonly SchemaError[], isSecret: boolean): string {
  const [error] = group as readonly [SchemaError, ...SchemaError[]];
  if (error.keyword in UNKNOWN_KEYS) return describeUnknownKeys(group);
  const wish = describeWish(error);
  return GIVEN.has(error.keyword) ? `${wish}, but is ${show(error.data, isSecret)}` : wish;
}

function describeWish(error: SchemaError): string {
  return WANTED[error.keyword]?.(error) ?? error.message ?? `is refused by ${error.keyword}`;
}

function describeUnknownKeys(group: readonly SchemaError[]): string {
  const known = Object.keys(objectOf(group[0]?.parentSchema?.['properties']));
  const names = group.map(({ keyword, params }) => {
    const name = String(objectOf(params)[UNKNOWN_KEYS[keyword] ?? '']);
    const near = findNear(name, known);
    return near === undefined ? quote(name) : `${quote(name)} (did you mean ${quote(near)}?)`;
  });
  return `does not take ${names.join(', ')}`;
}

/** Of one or two letters everything is near. */
function findNear(name: string, known: readonly string[]): string | undefined {
  return name.length < 3 || name.length > 100 ? undefined : nearestName(name, known);
}

/** Keywords after whose wish the value that was given is shown. */
const GIVEN = new Set([
  ...['type', 'enum', 'const', 'multipleOf', 'pattern', 'format', 'anyOf', 'oneOf', 'not'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'minLength', 'maxLength'],
]);

type Describe = (error: SchemaError) => string;

const WANTED: Readonly<Record<string, Describe>> = {
  type: ({ schema }) => `must be ${typeNames(schema)}`,
  required: ({ params }) => `needs ${quote(params['missingProperty'])}`,
  dependencies: describeDependency,
  dependentRequired: describeDependency,
  enum: (error) => `must be ${listValues(error.schema)}${guess(error)}`,
  const: ({ schema }) => `must be ${literal(schema)}`,
  multipleOf: ({ params }) => `must be a multiple of ${params['multipleOf']}`,
  minimum: describeLimit,
  maximum: describeLimit,
  exclusiveMinimum: describeLimit,
  exclusiveMaximum: describeLimit,
  minLength: ({ params }) => `must have at least ${count(params['limit'], 'character')}`,
  maxLength: ({ params }) => `must have at most ${count(params['limit'], 'character')}`,
  minItems: ({ params }) => `must have at least ${count(params['limit'], 'item')}`,
  maxItems: ({ params }) => `must have at most ${count(params['limit'], 'item')}`,
  minProperties: ({ params }) => `must have at least ${count(params['limit'], 'key')}`,
  maxProperties: ({ params }) => `must have at most ${count(params['limit'], 'key')}`,
  uniqueItems: ({ params }) =>
    `must not hold a value twice: items ${params['j']} and ${params['i']}`,
  pattern: ({ params }) => `must match the pattern ${params['pattern']}`,
  format: ({ params }) => `must be a valid ${params['format']}`,
  contains: describeContained,
  anyOf: (error) => `must fit one of ${alternatives(error)}`,
  oneOf: describeOneOf,
  not: () => 'must not be what the schema excludes',
  'false schema': () => 'is not allowed here',
};

function describeDependency({ params }: SchemaError): string {
  return `needs ${quote(params['missingProperty'])} beside ${quote(params['property'])}`;
}

function describeContained({ params }: SchemaError): string {
  const { minContains: least = 1, maxContains: most } = params;
  const isBounded = most !== undefined && most !== Number.MAX_SAFE_INTEGER;
  const amount = isBounded ? `${least} to ${most}` : `at least ${least}`;
  return `must hold ${amount} of the items that the schema wants`;
}

const COMPARISONS: Readonly<Record<string, string>> = {
  '>=': 'at least',
  '<=': 'at most',
  '>': 'more than',
  '<': 'less than',
};

function describeLimit({ params }: SchemaError): string {
  return `must be ${COMPARISONS[String(params['comparison'])]} ${params['limit']}`;
}

function describeOneOf(error: SchemaError): string {
  const passing = error.params['passingSchemas'] as readonly number[] | null;
  if (passing === null || passing === undefined) return `must fit one of ${alternatives(error)}`;
  const numbers = passing.map((index) => index + 1).join(' and ');
  return `must fit only one of ${alternatives(error)} but fits numbers ${numbers}`;
}

/** Alternatives by what they are called, else by how many they are. */
function alternatives({ schema }: SchemaError): string {
  const schemas = (Array.isArray(schema) ? schema : []).map(objectOf);
  const names = schemas.map(({ title, type, const: only }) => {
    if (typeof title === 'string') return quote(title);
    if (only !== undefined) return literal(only);
    return typeof type === 'string' ? typeNames(type) : undefined;
  });
  const isNamed = names.every((name) => name !== undefined) && new Set(names).size === names.length;
  return isNamed ? names.join(', ') : `${schemas.length} forms that the schema allows`;
}

function guess({ schema, data }: SchemaError): string {
  const words = Array.isArray(schema) ? schema.filter((word) => typeof word === 'string') : [];
  const near = typeof data === 'string' ? findNear(data, words) : undefined;
  return near === undefined || words.length < 2 ? '' : ` (did you mean ${quote(near)}?)`;
}

function listValues(schema: unknown): string {
  const values = Array.isArray(schema) ? schema : [];
  const shown = values.slice(0, MAX_LISTED).map(literal);
  if (values.length > MAX_LISTED) shown.push(`${values.length - MAX_LISTED} others`);
  return shown.length === 1 ? shown.join('') : `one of ${shown.join(', ')}`;
}

const MAX_LISTED = 20;

const TYPES: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  integer: 'an integer',
  null: 'null',
  number: 'a number',
  object: 'an object',
  string: 'a text',
};

function typeNames(types: unknown): string {
  const names = (Array.isArray(types) ? types : [types]).map(String);
  return names.map((name) => TYPES[name] ?? name).join(' or ');
}

const MAX_SHOWN = 60;

function show(value: unknown, isSecret: boolean): string {
  if (Array.isArray(value)) return `a list of ${count(value.length, 'item')}`;
  if (isObject(value)) return `an object of ${count(Object.keys(value).length, 'key')}`;
  if (typeof value !== 'string') return isSecret ? 'another value' : String(value);
  if (isSecret) return `a text of ${count([...value].length, 'character')}`;
  const text = value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}…` : value;
  return `the text ${quote(text)}`;
}

function literal(value: unknown): string {
  return typeof value === 'string' ? quote(value) : show(value, false);
}

function quote(text: unknown): string {
  return `'${String(text)}'`;
}

function count(amount: unknown, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

function parsePointer(pointer: string): string[] {
  const parts = pointer.split('/').slice(1);
  return parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The pointer alone does not tell an index from a key. */
function renderPath(keys: readonly string[], value: unknown): string {
  let at = value;
  let path = '$';
  for (const key of keys) {
    path += Array.isArray(at) ? `[${key}]` : renderKey(key);
    at = Array.isArray(at) ? at[Number(key)] : objectOf(at)[key];
  }
  return path;
}

function renderKey(key: string): string {
  if (/^[A-Za-z]\w*$/.test(key)) return `.${key}`;
  return `['${key.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}']`;
}
