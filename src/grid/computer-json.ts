/** The Master's document as JSON, to be read back as it was. Pure. */
import { MarshalTuple, type MarshalValue } from '../slap/marshal-value.ts';
import type { SlapComputer, SlapPartition } from '../slap/master.ts';

/** The key of a tuple's items: no text of XML has this character. */
const TUPLE = '\u0001';
const MAX_DEPTH = 100;
/** References let a small document stand for a huge value. */
const MAX_VALUES = 2_000_000;

type Dictionary = Readonly<Record<string, MarshalValue>>;
type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** @throws RangeError for values that JSON does not carry, or that are too many or too deep. */
export function encodeComputer(computer: SlapComputer): string {
  const budget = { values: MAX_VALUES };
  const encode = (all: Dictionary | null) => (all === null ? null : toJson(all, budget, 0));
  const partitions = computer.partitions.map((one) => {
    return { ...one, parameters: encode(one.parameters), filter: encode(one.filter) };
  });
  return JSON.stringify({ ...computer, partitions });
}

/** @param text what {@link encodeComputer} gave */
export function decodeComputer(text: string): SlapComputer {
  const computer = JSON.parse(text) as SlapComputer;
  const partitions = computer.partitions.map((one): SlapPartition => {
    const [parameters, filter] = [fromJson(one.parameters as Json), fromJson(one.filter as Json)];
    return { ...one, parameters: parameters as Dictionary | null, filter: filter as Dictionary };
  });
  return { ...computer, partitions };
}

function toJson(value: MarshalValue, budget: { values: number }, depth: number): Json {
  budget.values -= 1;
  if (budget.values < 0 || depth > MAX_DEPTH) throw new RangeError('too large');
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value + 0;
  const items = (list: readonly MarshalValue[]) =>
    list.map((one) => toJson(one, budget, depth + 1));
  if (Array.isArray(value)) return items(value);
  if (value instanceof MarshalTuple) return { [TUPLE]: items(value.items) };
  if (!isDictionary(value)) throw new RangeError('a value that JSON does not carry');
  const found = Object.create(null) as { [key: string]: Json };
  for (const [key, one] of Object.entries(value)) found[key] = toJson(one, budget, depth + 1);
  return found;
}

function isDictionary(value: MarshalValue): value is Dictionary {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function fromJson(value: Json): MarshalValue {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(fromJson);
  if (Object.hasOwn(value, TUPLE)) return new MarshalTuple((value[TUPLE] as Json[]).map(fromJson));
  const found = Object.create(null) as { [key: string]: MarshalValue };
  for (const key of Object.keys(value)) found[key] = fromJson(value[key] as Json);
  return found;
}
