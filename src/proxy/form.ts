/** Fields of requests, from a query or a form body (spec/slap-protocol.md 4). Pure. */
import { errorMessage } from '../errors/slapos-error.ts';
import type { MarshalValue } from '../slap/marshal-value.ts';
import { decodeMarshal } from '../slap/unmarshal.ts';
import { checkXmlText } from '../slap/xml-text.ts';
import { badRequest } from './http-problem.ts';
import { checkExtent } from './marshal-bounds.ts';
import type { PartitionKey } from './store.ts';

export type Dictionary = Readonly<Record<string, MarshalValue>>;

/** Checked access to the fields; the text `None` and an empty text mean that there is no value. */
export class Form {
  readonly #fields: URLSearchParams;

  constructor(fields: URLSearchParams) {
    this.#fields = fields;
  }

  has(name: string): boolean {
    return this.#fields.has(name);
  }

  /** The field as it is, possibly empty. @throws HttpProblem 400 when it is missing. */
  text(name: string): string {
    const value = this.#get(name);
    if (value === null) throw badRequest(`Field ${name} is missing.`);
    return value;
  }

  /** What is stored is sent as XML one day: what that cannot carry would break every answer. */
  #get(name: string): string | null {
    const value = this.#fields.get(name);
    return value === null ? null : expectXmlText(value, `Field ${name}`);
  }

  /** The field as it is, empty when it is missing: for what is kept only after a look at it. */
  loose(name: string): string {
    return this.#fields.get(name) ?? '';
  }

  /** A field that must say something. @throws HttpProblem 400 when it is missing or empty. */
  value(name: string): string {
    const value = this.optional(name);
    if (value === null) throw badRequest(`Field ${name} is missing or empty.`);
    return value;
  }

  optional(name: string): string | null {
    const value = this.#get(name);
    return value === null || value === '' || value === 'None' ? null : value;
  }

  /** A marshalled field. @throws HttpProblem 400 when it is missing or broken. */
  marshalled(name: string): MarshalValue {
    const text = this.text(name);
    const value = decode(text, `Field ${name}`);
    checkExtent(value, `Field ${name}`);
    return value;
  }

  /** A marshalled dictionary with text keys; absent is empty. @throws HttpProblem 400. */
  dictionary(name: string): Dictionary {
    if (!this.has(name)) return {};
    return expectDictionary(this.marshalled(name), `Field ${name}`);
  }

  /** As `partition`, null when either field is missing. */
  optionalPartition(): PartitionKey | null {
    const computerReference = this.optional('computer_id');
    const reference = this.optional('computer_partition_id');
    return computerReference === null || reference === null
      ? null
      : { computerReference, reference };
  }

  /** `computer_id` and `computer_partition_id`. @throws HttpProblem 400 when one is missing. */
  partition(computer = 'computer_id', partition = 'computer_partition_id'): PartitionKey {
    return { computerReference: this.value(computer), reference: this.value(partition) };
  }
}

function decode(text: string, what: string): MarshalValue {
  try {
    return decodeMarshal(text, what);
  } catch (error) {
    throw badRequest(errorMessage(error));
  }
}

/** @throws HttpProblem 400 for a text with a character that XML cannot hold. */
export function expectXmlText(text: string, what: string): string {
  try {
    return checkXmlText(text);
  } catch (error) {
    throw badRequest(`${what}: ${errorMessage(error)}`);
  }
}

/** @throws HttpProblem 400 when the value is no dictionary with text keys. */
export function expectDictionary(value: MarshalValue, what: string): Dictionary {
  if (value === null) return {};
  const isPlain = typeof value === 'object' && Object.getPrototypeOf(value) === null;
  if (!isPlain) throw badRequest(`${what} is not a dictionary.`);
  return value as Dictionary;
}

/** @throws HttpProblem 400 when the value is no list. */
export function expectList(value: MarshalValue | undefined, what: string): readonly MarshalValue[] {
  if (!Array.isArray(value)) throw badRequest(`${what} is not a list.`);
  return value;
}

/** @throws HttpProblem 400 when the value is neither text nor none. */
export function expectText(value: MarshalValue | undefined, what: string): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string') throw badRequest(`${what} is not a text.`);
  return value;
}
