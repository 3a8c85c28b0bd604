/**
 * JSON of the JSON-RPC API without loss: integers of any size, floats apart from them, properties
 * in the order in which they came, because Python writes them into the parameters that way.
 */
import { pythonFloat } from '../model/python-number.ts';
import { MarshalFloat, type MarshalValue } from '../slap/marshal-value.ts';
import { badRequest } from './http-problem.ts';

/** As many as the reader of marshalled XML takes: what is stored must be read again. */
const MAX_DIGITS = 400;

/**
 * @param text JSON that JSON.parse() has accepted, and whose depth was checked
 * @returns objects as maps
 * @throws HttpProblem 400 for an integer of more than 400 digits.
 */
export function parseExactJson(text: string): MarshalValue {
  return new ExactReader(text).value();
}

class ExactReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(): MarshalValue {
    const start = this.#skip(/[ \t\r\n:,]*/y);
    const first = this.#text[start];
    if (first === '{') return this.#object();
    if (first === '[') return this.#array();
    if (first === '"') return this.#string();
    this.#skip(/[\w.+-]+/y);
    return parseScalar(this.#text.slice(start, this.#at));
  }

  #object(): MarshalValue {
    const entries = new Map<string, MarshalValue>();
    for (this.#at += 1; !this.#isEnd('}'); ) {
      const key = this.#string();
      entries.set(key, this.value());
    }
    return entries;
  }

  #array(): MarshalValue {
    const items: MarshalValue[] = [];
    for (this.#at += 1; !this.#isEnd(']'); ) items.push(this.value());
    return items;
  }

  #isEnd(bracket: string): boolean {
    const isEnd = this.#text[this.#skip(/[ \t\r\n,]*/y)] === bracket;
    if (isEnd) this.#at += 1;
    return isEnd;
  }

  #string(): string {
    const start = this.#at;
    let end = this.#text.indexOf('"', start + 1);
    while (isEscaped(this.#text, end)) end = this.#text.indexOf('"', end + 1);
    this.#at = end + 1;
    return JSON.parse(this.#text.slice(start, this.#at)) as string;
  }

  #skip(pattern: RegExp): number {
    pattern.lastIndex = this.#at;
    pattern.test(this.#text);
    this.#at = Math.max(this.#at, pattern.lastIndex);
    return this.#at;
  }
}

/** Whether an odd number of backslashes is before the place. */
function isEscaped(text: string, at: number): boolean {
  let start = at;
  while (text[start - 1] === '\\') start -= 1;
  return (at - start) % 2 === 1;
}

function parseScalar(text: string): MarshalValue {
  if (!/^-?\d/.test(text)) return JSON.parse(text) as MarshalValue;
  if (!/^-?\d+$/.test(text)) return new MarshalFloat(Number(text));
  if (text.replace('-', '').length > MAX_DIGITS)
    throw badRequest(`A number has more than ${MAX_DIGITS} digits.`);
  const number = Number(text) + 0;
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

/** JSON of a value with bigint and {@link MarshalFloat}; undefined properties are left out. */
export function renderExactJson(value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof MarshalFloat) return renderFloat(value.value);
  if (Array.isArray(value)) return `[${value.map(renderExactJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${renderExactJson(item)}`).join(',')}}`;
}

/** Python writes `Infinity`, which is no JSON: too large a number is read as the same. */
function renderFloat(value: number): string {
  if (Number.isNaN(value)) return 'null';
  if (!Number.isFinite(value)) return value > 0 ? '1e999' : '-1e999';
  return pythonFloat(value);
}
