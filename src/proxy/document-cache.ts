/**
 * Rendered documents of computers. The entity tag of each stays, which is all that a client needs
 * that has the document; of the documents themselves as many as fit.
 */
import { entityTagOf } from './entity-tag.ts';
import { SizedCache } from './sized-cache.ts';

/** Of documents: 400 of 50 partitions, or one of 20,000. */
const MAX_BYTES = 64 * 1024 * 1024;

export interface CachedDocument {
  readonly tag: string;
  /** Absent when it was given up. */
  readonly body: Buffer | undefined;
}

export class DocumentCache {
  /** One for each computer of the database. */
  readonly #tags = new Map<string, { readonly version: string; readonly tag: string }>();
  readonly #bodies: SizedCache<Buffer>;

  constructor(maxBytes = MAX_BYTES) {
    this.#bodies = new SizedCache(maxBytes);
  }

  /** What was rendered of this version of the computer. */
  find(computerId: string, version: string): CachedDocument | undefined {
    const known = this.#tags.get(computerId);
    if (known?.version !== version) return undefined;
    return { tag: known.tag, body: this.#bodies.get(computerId) };
  }

  /** @returns its entity tag */
  put(computerId: string, version: string, body: Buffer): string {
    const tag = entityTagOf(body);
    this.#tags.set(computerId, { version, tag });
    this.#bodies.set(computerId, body, body.length);
    return tag;
  }
}
