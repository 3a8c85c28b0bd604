/**
 * References between schema documents. Documents come from anywhere and give themselves any
 * address, so each one gets an address of ours and every reference is rewritten to it: what the
 * validator sees cannot clash and cannot lead it anywhere.
 */
import { idKeyword, isObject, type JsonObject, type SchemaDialect } from './schema-dialect.ts';

/** Deeper schemas are refused: nobody writes them, and readers recurse. */
export const MAX_SCHEMA_DEPTH = 256;

/** Keywords whose value maps names to schemas. */
const SCHEMA_MAPS = new Set([
  'properties',
  'patternProperties',
  'definitions',
  '$defs',
  'dependencies',
  'dependentSchemas',
]);
/** Keywords whose value is data, whatever it looks like. */
const DATA = new Set(['enum', 'const', 'default', 'examples']);

/** OpenAPI's and ajv's own, which python-jsonschema does not know. */
export const FOREIGN = ['nullable', '$async'] as const;

/** A reference as a document writes it: where it stands and where it leads. */
export interface Reference {
  readonly holder: JsonObject;
  readonly keyword: string;
  readonly target: URL;
}

/** What a document says about addresses. */
export interface ReferenceList {
  readonly references: readonly Reference[];
  /** Parts that have an address of their own, by it; whoever gathers documents may take some out. */
  readonly embedded: Map<string, JsonObject>;
  /** Every schema that gives itself an address. */
  readonly named: readonly JsonObject[];
  /** Names that `#name` may refer to. */
  readonly anchors: ReadonlySet<string>;
  /** The address that the document gives itself, else its own. */
  readonly base: string;
  /** Schemas with keywords that mean something to ajv and nothing to JSON schema. */
  readonly foreign: readonly JsonObject[];
  /** Schemas that want a list to hold something. */
  readonly containing: readonly JsonObject[];
  /** Whether `unevaluatedProperties` or `unevaluatedItems` stands somewhere. */
  readonly hasUnevaluated: boolean;
}

/**
 * Finds the references of a document, with their full addresses.
 * @throws RangeError for a document that is nested too deeply.
 */
export function listReferences(
  document: JsonObject,
  url: URL,
  dialect: SchemaDialect,
): ReferenceList {
  const walk = new ReferenceWalk(idKeyword(dialect));
  const base = walk.baseOf(document, url);
  walk.visit(document, url, 0);
  walk.embedded.delete(withoutFragment(base));
  return { ...walk.lists(), base: withoutFragment(base) };
}

export function withoutFragment(url: URL): string {
  return url.href.replace(/#.*$/s, '');
}

class ReferenceWalk {
  readonly references: Reference[] = [];
  readonly embedded = new Map<string, JsonObject>();
  readonly named: JsonObject[] = [];
  readonly anchors = new Set<string>();
  readonly foreign: JsonObject[] = [];
  readonly containing: JsonObject[] = [];
  hasUnevaluated = false;
  readonly #id: 'id' | '$id';

  constructor(id: 'id' | '$id') {
    this.#id = id;
  }

  lists(): Omit<ReferenceList, 'base'> {
    const { references, embedded, named, anchors, foreign, containing, hasUnevaluated } = this;
    return { references, embedded, named, anchors, foreign, containing, hasUnevaluated };
  }

  /** The base of the references in a schema: its own address, when it has one that is usable. */
  baseOf(schema: JsonObject, base: URL): URL {
    const id = schema[this.#id];
    if (typeof id !== 'string' || isAnchor(id) || !URL.canParse(id, base.href)) return base;
    return new URL(id, base);
  }

  visit(schema: JsonObject, parentBase: URL, depth: number): void {
    if (depth > MAX_SCHEMA_DEPTH) {
      throw new RangeError(`it is nested more than ${MAX_SCHEMA_DEPTH} deep`);
    }
    const base = this.baseOf(schema, parentBase);
    if (base !== parentBase) this.embedded.set(withoutFragment(base), schema);
    if (typeof schema[this.#id] === 'string' && !isAnchor(schema[this.#id])) {
      this.named.push(schema);
    }
    this.#readNames(schema);
    if (FOREIGN.some((keyword) => keyword in schema)) this.foreign.push(schema);
    if ('contains' in schema) this.containing.push(schema);
    if ('unevaluatedProperties' in schema || 'unevaluatedItems' in schema) {
      this.hasUnevaluated = true;
    }
    for (const [keyword, value] of Object.entries(schema)) {
      if (keyword === '$ref' || keyword === '$dynamicRef') {
        this.#addReference(schema, keyword, value, base);
      } else if (!DATA.has(keyword)) {
        this.#visitValue(value, SCHEMA_MAPS.has(keyword), base, depth + 1);
      }
    }
  }

  #visitValue(value: unknown, isMap: boolean, base: URL, depth: number): void {
    if (Array.isArray(value)) {
      for (const item of value) if (isObject(item)) this.visit(item, base, depth);
    } else if (isObject(value) && isMap) {
      for (const item of Object.values(value)) if (isObject(item)) this.visit(item, base, depth);
    } else if (isObject(value)) {
      this.visit(value, base, depth);
    }
  }

  #readNames(schema: JsonObject): void {
    for (const keyword of ['$anchor', '$dynamicAnchor']) {
      const name = schema[keyword];
      if (typeof name === 'string') this.anchors.add(name);
    }
    const id = schema[this.#id];
    if (typeof id === 'string' && isAnchor(id)) this.anchors.add(id.slice(1));
  }

  #addReference(holder: JsonObject, keyword: string, value: unknown, base: URL): void {
    if (typeof value !== 'string' || !URL.canParse(value, base.href)) return;
    // The validator follows dynamic references by itself, within what it has.
    if (keyword === '$dynamicRef' && value.startsWith('#')) return;
    this.references.push({ holder, keyword, target: new URL(value, base) });
  }
}

/** `#name`: up to draft 7 that is an anchor, not an address. */
function isAnchor(id: unknown): boolean {
  return typeof id === 'string' && id.startsWith('#');
}

/** What a JSON pointer (RFC 6901) of a fragment leads to; undefined for nothing. */
export function resolvePointer(document: unknown, fragment: string): unknown {
  let at: unknown = document;
  for (const part of fragment.split('/').slice(1)) {
    const key = decodePart(part);
    const isIndex = Array.isArray(at) && /^\d+$/.test(key);
    if (isIndex) at = (at as unknown[])[Number(key)];
    else at = isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined;
  }
  return at;
}

function decodePart(part: string): string {
  let text = part;
  try {
    text = decodeURIComponent(part);
  } catch {
    // A lone % stands for itself.
  }
  return text.replaceAll('~1', '/').replaceAll('~0', '~');
}
