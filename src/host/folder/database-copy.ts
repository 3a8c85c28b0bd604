/**
 * Puts another file in the place of an SQLite database that all may read. Who may read may hold
 * read locks (fcntl_locking(2)), and while anybody does, nothing is written in place.
 *
 * The name leads at each moment to a file that is whole together with what SQLite keeps beside it,
 * so a replacement may be killed anywhere, and others may write then. The ladder:
 * 1. A read lock of ours on the whole file keeps every writer away (https://sqlite.org/lockingv3.html:
 *    RESERVED and above are write locks) and lasts to the end. Other read locks do not hinder it.
 * 2. The file and its journal are copied to `.NAME.private` beside it, which nobody else can enter.
 * 3. What a killed writer left in the journal is played back there, and nothing else is written:
 *    this copy takes the place of the file (rungs 5 and 6) before rung 2 begins again.
 * 4. Whoever opens the copy writes.
 * 5. The copy goes to the disk, with a read lock of ours as in rung 1.
 * 6. The file gets the name `replaced-INODE` too, and the copy takes its name. The journal stands
 *    beside the copy then. That of rung 3 is what the journal makes of the file, and playing it
 *    back once more changes nothing; with any other there is none to play back. It is removed.
 *
 * `replaced-…` is cut to nothing a minute later: until then its readers can end what they do, and
 * nobody fills the disk by holding on to files without a name. {@link tidyDatabaseCopies} removes
 * what else a killed replacement left.
 *
 * Only one process may do this at a time: two read locks do not exclude each other. The lock of the
 * run, `.collect.lock`, sees to that; after rung 1 only we give that name to another file. A write-ahead
 * log is played back as a journal is, but who still writes to it is not kept away (its locks are on
 * `-shm`): neither program makes one.
 */
import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';
import {
  chmod,
  copyFile,
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  truncate,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCode } from '../../errors/slapos-error.ts';
import { loadNative, type NativeAddon } from '../native.ts';

type LockAddon = Pick<NativeAddon, 'lockTry'>;

export interface DatabaseCopy {
  /** Where nobody else can open it. */
  readonly path: string;
  /** Puts the copy in the place of the database; nobody may have it open. To be called once. */
  publish(): Promise<void>;
}

/** Lets SQLite play back the journal beside a file; it may write nothing else, nor leave it open. */
export type PlayBack = (path: string) => Promise<void>;

export interface DatabaseCopies {
  /** As {@link copyDatabase}. */
  copyDatabase(path: string, playBack: PlayBack): Promise<DatabaseCopy | undefined>;
  /** As {@link tidyDatabaseCopies}, now. */
  tidyDatabaseCopies(path: string): Promise<void>;
  /** As {@link hasJournal}. */
  hasJournal(path: string): Promise<boolean>;
  /** As {@link listReadLockers}. */
  listReadLockers(path: string): Promise<readonly number[]>;
}

/** All of this on this machine. */
export function databaseCopies(): DatabaseCopies {
  return {
    copyDatabase: (path, playBack) => copyDatabase(path, playBack),
    tidyDatabaseCopies: (path) => tidyDatabaseCopies(path, Date.now()),
    hasJournal,
    listReadLockers,
  };
}

/** What SQLite keeps beside a database and needs to read it; `-shm` is made again from `-wal`. */
const COPIED = ['-journal', '-wal'];
const COMPANIONS = [...COPIED, '-shm'];
const PRIVATE_MODE = 0o700;
/** Longer than a reader takes. */
const REPLACED_KEPT_MS = 60_000;

/**
 * A copy of a database while no writer is at work on it and none can begin; undefined while one is,
 * or when the file was exchanged at that moment. The file is whole then without its journal.
 * @throws Error of the system, or of `playBack`
 */
export async function copyDatabase(
  name: string,
  playBack: PlayBack,
  addon: LockAddon = loadNative(),
): Promise<DatabaseCopy | undefined> {
  const path = await realpath(name);
  const found = keepWritersAway(path, addon);
  if (found === undefined) return undefined;
  const { copy, locked } = await copyWhole(path, found, playBack, addon);
  return {
    path: copy,
    publish: async () => (await replace(path, copy, locked, addon)).release(),
  };
}

/** Rungs 2 and 3; the lock is that of the file which has the name then. */
async function copyWhole(
  path: string,
  found: LockedFile,
  playBack: PlayBack,
  addon: LockAddon,
): Promise<{ readonly copy: string; readonly locked: LockedFile }> {
  let locked = found;
  try {
    let copy = await makeCopy(path);
    if (await hasJournal(copy)) {
      await playBack(copy);
      locked = await replace(path, copy, locked, addon);
      copy = await makeCopy(path);
    }
    return { copy, locked };
  } catch (error) {
    locked.release();
    throw error;
  }
}

interface LockedFile {
  /** Of the file that is locked, which has the name. */
  readonly status: BigIntStats;
  /** Any number of times. */
  release(): void;
}

/** Undefined while a writer is at work, or when another file got the name meanwhile. */
function keepWritersAway(path: string, addon: LockAddon): LockedFile | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  let status: BigIntStats | undefined;
  try {
    if (addon.lockTry({ fd, isExclusive: false })) status = statusOfNamed(fd, path);
  } finally {
    if (status === undefined) closeSync(fd);
  }
  return status && { status, release: closeOnce(fd) };
}

function closeOnce(fd: number): () => void {
  let isOpen = true;
  return () => {
    if (isOpen) closeSync(fd);
    isOpen = false;
  };
}

function statusOfNamed(fd: number, path: string): BigIntStats | undefined {
  const opened = fstatSync(fd, { bigint: true });
  const named = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return opened.ino === named?.ino && opened.dev === named.dev ? opened : undefined;
}

async function makeCopy(path: string): Promise<string> {
  const folder = privateFolder(path);
  await mkdir(folder, { mode: PRIVATE_MODE }).catch((error) => ignore(error, 'EEXIST'));
  await chmod(folder, PRIVATE_MODE);
  const copy = join(folder, basename(path));
  await removeCopy(copy);
  try {
    await copyFile(path, copy, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    for (const suffix of COPIED) {
      await copyFile(path + suffix, copy + suffix).catch((error) => ignore(error, 'ENOENT'));
    }
  } catch (error) {
    await removeCopy(copy);
    throw error;
  }
  return copy;
}

/**
 * Rungs 5 and 6. Gives back the lock of the file that had the name, in any case, and resolves to the
 * lock of the one that has it now.
 */
async function replace(
  path: string,
  copy: string,
  before: LockedFile,
  addon: LockAddon,
): Promise<LockedFile> {
  try {
    await finishCopy(copy, before.status);
    const locked = keepWritersAway(copy, addon);
    if (locked === undefined) throw new Error(`${copy} is in use.`);
    await exchange(path, copy, before.status.ino).catch((error) => {
      locked.release();
      throw error;
    });
    return locked;
  } finally {
    before.release();
  }
}

async function finishCopy(copy: string, { uid, gid, mode }: BigIntStats): Promise<void> {
  if (await hasJournal(copy)) throw new Error(`${copy} is not whole without its journal.`);
  await withFile(copy, 'r+', async (handle) => {
    await handle.chown(Number(uid), Number(gid));
    await handle.chmod(Number(mode) & 0o777);
    await handle.sync();
  });
}

/** The copy has its name on the disk before the journal is removed there. */
async function exchange(path: string, copy: string, inode: bigint): Promise<void> {
  const replaced = join(dirname(copy), `replaced-${inode}`);
  await link(path, replaced).catch((error) => ignore(error, 'EEXIST'));
  await rename(copy, path);
  await syncFolder(dirname(path));
  for (const suffix of COMPANIONS) await rm(path + suffix, { force: true });
  await syncFolder(dirname(path));
}

/**
 * Removes what a killed replacement left, and gives back the space of files that were replaced more
 * than a minute ago.
 * @throws Error of the system
 */
export async function tidyDatabaseCopies(name: string, nowMs: number): Promise<void> {
  const path = await realpath(name).catch((error) => ignore(error, 'ENOENT'));
  if (path === undefined) return;
  const folder = privateFolder(path);
  const names = await readdir(folder).catch((error) => ignore(error, 'ENOENT'));
  if (names === undefined) return;
  for (const entry of names) {
    const file = join(folder, entry);
    if (entry.startsWith('replaced-')) await endReplaced(file, path, nowMs);
    else await rm(file, { force: true });
  }
  await rmdir(folder).catch((error) => ignore(error, 'ENOTEMPTY'));
}

async function endReplaced(entry: string, path: string, nowMs: number): Promise<void> {
  const [status, current] = [await lstat(entry), await lstat(path)];
  const isStillUsed = status.ino === current.ino && status.dev === current.dev;
  // A time that lies ahead is of a clock that was set back since.
  if (!isStillUsed && Math.abs(nowMs - status.ctimeMs) < REPLACED_KEPT_MS) return;
  if (!isStillUsed) await truncate(entry);
  await rm(entry);
}

/**
 * Whether what stands beside a database has to be played back, unless its writer is still at work.
 * A journal that begins with a zero was never synced, or has had its end: as SQLite has it
 * (hasHotJournal of its pager.c).
 */
export async function hasJournal(name: string): Promise<boolean> {
  const path = await realpath(name);
  const firsts = await Promise.all(COPIED.map((suffix) => readFirst(path + suffix)));
  return firsts.some((first) => first !== 0);
}

async function readFirst(path: string): Promise<number | undefined> {
  const first = Buffer.alloc(1);
  await withFile(path, constants.O_RDONLY | constants.O_NOFOLLOW, async (handle) => {
    await handle.read(first, 0, 1, 0);
  }).catch((error) => ignore(error, 'ENOENT'));
  return first[0];
}

/** Processes that hold read locks on a file (proc_locks(5)), as far as the kernel names them. */
export async function listReadLockers(path: string): Promise<readonly number[]> {
  const { ino } = await stat(path);
  const pattern = new RegExp(`READ +(\\d+) [0-9a-f]+:[0-9a-f]+:${ino} `, 'g');
  const pids = [...(await readFile('/proc/locks', 'utf8')).matchAll(pattern)];
  return [...new Set(pids.map(([, pid]) => Number(pid)))].filter((pid) => pid > 0);
}

function privateFolder(path: string): string {
  return join(dirname(path), `.${basename(path)}.private`);
}

async function removeCopy(copy: string): Promise<void> {
  for (const suffix of ['', ...COMPANIONS]) await rm(copy + suffix, { force: true });
}

function syncFolder(path: string): Promise<void> {
  return withFile(path, 'r', (handle) => handle.sync());
}

async function withFile(
  path: string,
  flags: string | number,
  work: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const handle = await open(path, flags);
  try {
    await work(handle);
  } finally {
    await handle.close();
  }
}

function ignore(error: unknown, expected: string): undefined {
  if (errorCode(error) !== expected) throw error;
  return undefined;
}
