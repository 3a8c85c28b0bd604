/**
 * Marshalled XML (spec/slap-protocol.md 1): the object dump that SLAP requests and answers are
 * made of. Only the four classes of {@link MARSHAL_CLASSES} can be written or read.
 */
import { pythonFloat } from '../model/python-number.ts';
import {
  MarshalFloat,
  type MarshalForm,
  MarshalFragment,
  type MarshalMap,
  MarshalObject,
  MarshalTuple,
  type MarshalValue,
} from './marshal-value.ts';
import { sortedEntries } from './python-text.ts';
import { escapeTwice } from './xml-text.ts';

const MARSHAL_MODULE = 'slapos.slap.slap';
/** Integers from this size on are `long` instead of `int`. */
const LONG_LIMIT = 10n ** 24n;

export interface MarshalOptions {
  /** Two blanks per level, one element a line, empty strings self-closed: `slapos.xml`. */
  readonly indent?: boolean;
}

/**
 * Writes a value as marshalled XML: ASCII text, byte-exact with upstream's writer.
 * A number is an int when it is a safe integer and a float otherwise; use {@link MarshalFloat}
 * for floats with an integral value.
 * @throws SlaposError SLAPOS_ERR_SLAP_XML for a text that XML cannot carry.
 */
export function encodeMarshal(value: MarshalValue, options: MarshalOptions = {}): string {
  const writer = new Writer({ isIndented: options.indent === true, indent: '', lastId: 1 });
  writer.open('<marshal>');
  writer.value(value);
  writer.close('</marshal>');
  return writer.text();
}

/**
 * A value as it stands within a document.
 * @throws SlaposError SLAPOS_ERR_SLAP_XML for a text that XML cannot carry.
 */
export function encodeMarshalPart(value: MarshalValue, form: MarshalForm): string {
  const writer = new Writer(form);
  writer.value(value);
  return writer.text();
}

type Dictionary = { readonly [key: string]: MarshalValue } | MarshalMap;

/**
 * Invariant: an id is taken when a container is opened, so ids follow the document order.
 * The text grows by appending: engines keep that as a rope, which costs less than a list of pieces.
 */
class Writer {
  #text = '';
  readonly #ids = new Map<object, number>();
  readonly #isIndented: boolean;
  #lastId: number;
  #indent: string;

  constructor({ isIndented, indent, lastId }: MarshalForm) {
    this.#isIndented = isIndented;
    this.#indent = indent;
    this.#lastId = lastId;
  }

  text(): string {
    return this.#text;
  }

  open(tag: string): void {
    this.#line(tag);
    if (this.#isIndented) this.#indent += '  ';
  }

  close(tag: string): void {
    if (this.#isIndented) this.#indent = this.#indent.slice(2);
    this.#line(tag);
  }

  value(value: MarshalValue): void {
    const scalar = this.#scalar(value);
    if (scalar !== null) this.#line(scalar);
    else if (value instanceof MarshalTuple) this.#items('tuple', '', value.items);
    else if (value instanceof MarshalFragment) this.#fragment(value);
    else this.#container(value as object);
  }

  #fragment(fragment: MarshalFragment): void {
    const form = { isIndented: this.#isIndented, indent: this.#indent, lastId: this.#lastId };
    const { text, lastId } = fragment.write(form);
    this.#text += text;
    this.#lastId = lastId;
  }

  #container(container: object): void {
    const known = this.#ids.get(container);
    if (known !== undefined) {
      this.#line(`<reference id="i${known}"/>`);
      return;
    }
    this.#lastId += 1;
    this.#ids.set(container, this.#lastId);
    const id = ` id="i${this.#lastId}"`;
    if (Array.isArray(container)) this.#items('list', id, container);
    else if (container instanceof MarshalObject) this.#object(container, id);
    else this.#dictionary(container as Dictionary, id);
  }

  #items(tag: string, attributes: string, items: readonly MarshalValue[]): void {
    if (items.length === 0) {
      this.#line(`<${tag}${attributes}/>`);
      return;
    }
    this.open(`<${tag}${attributes}>`);
    for (const item of items) this.value(item);
    this.close(`</${tag}>`);
  }

  #dictionary(dictionary: Dictionary, id: string): void {
    const entries = sortedEntries(dictionary);
    if (entries.length === 0) {
      this.#line(`<dictionary${id}/>`);
      return;
    }
    this.open(`<dictionary${id}>`);
    for (const [key, value] of entries) {
      this.value(key);
      this.value(value);
    }
    this.close('</dictionary>');
  }

  #object(object: MarshalObject, id: string): void {
    this.open(`<object${id} module="${MARSHAL_MODULE}" class="${object.className}">`);
    this.value(new MarshalTuple(object.initArgs));
    this.value(object.attributes);
    this.close('</object>');
  }

  #scalar(value: MarshalValue): string | null {
    if (value === null) return '<none/>';
    if (typeof value === 'string') return this.#string(value);
    if (typeof value === 'boolean') return `<bool>${Number(value)}</bool>`;
    if (typeof value === 'bigint') return integerElement(value);
    if (typeof value === 'number' && Number.isSafeInteger(value)) return `<int>${value + 0}</int>`;
    if (typeof value === 'number') return `<float>${pythonFloat(value)}</float>`;
    if (value instanceof MarshalFloat) return `<float>${pythonFloat(value.value)}</float>`;
    return null;
  }

  #string(text: string): string {
    if (text === '' && this.#isIndented) return '<string/>';
    return `<string>${escapeTwice(text)}</string>`;
  }

  #line(piece: string): void {
    this.#text += this.#isIndented ? `${this.#indent}${piece}\n` : piece;
  }
}

function integerElement(value: bigint): string {
  const isLong = value >= LONG_LIMIT || value <= -LONG_LIMIT;
  return isLong ? `<long>${value}</long>` : `<int>${value}</int>`;
}
