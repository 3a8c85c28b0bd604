/**
 * What of a JSON schema the form can show. The server checks the whole of it; what is not
 * understood here is edited as JSON. Schemas come from whoever wrote the software: references are
 * followed within bounds. Pure.
 */
export type Json = unknown;
export type JsonObject = Readonly<Record<string, Json>>;

export interface Schema {
  readonly kind: 'string' | 'number' | 'integer' | 'boolean' | 'array' | 'object' | 'any';
  readonly title: string;
  readonly description: string;
  readonly default: Json;
  /** Values to choose from; undefined for any. */
  readonly choices: readonly Json[] | undefined;
  readonly variants: readonly Schema[];
  readonly properties: ReadonlyMap<string, Schema>;
  readonly required: ReadonlySet<string>;
  /** Of an object; undefined when other names are refused. */
  readonly others: Schema | undefined;
  readonly items: Schema | undefined;
  /** The bounds: minimum, maxLength, … as the schema has them. */
  readonly bounds: JsonObject;
}

/** Of references and `allOf` within one another. */
const MAX_MERGES = 8;
/** Of alternatives within alternatives: each level multiplies the work. */
const MAX_ALTERNATIVES = 3;
const MAX_VARIANTS = 20;
const MAX_PROPERTIES = 500;

export function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @param source a schema document; references lead within it */
export function readSchema(source: Json): Schema {
  return read(source, source, 0);
}

/** What is inside is read when it is asked for, once: a schema may hold itself. */
function read(source: Json, document: Json, alternatives: number): Schema {
  const raw = merge(source, document, 0);
  const inner = (part: Json) => read(part, document, 0);
  const variants = once(() => {
    const parts = [raw['oneOf'], raw['anyOf']].find(Array.isArray) ?? [];
    const isTooMuch = alternatives >= MAX_ALTERNATIVES || parts.length > MAX_VARIANTS;
    const known: Json[] = isTooMuch ? [] : parts;
    return known.map((part) => read(part, document, alternatives + 1));
  });
  const properties = once(() => {
    const entries = Object.entries(objectOf(raw['properties'])).slice(0, MAX_PROPERTIES);
    return new Map(entries.map(([name, part]) => [name, inner(part)]));
  });
  const isClosed =
    raw['additionalProperties'] === false &&
    raw['patternProperties'] === undefined &&
    Object.keys(objectOf(raw['properties'])).length <= MAX_PROPERTIES;
  const isPlain = raw['patternProperties'] === undefined;
  const others = once(() => inner(isPlain ? raw['additionalProperties'] : {}));
  const items = once(() => inner(raw['items']));
  return {
    kind: kindOf(raw),
    title: textOf(raw['title']),
    description: textOf(raw['description']),
    default: raw['default'],
    choices: 'const' in raw ? [raw['const']] : arrayOf(raw['enum']),
    get variants() {
      return variants();
    },
    get properties() {
      return properties();
    },
    required: new Set((arrayOf(raw['required']) ?? []).map(String)),
    get others() {
      return isClosed ? undefined : others();
    },
    get items() {
      return items();
    },
    bounds: raw,
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : '';
}

function objectOf(value: Json): JsonObject {
  return isObject(value) ? value : {};
}

function arrayOf(value: Json): readonly Json[] | undefined {
  return Array.isArray(value) ? (value as readonly Json[]) : undefined;
}

/** One schema of what `$ref` and `allOf` put together; a ring is cut. */
function merge(
  source: Json,
  document: Json,
  depth: number,
  within: readonly Json[] = [],
): JsonObject {
  if (!isObject(source) || depth > MAX_MERGES || within.includes(source)) return {};
  const { $ref: reference, allOf, ...own } = source;
  const parts = [
    ...(typeof reference === 'string' ? [followReference(reference, document)] : []),
    ...(arrayOf(allOf) ?? []).slice(0, 50),
  ].map((part) => merge(part, document, depth + 1, [...within, source]));
  return [...parts, own].reduce<JsonObject>(join, {});
}

function join(a: JsonObject, b: JsonObject): JsonObject {
  const required = [...(arrayOf(a['required']) ?? []), ...(arrayOf(b['required']) ?? [])];
  const properties = { ...objectOf(a['properties']), ...objectOf(b['properties']) };
  return { ...a, ...b, required, properties };
}

/** `#/definitions/port`; what is not there allows anything. */
function followReference(reference: string, document: Json): Json {
  if (reference === '#') return document;
  if (!reference.startsWith('#/')) return {};
  return lookUp(document, decodeURIComponentSafely(reference.slice(1)));
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const KINDS = ['string', 'number', 'integer', 'boolean', 'array', 'object'] as const;

function kindOf(raw: JsonObject): Schema['kind'] {
  const types = [raw['type']].flat();
  const kind = KINDS.find((name) => types.includes(name));
  if (kind !== undefined) return kind;
  if (Object.keys(objectOf(raw['properties'])).length > 0) return 'object';
  const example = raw['default'] ?? arrayOf(raw['enum'])?.[0];
  return typeof example === 'string' ? 'string' : 'any';
}

/** Parts of a JSON pointer (RFC 6901). */
export function parsePointer(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

export function joinPointer(pointer: string, name: string | number): string {
  return `${pointer}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

export function lookUp(value: Json, pointer: string): Json {
  let found = value;
  for (const part of parsePointer(pointer)) {
    if (Array.isArray(found)) found = found[Number(part)] as Json;
    else found = isObject(found) && Object.hasOwn(found, part) ? found[part] : undefined;
  }
  return found;
}

/** A copy in which the place has the value; undefined takes it away. */
export function replaceAt(value: Json, pointer: string, wanted: Json): Json {
  return replaceParts(value, parsePointer(pointer), wanted);
}

function replaceParts(value: Json, parts: readonly string[], wanted: Json): Json {
  const [name, ...rest] = parts;
  if (name === undefined) return wanted;
  if (Array.isArray(value)) {
    const index = Number(name);
    const next = replaceParts(value[index], rest, wanted);
    return next === undefined && rest.length === 0
      ? value.filter((_, place) => place !== index)
      : value.with(index, next);
  }
  const entries = new Map(Object.entries(objectOf(value)));
  const next = replaceParts(entries.get(name), rest, wanted);
  if (next === undefined) entries.delete(name);
  else entries.set(name, next);
  // Object.fromEntries makes `__proto__` a name like any other.
  return Object.fromEntries(entries);
}
