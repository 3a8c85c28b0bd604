/**
 * The two folders of the cache, upstream's layout: a file for each content under its SHA-512, and a
 * file for each key with its entries, `[[text, signature], …]` in JSON.
 *
 * Invariants: a content is complete and has its digest before it has its name; one fetch of a
 * content or key is under way at most; changes of one key's file follow one another.
 */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { errorMessage } from '../../errors/slapos-error.ts';
import { CacheFolder, type OpenedFile } from '../../host/folder/cache-folder.ts';
import type { Logger } from '../../log/logger.ts';
import { badGateway, badRequest, HttpProblem } from '../http-problem.ts';
import { readBounded } from './bounded-body.ts';
import { onDisk } from './disk-problem.ts';
import { type EntryPair, isComplete, parseEntryList, withEntry } from './entry-list.ts';
import { ShacacheUpstream } from './shacache-upstream.ts';
import { SingleFlight } from './single-flight.ts';
import type { ShacacheOptions } from './web-options.ts';

const MAX_LIST_BYTES = 16 * 1024 * 1024;

export interface ShacacheChanges {
  readonly removed: string[];
  readonly updated: string[];
}

/** @returns undefined when it is off: both folders must be named. */
export function openShacache({
  options,
  log,
  signal,
}: {
  readonly options: ShacacheOptions;
  readonly log: Logger;
  readonly signal: AbortSignal;
}): Shacache | undefined {
  const { contentFolder, metadataFolder } = options;
  if (contentFolder !== undefined && metadataFolder !== undefined) {
    return new Shacache(contentFolder, metadataFolder, options, log, signal);
  }
  if (contentFolder !== undefined || metadataFolder !== undefined) {
    const other = contentFolder === undefined ? 'content' : 'metadata';
    log.warning(`The shacache is off: shacache_${other}_directory is not set.`);
  }
  return undefined;
}

/** Methods reject with HttpProblem for what a client, a disk or the other cache did. */
export class Shacache {
  readonly #contents: CacheFolder;
  readonly #lists: CacheFolder;
  readonly #upstream: ShacacheUpstream;
  readonly #maxBlobBytes: number;
  readonly #log: Logger;
  readonly #fetches = new SingleFlight<boolean>();
  readonly #listFetches = new SingleFlight<string | undefined>();
  readonly #updates = new SingleFlight<ShacacheChanges>();
  readonly #changes = new Map<string, Promise<unknown>>();

  constructor(
    contentFolder: string,
    metadataFolder: string,
    options: ShacacheOptions,
    log: Logger,
    signal: AbortSignal,
  ) {
    this.#contents = new CacheFolder(contentFolder);
    this.#lists = new CacheFolder(metadataFolder);
    this.#upstream = new ShacacheUpstream(options, signal);
    this.#maxBlobBytes = options.maxBlobBytes;
    this.#log = log;
    for (const folder of [this.#contents, this.#lists]) {
      folder.sweep(Date.now()).catch((error) => {
        log.warning(`Cannot clear ${folder.path}: ${errorMessage(error)}`);
      });
    }
  }

  /**
   * Stores a body and tells its digest.
   * @param expected the digest that it must have
   */
  async storeContent(body: Readable, expected?: string): Promise<string> {
    const hash = createHash('sha512');
    let sha512 = '';
    const nameOf = () => {
      sha512 = hash.digest('hex');
      if (expected !== undefined && expected !== sha512) throw badRequest('Checksum mismatch');
      return sha512;
    };
    const chunks = hashing(readBounded(body, this.#maxBlobBytes), hash);
    await onDisk(() => this.#contents.store(chunks, nameOf));
    return sha512;
  }

  /** The file of a content, fetched first when it is not here; undefined when nobody has it. */
  async openContent(sha512: string): Promise<OpenedFile | undefined> {
    const local = await onDisk(() => this.#contents.open(sha512));
    if (local !== undefined || !this.#upstream.hasContents) return local;
    const isFetched = await this.#fetches.run(sha512, () => this.#fetchContent(sha512));
    return isFetched ? onDisk(() => this.#contents.open(sha512)) : undefined;
  }

  async #fetchContent(sha512: string): Promise<boolean> {
    return this.#upstream.fetchContent(sha512, async (chunks) => {
      await onDisk(() => this.#contents.store(bounded(chunks, this.#maxBlobBytes), () => sha512));
      this.#log.info(`Content ${sha512.slice(0, 16)}… was fetched from the other cache.`);
    });
  }

  /** The entries of a key as JSON text, fetched first when there are none here. */
  async getEntries(key: string): Promise<string | undefined> {
    const text = await this.#readList(key);
    if (text !== undefined && parseEntryList(text) !== undefined) return text;
    if (!this.#upstream.hasEntries) return undefined;
    return this.#listFetches.run(key, async () => {
      const fetched = await this.#upstream.fetchEntries(key);
      if (fetched === undefined) return undefined;
      const list = JSON.stringify(fetched);
      await this.#change(key, () => this.#lists.write(key, list));
      return list;
    });
  }

  /** Adds an entry before those that a key has. */
  async putEntry(key: string, entry: EntryPair): Promise<void> {
    await this.#change(key, async () => {
      const known = parseEntryList((await this.#readList(key)) ?? '[]') ?? [];
      await this.#lists.write(key, JSON.stringify(withEntry(known, entry)));
    });
  }

  /** @throws HttpProblem 503 when a folder is missing, as a disk that is not mounted leaves it. */
  async expectFolders(): Promise<void> {
    for (const folder of [this.#contents, this.#lists]) {
      if (await folder.exists()) continue;
      throw new HttpProblem(503, `Shacache not configured: a folder of it does not exist`);
    }
  }

  /** Brings every key up to date; whoever asks meanwhile gets the same answer. */
  update(): Promise<ShacacheChanges> {
    return this.#updates.run('', async () => {
      // Without contents every entry would look as if nobody had its content.
      await this.expectFolders();
      const changes: ShacacheChanges = { removed: [], updated: [] };
      for (const key of await onDisk(() => this.#lists.list())) {
        await this.#change(key, () =>
          this.#upstream.hasEntries ? this.#refresh(key, changes) : this.#weed(key, changes),
        );
      }
      return changes;
    });
  }

  /** Takes the other cache's entries of a key; keeps ours when it does not answer. */
  async #refresh(key: string, changes: ShacacheChanges): Promise<void> {
    let fetched: readonly EntryPair[] | undefined;
    try {
      fetched = await this.#upstream.fetchEntries(key);
    } catch (error) {
      this.#log.warning(`Key ${key} is not brought up to date: ${errorMessage(error)}`);
      return;
    }
    if (fetched !== undefined) {
      await this.#lists.write(key, JSON.stringify(fetched));
      changes.updated.push(key);
    } else {
      await this.#lists.remove(key);
      changes.removed.push(key);
    }
  }

  /** Drops the entries of a key whose content is not here. */
  async #weed(key: string, changes: ShacacheChanges): Promise<void> {
    const entries = parseEntryList((await this.#readList(key)) ?? '');
    const kept: EntryPair[] = [];
    for (const entry of entries ?? []) {
      if (await isComplete(entry, (sha512) => this.#contents.has(sha512))) kept.push(entry);
    }
    if (entries !== undefined && kept.length === entries.length) return;
    changes.removed.push(key);
    if (kept.length === 0) await this.#lists.remove(key);
    else await this.#lists.write(key, JSON.stringify(kept));
  }

  async #readList(key: string): Promise<string | undefined> {
    return onDisk(() => this.#lists.readText(key, MAX_LIST_BYTES));
  }

  /** One change of a key after the other. */
  async #change(key: string, change: () => Promise<void>): Promise<void> {
    const before = this.#changes.get(key) ?? Promise.resolve();
    const mine = before.then(() => onDisk(change));
    const settled = mine.catch(() => undefined);
    this.#changes.set(key, settled);
    try {
      await mine;
    } finally {
      if (this.#changes.get(key) === settled) this.#changes.delete(key);
    }
  }
}

async function* hashing(
  chunks: AsyncIterable<Uint8Array>,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

async function* bounded(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes)
      throw badGateway(`The other cache sends more than ${maxBytes} bytes.`);
    yield chunk;
  }
}
