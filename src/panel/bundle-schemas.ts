/** A set of schemas as one document for the page, which can fetch nothing. Pure. */
import { isObject, type JsonObject } from '../slap/schema-dialect.ts';
import type { SchemaSet } from '../slap/schema-set.ts';

/** The address of another document of the set, and a pointer in it. */
const ADDRESS = /^(https:\/\/schema\.invalid\/\d+)(?:#(\/.*)?)?$/;
const MAX_DEPTH = 200;

/** References to other documents lead into `$defs` of the first; those by anchors stay as they are. */
export function bundleSchemas({ documents, root }: SchemaSet): unknown {
  const [address = '', pointer = ''] = root.split('#', 2);
  const others = [...documents.keys()].filter((one) => one !== address);
  const places = new Map(others.map((one, index) => [one, `/$defs/slapos-${index}`]));
  places.set(address, '');
  const first = redirect(documents.get(address) ?? true, places, 0);
  if (!isObject(first)) return first;
  const definitions = others.map((one, index) => {
    return [`slapos-${index}`, redirect(documents.get(one) ?? true, places, 0)];
  });
  const bundle: JsonObject = {
    ...first,
    ...(others.length === 0
      ? {}
      : { $defs: { ...(first['$defs'] as object), ...Object.fromEntries(definitions) } }),
  };
  return pointer.startsWith('/') ? { $ref: `#${pointer}`, ...definitionsOf(bundle) } : bundle;
}

/** For a schema that is part of its document: what pointers from it may lead to. */
function definitionsOf(bundle: JsonObject): JsonObject {
  const { $ref: _reference, ...rest } = bundle;
  return rest;
}

function redirect(value: unknown, places: ReadonlyMap<string, string>, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > MAX_DEPTH) return true;
  if (Array.isArray(value)) return value.map((item) => redirect(item, places, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const isReference = key === '$ref' && typeof item === 'string';
      return [key, isReference ? relocate(item, places) : redirect(item, places, depth + 1)];
    }),
  );
}

function relocate(reference: string, places: ReadonlyMap<string, string>): string {
  const [, address = '', pointer = ''] = ADDRESS.exec(reference) ?? [];
  const place = places.get(address);
  return place === undefined ? reference : `#${place}${pointer}`;
}
