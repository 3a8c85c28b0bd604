/** A schema with every document that it refers to, ready for a validator that fetches nothing. */
import { errorMessage } from '../errors/slapos-error.ts';
import {
  chooseDialect,
  idKeyword,
  isMetaSchema,
  isObject,
  type JsonObject,
  type SchemaDialect,
} from './schema-dialect.ts';
import {
  FOREIGN,
  listReferences,
  type Reference,
  type ReferenceList,
  resolvePointer,
  withoutFragment,
} from './schema-references.ts';

export interface SchemaSet {
  readonly dialect: SchemaDialect;
  /** Address of the schema to check with. */
  readonly root: string;
  /** Documents by the address that their references have here. */
  readonly documents: ReadonlyMap<string, JsonObject | boolean>;
  /** Whether a keyword stands there that needs to know what others have looked at. */
  readonly hasUnevaluated: boolean;
  /** What could not be resolved and is not checked, one line each. */
  readonly gaps: readonly string[];
}

/** Reads a JSON document; `from` is the one that refers to it. */
export type ReadDocument = (url: URL, from?: URL) => Promise<unknown>;

interface Entry {
  readonly address: string;
  readonly url: URL;
  readonly document: JsonObject | boolean;
  readonly list: ReferenceList | undefined;
}

const HOST = 'https://schema.invalid/';

/**
 * Reads a schema and what it refers to. A reference that leads nowhere becomes a gap.
 * @throws Error when the schema itself cannot be read or is none.
 */
export async function gatherSchemas(url: URL, read: ReadDocument): Promise<SchemaSet> {
  const document = expectSchema(await read(url));
  const gathering = new Gathering(chooseDialect(document), read);
  await gathering.addAll(url, document);
  return gathering.finish(url);
}

function expectSchema(document: unknown): JsonObject | boolean {
  if (isObject(document) || typeof document === 'boolean') return document;
  throw new Error('it is not a JSON schema, which is an object');
}

class Gathering {
  readonly #dialect: SchemaDialect;
  readonly #read: ReadDocument;
  readonly #entries = new Map<string, Entry>();
  /** Addresses that documents and their parts give themselves, and what they are here. */
  readonly #aliases = new Map<string, string>();
  readonly #gaps = new Map<string, string>();

  constructor(dialect: SchemaDialect, read: ReadDocument) {
    this.#dialect = dialect;
    this.#read = read;
  }

  async addAll(url: URL, root: JsonObject | boolean): Promise<void> {
    let waiting = this.#add(url, root);
    while (waiting.length > 0) {
      const found: { readonly url: URL; readonly from: URL }[] = [];
      for (const { url: next, from } of waiting) {
        if (this.#isKnown(withoutFragment(next))) continue;
        found.push(...(await this.#fetch(next, from)));
      }
      waiting = found;
    }
  }

  async #fetch(url: URL, from: URL): Promise<{ readonly url: URL; readonly from: URL }[]> {
    const plain = new URL(withoutFragment(url));
    try {
      return this.#add(plain, expectSchema(await this.#read(plain, from)));
    } catch (cause) {
      this.#gaps.set(plain.href, `${plain.href} cannot be used: ${errorMessage(cause)}`);
      return [];
    }
  }

  #isKnown(href: string): boolean {
    return (
      this.#entries.has(href) ||
      this.#aliases.has(href) ||
      this.#gaps.has(href) ||
      isMetaSchema(href)
    );
  }

  #add(url: URL, document: JsonObject | boolean): { readonly url: URL; readonly from: URL }[] {
    const address = `${HOST}${this.#entries.size}`;
    const list = isObject(document) ? listReferences(document, url, this.#dialect) : undefined;
    this.#entries.set(withoutFragment(url), { address, url, document, list });
    if (list === undefined) return [];
    if (!this.#aliases.has(list.base)) this.#aliases.set(list.base, address);
    for (const id of list.embedded.keys()) {
      if (this.#aliases.has(id)) list.embedded.delete(id);
      else this.#aliases.set(id, `${HOST}part/${this.#aliases.size}`);
    }
    return list.references.map(({ target }) => ({ url: target, from: url }));
  }

  finish(url: URL): SchemaSet {
    const entries = [...this.#entries.values()];
    for (const entry of entries) this.#rewrite(entry);
    return {
      dialect: this.#dialect,
      root: `${HOST}0${url.hash}`,
      documents: new Map(entries.map(({ address, document }) => [address, document])),
      hasUnevaluated: entries.some(({ list }) => list?.hasUnevaluated),
      gaps: [...this.#gaps.values()],
    };
  }

  #rewrite({ document, list }: Entry): void {
    if (list === undefined || !isObject(document)) return;
    const id = idKeyword(this.#dialect);
    for (const schema of list.containing) this.#boundContained(schema);
    for (const reference of list.references) this.#redirect(reference);
    for (const schema of list.foreign) for (const keyword of FOREIGN) delete schema[keyword];
    for (const schema of list.named) delete schema[id];
    for (const [href, schema] of list.embedded) schema[id] = this.#aliases.get(href);
    delete document['$schema'];
  }

  /**
   * Without an upper bound ajv 8 remembers what it found in one list for the next, empty one:
   * with one it counts. Up to draft 7 these bounds do not exist.
   */
  #boundContained(schema: JsonObject): void {
    if (this.#isAlone()) delete schema['minContains'];
    if (this.#isAlone() || schema['maxContains'] === undefined) {
      schema['maxContains'] = Number.MAX_SAFE_INTEGER;
    }
  }

  #redirect(reference: Reference): void {
    const { holder, keyword, target } = reference;
    const href = withoutFragment(target);
    const entry = this.#entries.get(href) ?? this.#entryOf(this.#aliases.get(href));
    const address = entry?.address ?? this.#aliases.get(href);
    const isLost = entry !== undefined && !leadsSomewhere(entry, target.hash);
    if (isLost) this.#gaps.set(target.href, `${target.href} leads nowhere`);
    if (isLost || address === undefined) {
      this.#drop(reference);
    } else {
      delete holder[keyword];
      holder['$ref'] = address + target.hash;
      // ajv leaves the other keywords alone by itself.
      if (this.#isAlone()) delete holder['type'];
    }
  }

  #entryOf(address: string | undefined): Entry | undefined {
    return [...this.#entries.values()].find((entry) => entry.address === address);
  }

  /** Up to draft 7 nothing that stands beside a reference counts. */
  #isAlone(): boolean {
    return this.#dialect !== '2019' && this.#dialect !== '2020';
  }

  /** Without its reference a schema accepts everything. */
  #drop({ holder, keyword, target }: Reference): void {
    if (isMetaSchema(target.href)) {
      this.#gaps.set(target.href, `${target.href} describes schemas, which are not checked here`);
    }
    for (const key of this.#isAlone() ? Object.keys(holder) : [keyword]) {
      if (key !== 'definitions' && key !== '$defs') delete holder[key];
    }
  }
}

function leadsSomewhere({ document, list }: Entry, hash: string): boolean {
  if (hash === '' || hash === '#') return true;
  if (hash.startsWith('#/')) return resolvePointer(document, hash.slice(1)) !== undefined;
  return list?.anchors.has(hash.slice(1)) ?? false;
}
