/**
 * The last results of the promises of many partitions (spec/promise.md 3). A partition owns these
 * files and may put anything there: no link is followed, and what is read is bounded in size, in
 * number and in time.
 */
import type { GridHost } from '../host/grid-host.ts';
import type { Seen, SeenTarget, SeenText } from '../host/look.ts';
import { parseToldResult } from '../promise/promise-result.ts';
import type { PromiseStatus } from './model.ts';
import { parseMoment } from './moment.ts';

export interface PartitionPromises {
  readonly promises: readonly PromiseStatus[];
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
const FILES_AT_ONCE = 200;
/** After so long others than those of the slice that is read wait for the next time. */
const MAX_READ_MS = 2000;
/** The clock of a file system may stand still for so long. */
const CLOCK_MS = 1000;
/** A result is replaced by renaming, which its folder shows; one written in place is seen then. */
const REREAD_MS = 30_000;
const NOTHING: PartitionPromises = { promises: [], problem: '' };

/** Reads the results of a partition again when its folder has changed. */
export class PromiseReader {
  readonly #host: Pick<GridHost, 'look'>;
  readonly #instanceRoot: string;
  readonly #nowMs: () => number;
  #known = new Map<string, Known>();
  #references: readonly string[] = [];
  /** Of {@link #references}. */
  #folders: readonly string[] = [];

  constructor(host: Pick<GridHost, 'look'>, instanceRoot: string, nowMs: () => number) {
    this.#host = host;
    this.#instanceRoot = instanceRoot;
    this.#nowMs = nowMs;
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
    for (let first = 0; first < due.length; first += PARTITIONS_AT_ONCE) {
      const some = due.slice(first, first + PARTITIONS_AT_ONCE);
      const isLate = first > 0 && this.#nowMs() - beganMs > MAX_READ_MS;
      for (const [reference, one] of await this.#readSome(some, isLate)) kept.set(reference, one);
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
    const isSame = known?.folderMs === seen.modifiedMs && nowMs - known.readAtMs < REREAD_MS;
    return isSame ? known : seen.modifiedMs;
  }

  async #readSome(
    some: ReadonlyArray<{ readonly reference: string; readonly folderMs: number }>,
    isLate: boolean,
  ): Promise<Array<readonly [string, Known]>> {
    if (isLate) {
      return some.map(({ reference }) => {
        const before = this.#known.get(reference);
        const facts = { folderMs: Number.NaN, readAtMs: before?.readAtMs ?? 0 };
        return [reference, { promises: before?.promises ?? [], problem: LATE, ...facts }] as const;
      });
    }
    const readAtMs = this.#nowMs();
    const found = await this.#readFolders(some.map(({ reference }) => reference));
    return some.map(({ folderMs, reference }, index) => {
      const isSettled = readAtMs - folderMs > CLOCK_MS;
      const facts = { folderMs: isSettled ? folderMs : Number.NaN, readAtMs };
      return [reference, { ...(found[index] ?? NOTHING), ...facts }] as const;
    });
  }

  /** In the order of the references. */
  async #readFolders(references: readonly string[]): Promise<readonly PartitionPromises[]> {
    const { folders } = await this.#host.look(this.#instanceRoot, {
      folders: references.map((reference) => `${reference}/${FOLDER}`),
      maxNames: MAX_NAMES,
    });
    const listed = folders.map((names) => selectResults(names));
    const paths = listed.flatMap(({ names }, index) =>
      names.map((name) => `${references[index]}/${FOLDER}/${name}`),
    );
    let at = 0;
    const texts = await this.#readTexts(paths);
    return listed.map(({ names, problem }) => {
      const own = texts.slice(at, at + names.length);
      at += names.length;
      return parseResults(names, own, problem);
    });
  }

  async #readTexts(paths: readonly string[]): Promise<ReadonlyArray<Seen<SeenText>>> {
    const texts: Array<Seen<SeenText>> = [];
    for (let first = 0; first < paths.length; first += FILES_AT_ONCE) {
      const some = paths.slice(first, first + FILES_AT_ONCE);
      texts.push(...(await this.#host.look(this.#instanceRoot, { texts: some })).texts);
    }
    return texts;
  }
}

const UNREADABLE =
  'Its promise results cannot be read: a link or another kind of file stands in the way, there ' +
  'are too many, or only root may.';
const LATE = 'Its promise results were not read in time: these are older.';

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

function parseResults(
  names: readonly string[],
  texts: ReadonlyArray<Seen<SeenText>>,
  problem: string,
): PartitionPromises {
  const promises: PromiseStatus[] = [];
  let badCount = 0;
  let room = MAX_MESSAGES;
  for (const [index, name] of names.entries()) {
    const seen = texts[index];
    if (seen === undefined) continue;
    const saved = seen === 'refused' ? undefined : parseToldResult(seen.text);
    if (seen === 'refused' || saved === undefined) {
      badCount += 1;
      continue;
    }
    const message = room > 0 ? saved.message : saved.message.slice(-MAX_MESSAGE_BEYOND);
    room -= message.length;
    const title = name.slice(0, -SUFFIX.length);
    promises.push({
      title,
      hasFailed: saved.hasFailed,
      message,
      atMs: parseMoment(saved.atMs ?? seen.modifiedMs),
      executionS: saved.executionS,
    });
  }
  const bad = badCount === 0 ? '' : `${badCount} of its promise results are none.`;
  return { promises, problem: [problem, bad].filter((part) => part !== '').join(' ') };
}
