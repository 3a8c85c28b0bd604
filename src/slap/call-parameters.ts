/** What a program gives as parameters, checked before it is sent. Pure. */
import { UsageError } from '../errors/slapos-error.ts';
import type { JsonObject, JsonValue } from './json-value.ts';

const MAX_DEPTH = 64;

/**
 * Parameters as JSON has them, whatever transport carries them; members that are undefined are
 * left out.
 * @throws UsageError SLAPOS_ERR_USAGE that names the value which JSON has not.
 */
export function checkParameters(parameters: unknown, what: string): JsonObject {
  if (!isPlainObject(parameters)) throw wrong(what, 'is no plain object');
  return checkObject(parameters, what, 0);
}

function checkObject(value: object, what: string, depth: number): JsonObject {
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(
    members.map(([name, member]) => [name, checkValue(member, `${what}.${name}`, depth + 1)]),
  );
}

function checkValue(value: unknown, what: string, depth: number): JsonValue {
  if (depth > MAX_DEPTH) throw wrong(what, 'is nested too deep, or holds itself');
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value;
    throw wrong(what, 'is not finite');
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => checkValue(item, `${what}[${index}]`, depth + 1));
  }
  if (isPlainObject(value)) return checkObject(value, what, depth);
  throw wrong(what, 'is no text, number, boolean, null, list or plain object');
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Objects of another realm (vm, REPL) have an Object.prototype of their own.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** @throws UsageError SLAPOS_ERR_USAGE for what is no text that says something. */
export function checkText(value: unknown, what: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw wrong(what, 'is no text, or empty');
}

/** @throws UsageError SLAPOS_ERR_USAGE for what is none of the choices. */
export function checkChoice<T extends string>(
  value: unknown,
  choices: readonly T[],
  what: string,
): T {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw wrong(what, `is none of ${choices.join(', ')}`);
}

/** What timers take; a longer wait would end at once. */
const MAX_DURATION_MS = 2_147_483_647;

/** @throws UsageError SLAPOS_ERR_USAGE for what is no number of milliseconds, or repetitions. */
export function checkCount(value: unknown, what: string): number {
  const isNumber = typeof value === 'number' && value >= 0 && value <= MAX_DURATION_MS;
  if (isNumber) return value;
  throw wrong(what, `is no number from 0 to ${MAX_DURATION_MS}`);
}

function wrong(what: string, problem: string): UsageError {
  return new UsageError('SLAPOS_ERR_USAGE', `${what} ${problem}.`);
}
