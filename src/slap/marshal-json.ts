/** Marshalled values as plain JSON. Pure. */
import type { JsonObject, JsonValue } from './json-value.ts';
import { MarshalFloat, MarshalTuple, type MarshalValue } from './marshal-value.ts';

/** A dictionary of marshalled values; see {@link toJson}. */
export function renderJson(all: Readonly<Record<string, MarshalValue>>): JsonObject {
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, toJson(value)]));
}

/** What JSON cannot say becomes the next best: a number, a list, or its text. */
function toJson(value: MarshalValue): JsonValue {
  if (value instanceof MarshalFloat) return value.value;
  if (value instanceof MarshalTuple) return value.items.map(toJson);
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return String(value);
  return renderJson(value as Readonly<Record<string, MarshalValue>>);
}
