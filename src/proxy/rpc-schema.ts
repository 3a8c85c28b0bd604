/** What the methods of the JSON-RPC API take (spec/slap-protocol.md 6.2). Pure. */
import { MarshalFloat, type MarshalValue } from '../slap/marshal-value.ts';
import { type Dictionary, expectXmlText } from './form.ts';
import { badRequest } from './http-problem.ts';
import { checkExtent } from './marshal-bounds.ts';

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | bigint
  | MarshalFloat
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };
export type JsonObject = { readonly [key: string]: JsonValue };

export interface PropertySchema {
  readonly type: 'string' | 'number' | 'boolean' | 'object' | 'array';
  readonly isRequired?: boolean;
  readonly choices?: readonly string[];
  readonly maxLength?: number;
  /** A text that may hold what XML cannot carry. */
  readonly isAnything?: boolean;
  /** Properties of an object; without them it may hold anything. */
  readonly properties?: ObjectSchema;
  /** Whether an object may hold more than its properties, which is ignored. */
  readonly isOpen?: boolean;
  /** Type of the values of an object that are not among its properties; absent forbids them. */
  readonly others?: PropertySchema;
  readonly items?: PropertySchema;
}

export type ObjectSchema = Readonly<Record<string, PropertySchema>>;

/** @throws HttpProblem 400 that says where the body is not what the method takes. */
export function checkBody(body: JsonValue, schema: ObjectSchema): JsonObject {
  checkExtent(body as MarshalValue, 'The body');
  checkObject(body, { type: 'object', properties: schema }, 'The body');
  return body as JsonObject;
}

function checkProperty(value: JsonValue, schema: PropertySchema, what: string): void {
  if (typeOf(value) !== schema.type) throw badRequest(`${what} is not of type ${schema.type}.`);
  if (typeof value === 'string') checkText(value, schema, what);
  else if (schema.type === 'object') checkObject(value, schema, what);
  else if (Array.isArray(value) && schema.items !== undefined) {
    for (const [index, item] of value.entries()) {
      checkProperty(item, schema.items, `${what}[${index}]`);
    }
  }
}

function typeOf(value: JsonValue): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function checkText(value: string, schema: PropertySchema, what: string): void {
  const { choices, maxLength, isAnything = false } = schema;
  if (!isAnything) expectXmlText(value, what);
  if (choices !== undefined && !choices.includes(value)) {
    throw badRequest(`${what} is not one of ${choices.join(', ')}.`);
  }
  // JSON Schema counts characters, not UTF-16 units.
  if (maxLength !== undefined && [...value].length > maxLength) {
    throw badRequest(`${what} is longer than ${maxLength} characters.`);
  }
}

function checkObject(value: JsonValue, schema: PropertySchema, what: string): void {
  const { properties, others, isOpen = false } = schema;
  if (typeOf(value) !== 'object') throw badRequest(`${what} is not a JSON object.`);
  if (properties === undefined) return;
  const object = value as JsonObject;
  for (const [name, schema] of Object.entries(properties)) {
    if (schema.isRequired === true && !Object.hasOwn(object, name)) {
      throw badRequest(`${what} lacks ${name}.`);
    }
  }
  for (const [name, item] of Object.entries(object)) {
    const known = Object.hasOwn(properties, name) ? properties[name] : others;
    if (known !== undefined) checkProperty(item, known, name);
    else if (!isOpen) throw badRequest(`${what} may not hold ${name}.`);
  }
}

/** The properties of an exact JSON object; no prototype, as the dictionaries of forms. */
export function toDictionary(value: MarshalValue | undefined): Dictionary {
  const dictionary: Record<string, MarshalValue> = Object.create(null);
  if (!(value instanceof Map)) return dictionary;
  for (const [key, item] of value) dictionary[String(key)] = item;
  return dictionary;
}

/** A marshalled value as JSON; what JSON cannot say becomes its text. */
export function fromMarshal(value: MarshalValue): JsonValue {
  if (Array.isArray(value)) return value.map(fromMarshal);
  if (typeof value !== 'object' || value === null || value instanceof MarshalFloat) {
    return value as JsonValue;
  }
  const isDictionary = [null, Object.prototype].includes(Object.getPrototypeOf(value));
  if (!isDictionary) return String(value);
  const entries = Object.entries(value as Dictionary);
  return Object.fromEntries(entries.map(([key, item]) => [key, fromMarshal(item)]));
}
