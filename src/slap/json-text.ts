/**
 * JSON that a person wrote: read as Python reads it (spec/cli.md 6.2), with the place of what is
 * wrong. Keys keep their order, also those that look like numbers.
 */
import { MarshalFloat, type MarshalValue } from './marshal-value.ts';

/** Deeper values are refused; Python gives up at about a thousand. */
export const MAX_JSON_DEPTH = 500;
/** Python's own limit for integers. */
const MAX_DIGITS = 4300;

/** More repeated keys than this are not told. */
const MAX_REPEATED = 20;

export interface JsonText {
  readonly value: MarshalValue;
  /** Keys that stand twice in one object: the last one counts, as in Python. */
  readonly repeated: readonly { readonly key: string; readonly place: string }[];
}

/**
 * Reads a JSON document.
 * @throws SyntaxError with line, column and the key that the text is about.
 */
export function parseJsonText(text: string): JsonText {
  const parser = new JsonParser(text);
  const value = parser.parseDocument();
  return { value, repeated: parser.repeated };
}

/** `line 3, column 5` of an offset. */
export function describePlace(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${[...(before.at(-1) ?? '')].length + 1}`;
}

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
const WORDS: ReadonlyMap<string, MarshalValue> = new Map<string, MarshalValue>([
  ['null', null],
  ['true', true],
  ['false', false],
  ['NaN', new MarshalFloat(Number.NaN)],
  ['Infinity', new MarshalFloat(Number.POSITIVE_INFINITY)],
  ['-Infinity', new MarshalFloat(Number.NEGATIVE_INFINITY)],
]);

class JsonParser {
  readonly repeated: { key: string; place: string }[] = [];
  readonly #text: string;
  readonly #keys: (string | number)[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parseDocument(): MarshalValue {
    const value = this.#parseValue();
    this.#skip();
    if (this.#at < this.#text.length) throw this.#wrong('nothing may follow the value');
    return value;
  }

  #parseValue(): MarshalValue {
    this.#skip();
    const letter = this.#text[this.#at];
    if (letter === '{') return this.#parseObject();
    if (letter === '[') return this.#parseList();
    if (letter === '"') return this.#parseString('a value');
    for (const [word, value] of WORDS) if (this.#take(word)) return value;
    return this.#parseNumber();
  }

  #parseObject(): MarshalValue {
    const found = new Map<string, MarshalValue>();
    this.#parseItems('}', () => {
      const start = this.#at;
      const key = this.#parseString('a key in double quotes');
      this.#keys.push(key);
      if (found.has(key) && this.repeated.length < MAX_REPEATED) {
        this.repeated.push({ key: this.#path(), place: describePlace(this.#text, start) });
      }
      this.#skip();
      if (!this.#take(':')) throw this.#wrong("a ':' was expected after the key");
      found.set(key, this.#parseValue());
      this.#keys.pop();
    });
    return found;
  }

  #parseList(): MarshalValue {
    const found: MarshalValue[] = [];
    this.#parseItems(']', () => {
      this.#keys.push(found.length);
      found.push(this.#parseValue());
      this.#keys.pop();
    });
    return found;
  }

  #parseItems(end: string, parseItem: () => void): void {
    if (this.#keys.length >= MAX_JSON_DEPTH) {
      throw this.#wrong(`values are nested more than ${MAX_JSON_DEPTH} deep`);
    }
    this.#at += 1;
    this.#skip();
    if (this.#take(end)) return;
    for (;;) {
      this.#skip();
      parseItem();
      this.#skip();
      if (this.#take(end)) return;
      if (!this.#take(',')) throw this.#wrong(`a ',' or a '${end}' was expected`);
    }
  }

  #parseString(what: string): string {
    if (this.#text[this.#at] !== '"') throw this.#wrong(`${what} was expected`);
    let end = this.#text.indexOf('"', this.#at + 1);
    while (end > 0 && this.#isEscaped(end)) end = this.#text.indexOf('"', end + 1);
    if (end < 0) throw this.#wrong('the text that starts here has no end');
    try {
      const value = JSON.parse(this.#text.slice(this.#at, end + 1)) as string;
      this.#at = end + 1;
      return value;
    } catch {
      throw this.#wrong('the text that starts here has a bad escape or a control character');
    }
  }

  #isEscaped(at: number): boolean {
    let start = at;
    while (this.#text[start - 1] === '\\') start -= 1;
    return (at - start) % 2 === 1;
  }

  #parseNumber(): MarshalValue {
    const start = this.#at;
    const token = this.#match(NUMBER);
    if (token === undefined) throw this.#wrong('a value was expected');
    if (/[.eE]/.test(token)) return new MarshalFloat(Number(token));
    if (token.length > MAX_DIGITS) {
      this.#at = start;
      throw this.#wrong(`a number has more than ${MAX_DIGITS} digits`);
    }
    return Number.isSafeInteger(Number(token)) ? Number(token) + 0 : BigInt(token);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const token = pattern.exec(this.#text)?.[0];
    this.#at += token?.length ?? 0;
    return token;
  }

  #take(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #skip(): void {
    this.#match(SPACE);
  }

  #path(): string {
    return this.#keys.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('');
  }

  #wrong(reason: string): SyntaxError {
    const place = describePlace(this.#text, this.#at);
    const path = this.#path().slice(0, 200);
    return new SyntaxError(
      `${place}${path === '' ? '' : `, in ${path.replace(/^\./, '')}`}: ${reason}`,
    );
  }
}
