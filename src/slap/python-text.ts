/**
 * Text the way Python writes it: `str()` and `repr()` of the values that SLAP carries
 * (spec/slap-protocol.md 2.1), and the order of Python strings.
 */
import { SlaposError } from '../errors/slapos-error.ts';
import { pythonFloat } from '../model/python-number.ts';
import {
  MarshalFloat,
  type MarshalMap,
  MarshalObject,
  MarshalTuple,
  type MarshalValue,
} from './marshal-value.ts';

/** Longest text that one value may render to: references can make a small document explode. */
const MAX_TEXT_LENGTH = 16 * 1024 * 1024;

/** Orders strings by code point, as Python does; JavaScript's own order is by UTF-16 unit. */
export function comparePythonStrings(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a !== b) return codePointRank(a) - codePointRank(b);
  }
  return left.length - right.length;
}

/** Surrogates stand for code points above all others, but their units are below U+E000. */
function codePointRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** `repr(str)`: single quotes unless only they occur inside, non-printable characters escaped. */
export function pythonStringRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[\\'"\p{C}\p{Z}]/gu, (char) => escapeCharacter(char, quote));
  return quote + escaped + quote;
}

const NAMED_ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

function escapeCharacter(char: string, quote: string): string {
  if (char === ' ') return char;
  if (char === "'" || char === '"') return char === quote ? `\\${char}` : char;
  const named = NAMED_ESCAPES[char];
  if (named !== undefined) return named;
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\U${code.toString(16).padStart(8, '0')}`;
}

/**
 * `str(value)`: strings as they are, everything else as {@link pythonRepr}.
 * @throws SlaposError SLAPOS_ERR_SLAP_XML for an object of a SLAP class or a text over 16 MiB.
 */
export function pythonStr(value: MarshalValue): string {
  return typeof value === 'string' ? value : pythonRepr(value);
}

/**
 * `repr(value)`. A map is written in its own order, any other dictionary in key order, which is
 * the order it has after any trip over the wire; a container inside itself is `[...]` or `{...}`.
 * @throws SlaposError SLAPOS_ERR_SLAP_XML as {@link pythonStr}.
 */
export function pythonRepr(value: MarshalValue): string {
  const pieces: string[] = [];
  const parents = new Set<object>();
  let left = MAX_TEXT_LENGTH;

  const add = (piece: string): void => {
    left -= piece.length;
    if (left < 0) throw tooLong();
    pieces.push(piece);
  };
  const addItems = (open: string, items: readonly MarshalValue[], close: string): void => {
    add(open);
    items.forEach((item, index) => {
      if (index > 0) add(', ');
      addValue(item);
    });
    add(close);
  };
  const addEntries = (entries: ReadonlyArray<readonly [MarshalValue, MarshalValue]>): void => {
    add('{');
    entries.forEach(([key, item], index) => {
      if (index > 0) add(', ');
      addValue(key);
      add(': ');
      addValue(item);
    });
    add('}');
  };
  const addContainer = (container: object): void => {
    if (container instanceof MarshalTuple) {
      addItems('(', container.items, container.items.length === 1 ? ',)' : ')');
    } else if (Array.isArray(container)) addItems('[', container, ']');
    else if (container instanceof Map) addEntries([...container]);
    else addEntries(sortedEntries(container as { readonly [key: string]: MarshalValue }));
  };
  const addValue = (item: MarshalValue): void => {
    const scalar = scalarRepr(item);
    const container = item as object;
    if (scalar !== null) add(scalar);
    else if (parents.has(container)) add(Array.isArray(container) ? '[...]' : '{...}');
    else {
      parents.add(container);
      addContainer(container);
      parents.delete(container);
    }
  };

  addValue(value);
  return pieces.join('');
}

function scalarRepr(value: MarshalValue): string | null {
  if (value === null) return 'None';
  if (typeof value === 'string') return pythonStringRepr(value);
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return pythonNumber(value);
  if (value instanceof MarshalFloat) return pythonFloat(value.value);
  if (value instanceof MarshalObject) {
    throw new SlaposError(
      'SLAPOS_ERR_SLAP_XML',
      `An object of class ${value.className} cannot be written as text.`,
    );
  }
  return null;
}

/** A JavaScript number is a Python int when it is a safe integer, else a float. */
function pythonNumber(value: number): string {
  return Number.isSafeInteger(value) ? (value + 0).toString() : pythonFloat(value);
}

/** Entries of a dictionary in the order of the wire. */
export function sortedEntries(
  dictionary: { readonly [key: string]: MarshalValue } | MarshalMap,
): Array<readonly [MarshalValue, MarshalValue]> {
  if (dictionary instanceof Map) {
    return [...dictionary.entries()].sort((left, right) => compareKeys(left[0], right[0]));
  }
  const entries = Object.entries(dictionary);
  if (isSorted(entries)) return entries;
  return entries.sort((left, right) => comparePythonStrings(left[0], right[0]));
}

/** Most documents are made in order. */
function isSorted(entries: ReadonlyArray<readonly [string, MarshalValue]>): boolean {
  return entries.every(([key], index) => {
    const before = entries[index - 1];
    return before === undefined || comparePythonStrings(before[0], key) < 0;
  });
}

/** Keys of incomparable types are ordered by their `repr()` (spec/slap-protocol.md 1.3). */
function compareKeys(left: MarshalValue, right: MarshalValue): number {
  if (typeof left === 'string' && typeof right === 'string') {
    return comparePythonStrings(left, right);
  }
  const a = numericKey(left);
  const b = numericKey(right);
  if (a !== null && b !== null) return a < b ? -1 : Number(a > b);
  return comparePythonStrings(pythonRepr(left), pythonRepr(right));
}

function numericKey(key: MarshalValue): number | bigint | null {
  if (typeof key === 'number' || typeof key === 'bigint') return key;
  if (typeof key === 'boolean') return Number(key);
  return key instanceof MarshalFloat ? key.value : null;
}

function tooLong(): SlaposError {
  return new SlaposError(
    'SLAPOS_ERR_SLAP_XML',
    `A value is too large: written as text it has more than ${MAX_TEXT_LENGTH} characters.`,
  );
}
