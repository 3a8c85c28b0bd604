/**
 * Reader of marshalled XML (spec/slap-protocol.md 1.4); the writer is `marshal.ts`. Nothing is
 * constructed but plain values and the four classes of {@link MARSHAL_CLASSES}.
 */
import { SlaposError } from '../errors/slapos-error.ts';
import { boundedText } from './bounded-text.ts';
import {
  MARSHAL_CLASSES,
  type MarshalClassName,
  MarshalFloat,
  type MarshalKey,
  MarshalObject,
  MarshalTuple,
  type MarshalValue,
} from './marshal-value.ts';
import { readPlainXml } from './plain-xml.ts';
import { decodeXmlText, readXml, type XmlHandler } from './xml-events.ts';

const MARSHAL_MODULE = 'slapos.slap.slap';

type Dictionary = { [key: string]: MarshalValue };

/** An element that is open. `items` gathers the values of its children. */
interface Frame {
  readonly tag: string;
  readonly items: MarshalValue[];
  readonly id: string | undefined;
  /** What a reference to this element means; null for what cannot be referenced. */
  readonly target: MarshalValue[] | Dictionary | ObjectTarget | null;
  text: string;
}

/** An object while it is read: its parts are filled in place, so references to it stay valid. */
class ObjectTarget {
  readonly initArgs: MarshalValue[] = [];
  readonly attributes: Dictionary = emptyDictionary();
  readonly object: MarshalObject;
  constructor(className: MarshalClassName) {
    this.object = new MarshalObject(className, this.initArgs, this.attributes);
  }
}

const CONTAINERS = new Set(['marshal', 'tuple', 'list', 'dictionary', 'object']);
/** Readers of the text of scalars; undefined for a text that is no such value. */
const SCALARS: Readonly<Record<string, (text: string) => MarshalValue | undefined>> = {
  none: () => null,
  bool: (text) => {
    const number = parseInteger(text);
    return number === undefined ? undefined : Number(number) !== 0;
  },
  int: parseInteger,
  long: parseInteger,
  float: parseFloatText,
  string: unescapeText,
  unicode: unescapeText,
};

/**
 * Reads marshalled XML.
 * @param what Names the document in messages, such as `The answer of getRunId`.
 * @throws SlaposError SLAPOS_ERR_SLAP_XML for anything but one value of the known types: broken
 *   XML, a DTD, an unknown element, a class that is not ours, a reference to nothing.
 */
export function decodeMarshal(
  document: string | Uint8Array,
  what = 'A SLAP document',
): MarshalValue {
  const plain = decodePlain(document);
  if (plain !== undefined) return plain;
  const reader = new Reader(what);
  readXml(document, what, reader);
  return reader.result();
}

/** undefined for a document that only the thorough way can read, or say what is wrong with. */
function decodePlain(document: string | Uint8Array): MarshalValue | undefined {
  const reader = new Reader('');
  try {
    return readPlainXml(decodeXmlText(document), reader) ? reader.result() : undefined;
  } catch {
    return undefined;
  }
}

class Reader implements XmlHandler {
  readonly #what: string;
  readonly #stack: Frame[] = [];
  readonly #known = new Map<string, MarshalValue>();
  #result: MarshalValue | undefined;

  constructor(what: string) {
    this.#what = what;
  }

  result(): MarshalValue {
    if (this.#result === undefined) throw this.#bad('it has no value');
    return this.#result;
  }

  open(tag: string, attributes: ReadonlyMap<string, string>): void {
    const parent = this.#stack.at(-1);
    if ((parent === undefined) !== (tag === 'marshal')) throw this.#bad(`misplaced <${tag}>`);
    if (parent !== undefined && !CONTAINERS.has(parent.tag)) {
      throw this.#bad(`<${tag}> inside <${parent.tag}>`);
    }
    const id = attributes.get('id');
    const target = this.#target(tag, attributes);
    this.#stack.push({ tag, items: [], id, target, text: '' });
    if (id !== undefined && target !== null) {
      this.#known.set(id, target instanceof ObjectTarget ? target.object : target);
    }
  }

  text(text: string): void {
    const frame = this.#stack.at(-1);
    if (frame === undefined) return;
    if (!CONTAINERS.has(frame.tag)) frame.text += text;
    else if (/[^ \t\r\n]/.test(text)) throw this.#bad(`text directly inside <${frame.tag}>`);
  }

  close(): void {
    const frame = this.#stack.pop();
    if (frame === undefined) return;
    if (frame.tag !== 'marshal') {
      this.#stack.at(-1)?.items.push(this.#build(frame));
      return;
    }
    if (frame.items.length !== 1) throw this.#bad(`<marshal> holds ${frame.items.length} values`);
    this.#result = frame.items[0];
  }

  #target(tag: string, attributes: ReadonlyMap<string, string>): Frame['target'] {
    if (tag === 'list') return [];
    if (tag === 'dictionary') return emptyDictionary();
    if (tag === 'object') return this.#objectTarget(attributes);
    if (CONTAINERS.has(tag) || tag === 'reference' || Object.hasOwn(SCALARS, tag)) return null;
    throw this.#bad(`unknown element <${tag}>`);
  }

  #objectTarget(attributes: ReadonlyMap<string, string>): ObjectTarget {
    const module = attributes.get('module') ?? '';
    const name = attributes.get('class') ?? '';
    const known = MARSHAL_CLASSES.find((className) => className === name);
    if (module !== MARSHAL_MODULE || known === undefined) {
      throw this.#bad(`Refusing to unmarshall ${module}.${name}`);
    }
    return new ObjectTarget(known);
  }

  #build(frame: Frame): MarshalValue {
    const { target } = frame;
    if (Array.isArray(target)) return push(target, frame.items);
    if (target instanceof ObjectTarget) return this.#object(target, frame.items);
    if (target !== null) return this.#dictionary(target, frame);
    if (frame.tag === 'tuple') return new MarshalTuple(frame.items);
    if (frame.tag === 'reference') return this.#reference(frame.id ?? '');
    const value = SCALARS[frame.tag]?.(frame.text);
    if (value !== undefined) return value;
    throw this.#bad(`<${frame.tag}> holds ${JSON.stringify(frame.text.slice(0, 40))}`);
  }

  #reference(id: string): MarshalValue {
    const value = this.#known.get(id);
    if (value === undefined) throw this.#bad(`reference to unknown id ${JSON.stringify(id)}`);
    return value;
  }

  #dictionary(target: Dictionary, frame: Frame): MarshalValue {
    const { items } = frame;
    if (items.length % 2 !== 0) throw this.#bad('a dictionary has a key without a value');
    if (items.some((item, index) => index % 2 === 0 && typeof item !== 'string')) {
      return this.#map(frame);
    }
    for (let index = 0; index < items.length; index += 2) {
      target[items[index] as string] = items[index + 1] ?? null;
    }
    return target;
  }

  #map(frame: Frame): MarshalValue {
    const map = new Map<MarshalKey, MarshalValue>();
    for (let index = 0; index < frame.items.length; index += 2) {
      const key = frame.items[index] ?? null;
      if (typeof key === 'object' && key !== null && !(key instanceof MarshalFloat)) {
        throw this.#bad('a dictionary has a container as a key');
      }
      map.set(key, frame.items[index + 1] ?? null);
    }
    if (frame.id !== undefined) this.#known.set(frame.id, map);
    return map;
  }

  #object(target: ObjectTarget, items: readonly MarshalValue[]): MarshalValue {
    const [initArgs, attributes] = items;
    if (items.length !== 2 || !(initArgs instanceof MarshalTuple) || !isAttributes(attributes)) {
      throw this.#bad('an object is not a tuple and a dictionary');
    }
    push(target.initArgs, initArgs.items);
    // An object without attributes comes with <none/> from Python 3.11 and newer.
    Object.assign(target.attributes, attributes ?? {});
    return target.object;
  }

  #bad(reason: string): SlaposError {
    return new SlaposError(
      'SLAPOS_ERR_SLAP_XML',
      `${this.#what} cannot be understood: ${boundedText(reason)}.`,
    );
  }
}

function isAttributes(value: MarshalValue | undefined): value is Dictionary | null {
  if (value === null) return true;
  if (typeof value !== 'object' || Array.isArray(value)) return false;
  return Object.getPrototypeOf(value) === null;
}

/** No prototype: a key named `__proto__` is a key like any other. */
function emptyDictionary(): Dictionary {
  return Object.create(null) as Dictionary;
}

function push(target: MarshalValue[], items: readonly MarshalValue[]): MarshalValue[] {
  for (const item of items) target.push(item);
  return target;
}

function unescapeText(text: string): string {
  if (!text.includes('&')) return text;
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

/** Longer numbers are refused: reading them takes quadratic time. */
const MAX_DIGITS = 400;

function parseInteger(text: string): number | bigint | undefined {
  const match = /^[ \t\r\n]*([+-]?)(\d+)[ \t\r\n]*$/.exec(text);
  const digits = match?.[2] ?? '';
  if (match === null || digits.length > MAX_DIGITS) return undefined;
  const value = match[1] === '-' ? -BigInt(digits) : BigInt(digits);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

const FLOAT_WORDS: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  infinity: Number.POSITIVE_INFINITY,
};

function parseFloatText(text: string): MarshalFloat | undefined {
  const match = /^([+-]?)(nan|inf|infinity|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)$/i.exec(text.trim());
  if (match === null) return undefined;
  const digits = (match[2] ?? '').toLowerCase();
  const size = FLOAT_WORDS[digits] ?? Number(digits);
  return new MarshalFloat(match[1] === '-' ? -size : size);
}
