/**
 * The last results of the promises of many partitions (spec/promise.md 3). A partition owns these
 * files and may put anything there: no link is followed, and what is read is bounded in size, in
 * number and in time.
 */

import type { Seen, SeenTarget, SeenText } from '../host/folder/look.ts';
import type { GridHost } from '../host/grid-host.ts';
import { parseMoment } from './moment.ts';
import { parseToldResult } from './promise-result.ts';

/** The last result of one promise. */
export interface LastResult {
  readonly title: string;
  readonly hasFailed: boolean;
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly executionS: number;
}

export interface PartitionPromises {
  readonly promises: readonly LastResult[];
  /** Why they are not all told; empty when they are. */
  readonly problem: string;
}

interface Known extends PartitionPromises {
  /** When the folder last changed; NaN when that may happen unseen. */
  readonly folderMs: number;
  readonly readAtMs: number;
}

const FOLDER = '.slapgrid/promise/result';
const SUFFIX = '.status.json';
/** Entries of the folder; with more it is not read. */
const MAX_NAMES = 2000;
const MAX_PROMISES = 200;
/** Characters of the messages of one partition that are kept. */
const MAX_MESSAGES = 256 * 1024;
const MAX_MESSAGE_BEYOND = 100;
const PARTITIONS_AT_ONCE = 64;
/** Their texts, of 64 KiB at most, are in memory and parsed in one go. */
const FILES_AT_ONCE = 64;
/** After so long others than the first wait for the next time. */
const MAX_READ_MS = 2000;
/** The clock of a file system may stand still for so long. */
const CLOCK_MS = 1000;
/** A result is replaced by renaming, which its folder shows; one written in place is seen then. */
const REREAD_MS = 30_000;
const NOTHING: PartitionPromises = { promises: [], problem: '' };

export interface PromiseReaderOptions {
  readonly host: Pick<GridHost, 'look'>;
  readonly instanceRoot: string;
  readonly nowMs: () => number;
  /** After how long a folder that did not change is read again. */
  readonly rereadMs?: number;
  /** Whether messages are kept, which take most of the memory. */
  readonly hasMessages?: boolean;
}

/** Reads the results of a partition again when its folder has changed. */
export class PromiseReader {
  readonly #host: Pick<GridHost, 'look'>;
  readonly #instanceRoot: string;
  readonly #nowMs: () => number;
  readonly #rereadMs: number;
  readonly #hasMessages: boolean;
  #known = new Map<string, Known>();
  #references: readonly string[] = [];
  /** Of {@link #references}. */
  #folders: readonly string[] = [];

  constructor(options: PromiseReaderOptions) {
    const { host, instanceRoot, nowMs } = options;
    this.#host = host;
    this.#instanceRoot = instanceRoot;
    this.#nowMs = nowMs;
    this.#rereadMs = options.rereadMs ?? REREAD_MS;
    this.#hasMessages = options.hasMessages ?? true;
  }

  /** By reference of the partition. @throws NativeFailure when `instance_root` cannot be opened. */
  async read(references: readonly string[]): Promise<ReadonlyMap<string, PartitionPromises>> {
    const beganMs = this.#nowMs();
    const { targets } = await this.#host.look(this.#instanceRoot, {
      targets: this.#foldersOf(references),
    });
    const kept = new Map<string, Known>();
    const due: Array<{ readonly reference: string; readonly folderMs: number }> = [];
    for (const [index, reference] of references.entries()) {
      const seen = this.#judge(reference, targets[index], beganMs);
      if (typeof seen === 'number') due.push({ reference, folderMs: seen });
      else kept.set(reference, seen);
    }
    // Those that were not reached the last time come first.
    const ageOf = (reference: string) => this.#known.get(reference)?.readAtMs ?? 0;
    due.sort((a, b) => ageOf(a.reference) - ageOf(b.reference));
    const isLate = () => this.#nowMs() - beganMs > MAX_READ_MS;
    for (let first = 0; first < due.length; first += PARTITIONS_AT_ONCE) {
      const some = due.slice(first, first + PARTITIONS_AT_ONCE);
      const read = first > 0 && isLate() ? [] : await this.#readSome(some, isLate);
      for (const [index, { reference }] of some.entries()) {
        kept.set(reference, read[index] ?? this.#postpone(reference));
      }
    }
    this.#known = kept;
    return kept;
  }

  #foldersOf(references: readonly string[]): readonly string[] {
    const isSame =
      references.length === this.#references.length &&
      references.every((reference, index) => reference === this.#references[index]);
    if (!isSame) {
      this.#references = references;
      this.#folders = references.map((reference) => `${reference}/${FOLDER}`);
    }
    return this.#folders;
  }

  /** What is known already, or when the folder that has to be read last changed. */
  #judge(reference: string, seen: Seen<SeenTarget>, nowMs: number): Known | number {
    const facts = { folderMs: Number.NaN, readAtMs: nowMs };
    if (seen === undefined) return { ...NOTHING, ...facts };
    if (seen === 'refused') return { promises: [], problem: UNREADABLE, ...facts };
    const known = this.#known.get(reference);
    const isSame =
      known?.folderMs === seen.modifiedMs && Math.abs(nowMs - known.readAtMs) < this.#rereadMs;
    return isSame ? known : seen.modifiedMs;
  }

  /** What was known before stands in. */
  #postpone(reference: string): Known {
    const { promises = [], readAtMs = 0 } = this.#known.get(reference) ?? {};
    return { promises, problem: LATE, folderMs: Number.NaN, readAtMs };
  }

  /** In the order of `some`, up to the last one that was read in time. */
  async #readSome(some: readonly Due[], isLate: () => boolean): Promise<readonly Known[]> {
    const readAtMs = this.#nowMs();
    const found = await this.#readFolders(
      some.map(({ reference }) => `${reference}/${FOLDER}`),
      isLate,
    );
    return found.map((one, index) => {
      const { folderMs = Number.NaN } = some[index] ?? {};
      const isSettled = readAtMs - folderMs > CLOCK_MS;
      return { ...one, folderMs: isSettled ? folderMs : Number.NaN, readAtMs };
    });
  }

  async #readFolders(
    paths: readonly string[],
    isLate: () => boolean,
  ): Promise<readonly PartitionPromises[]> {
    const { folders } = await this.#host.look(this.#instanceRoot, {
      folders: paths,
      maxNames: MAX_NAMES,
    });
    const listed = folders.map((seen) => new FolderResults(seen, this.#hasMessages));
    const files = listed.flatMap((folder, index) =>
      folder.names.map((name) => ({ folder, name, path: `${paths[index]}/${name}` })),
    );
    for (let first = 0; first < files.length; first += FILES_AT_ONCE) {
      if (first > 0 && listed.some(({ isFresh }) => isFresh) && isLate()) break;
      await this.#readFiles(files.slice(first, first + FILES_AT_ONCE));
    }
    const unread = listed.findIndex(({ isWhole }) => !isWhole);
    return listed.slice(0, unread < 0 ? undefined : unread).map((folder) => folder.told());
  }

  async #readFiles(files: readonly ResultFile[]): Promise<void> {
    const { texts } = await this.#host.look(this.#instanceRoot, {
      texts: files.map(({ path }) => path),
    });
    for (const [index, { folder, name }] of files.entries()) folder.add(name, texts[index]);
  }
}

const UNREADABLE =
  'Its promise results cannot be read: a link or another kind of file stands in the way, there ' +
  'are too many, or only root may.';
const LATE = 'Its promise results were not read in time: these are older.';

interface Due {
  readonly reference: string;
  readonly folderMs: number;
}

interface ResultFile {
  readonly folder: FolderResults;
  readonly name: string;
  /** Beneath the root of the instances. */
  readonly path: string;
}

/** What is told of one folder, as its files are read one after the other. */
class FolderResults {
  readonly names: readonly string[];
  readonly #promises: LastResult[] = [];
  readonly #problem: string;
  readonly #hasMessages: boolean;
  #room = MAX_MESSAGES;
  #addedCount = 0;
  #badCount = 0;

  constructor(seen: Seen<readonly string[]>, hasMessages: boolean) {
    const { names, problem } = selectResults(seen);
    this.names = names;
    this.#problem = problem;
    this.#hasMessages = hasMessages;
  }

  get isWhole(): boolean {
    return this.#addedCount === this.names.length;
  }

  /** Whether it cost something to have it whole. */
  get isFresh(): boolean {
    return this.isWhole && this.names.length > 0;
  }

  add(name: string, seen: Seen<SeenText>): void {
    this.#addedCount += 1;
    if (seen === undefined) return;
    const saved = seen === 'refused' ? undefined : parseToldResult(seen.text);
    if (seen === 'refused' || saved === undefined) {
      this.#badCount += 1;
      return;
    }
    this.#promises.push({
      title: name.slice(0, -SUFFIX.length),
      hasFailed: saved.hasFailed,
      message: this.#hasMessages ? this.#cut(saved.message) : '',
      atMs: parseMoment(saved.atMs ?? seen.modifiedMs),
      executionS: saved.executionS,
    });
  }

  #cut(message: string): string {
    const cut = this.#room > 0 ? message : message.slice(-MAX_MESSAGE_BEYOND);
    this.#room -= cut.length;
    return cut;
  }

  told(): PartitionPromises {
    const bad = this.#badCount === 0 ? '' : `${this.#badCount} of its promise results are none.`;
    const problem = [this.#problem, bad].filter((part) => part !== '').join(' ');
    return { promises: this.#promises, problem };
  }
}

function selectResults(seen: Seen<readonly string[]>): {
  readonly names: readonly string[];
  readonly problem: string;
} {
  if (seen === undefined) return { names: [], problem: '' };
  if (seen === 'refused') return { names: [], problem: UNREADABLE };
  const names = seen.filter((name) => name.endsWith(SUFFIX) && name.length > SUFFIX.length);
  const isCut = names.length > MAX_PROMISES;
  const problem = `It has ${names.length} promise results: only ${MAX_PROMISES} are told.`;
  return { names: names.slice(0, MAX_PROMISES), problem: isCut ? problem : '' };
}
