/**
 * Bounds on what a marshalled field may hold. References let a small document stand for a huge or
 * endless value, and writing it out as text would expand it.
 */
import { MarshalObject, MarshalTuple, type MarshalValue } from '../slap/marshal-value.ts';
import { badRequest } from './http-problem.ts';

/** Containers within each other; Python's own writer ends at about 300. */
const MAX_DEPTH = 100;
/** Values and characters, every reference counted as often as it would be written. */
const MAX_SIZE = 64 * 1024 * 1024;

interface Extent {
  readonly size: number;
  readonly depth: number;
}

/**
 * @param value marshalled or JSON
 * @throws HttpProblem 400 for a value within itself, nested too deep or too large.
 */
export function checkExtent(value: MarshalValue, what: string): void {
  measure(value, what, 0, new Map());
}

/** Each container is measured once; null marks those that are being measured. */
function measure(
  value: MarshalValue,
  what: string,
  level: number,
  known: Map<object, Extent | null>,
): Extent {
  if (typeof value === 'string') return { size: 1 + value.length, depth: 0 };
  const parts = partsOf(value);
  if (parts === null) return { size: 1, depth: 0 };
  const container = value as object;
  const former = known.get(container);
  if (former === null) throw badRequest(`${what} holds a value that holds itself.`);
  if (former !== undefined) return checked(former, what, level);
  known.set(container, null);
  let [size, depth] = [1, 0];
  for (const part of parts) {
    const extent = measure(part, what, checkedLevel(level + 1, what), known);
    size += extent.size;
    depth = Math.max(depth, extent.depth + 1);
  }
  const extent = { size, depth };
  known.set(container, extent);
  return checked(extent, what, level);
}

function checkedLevel(level: number, what: string): number {
  if (level > MAX_DEPTH) throw badRequest(`${what} is nested more than ${MAX_DEPTH} levels deep.`);
  return level;
}

function checked(extent: Extent, what: string, level: number): Extent {
  checkedLevel(level + extent.depth, what);
  if (extent.size > MAX_SIZE) throw badRequest(`${what} is too large once it is written out.`);
  return extent;
}

/** What a container holds, null for a scalar. */
function partsOf(value: MarshalValue): Iterable<MarshalValue> | null {
  if (typeof value !== 'object' || value === null) return null;
  if (Array.isArray(value)) return value;
  if (value instanceof MarshalTuple) return value.items;
  if (value instanceof MarshalObject) return [...value.initArgs, value.attributes];
  if (value instanceof Map) return [...value.keys(), ...value.values()] as MarshalValue[];
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype
    ? Object.entries(value as Readonly<Record<string, MarshalValue>>).flat()
    : null;
}
