/**
 * Puts another file in the place of an SQLite database that all may read. Who may read may hold
 * read locks (fcntl_locking(2)), and while anybody does, nothing is written in place.
 *
 * The ladder; each rung leaves a state that {@link tidyDatabaseCopies} ends or undoes:
 * 1. A read lock of ours on the whole file keeps every writer away (https://sqlite.org/lockingv3.html:
 *    RESERVED and above are write locks) and lasts to the end. Other read locks do not hinder it.
 * 2. The file and its journal are copied to `.NAME.private` beside it, which nobody else can enter.
 *    Whoever opens the copy plays the journal back there, and writes.
 * 3. The copy goes to the disk and becomes `ready-INODE-TIME`, of the file that it replaces.
 * 4. That file gets the name `replaced-INODE` too, and loses its journal, which must never meet
 *    another file.
 * 5. `ready-…` takes the name of the database.
 *
 * `replaced-…` is cut to nothing a minute later: until then its readers can end what they do, and
 * nobody fills the disk by holding on to files without a name.
 *
 * Only one process may do this at a time: two read locks do not exclude each other. The lock of the
 * run, `.collect.lock`, sees to that; after rung 1 only we give that name to another file.
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

export interface DatabaseCopies {
  /** As {@link copyDatabase}. */
  copyDatabase(path: string): Promise<DatabaseCopy | undefined>;
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
    copyDatabase: (path) => copyDatabase(path),
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
 * or when the file was exchanged at that moment.
 * @throws Error of the system
 */
export async function copyDatabase(
  name: string,
  addon: LockAddon = loadNative(),
): Promise<DatabaseCopy | undefined> {
  const path = await realpath(name);
  const locked = keepWritersAway(path, addon);
  if (locked === undefined) return undefined;
  try {
    const copy = await makeCopy(path);
    return {
      path: copy,
      publish: () => publish(path, copy, locked.status).finally(locked.release),
    };
  } catch (error) {
    locked.release();
    throw error;
  }
}

interface LockedFile {
  /** Of the file that is locked, which has the name. */
  readonly status: BigIntStats;
  release(): void;
}

/** Rung 1; undefined while a writer is at work, or when another file got the name meanwhile. */
function keepWritersAway(path: string, addon: LockAddon): LockedFile | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  let status: BigIntStats | undefined;
  try {
    if (addon.lockTry({ fd, isExclusive: false })) status = statusOfNamed(fd, path);
  } finally {
    if (status === undefined) closeSync(fd);
  }
  return status && { status, release: () => closeSync(fd) };
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

async function publish(path: string, copy: string, before: BigIntStats): Promise<void> {
  const ready = join(dirname(copy), readyName(before));
  await withFile(copy, 'r+', async (handle) => {
    await handle.chown(Number(before.uid), Number(before.gid));
    await handle.chmod(Number(before.mode) & 0o777);
    await handle.sync();
  });
  await rename(copy, ready);
  await syncFolder(dirname(ready));
  await exchange(path, ready, before);
}

/** Rungs 4 and 5, also after a crash between them. */
async function exchange(path: string, ready: string, before: BigIntStats): Promise<void> {
  const replaced = join(dirname(ready), `replaced-${before.ino}`);
  await link(path, replaced).catch((error) => ignore(error, 'EEXIST'));
  for (const suffix of COMPANIONS) await rm(path + suffix, { force: true });
  await syncFolder(dirname(path));
  await rename(ready, path);
  await syncFolder(dirname(path));
}

/**
 * Ends or undoes what a killed replacement left, and gives back the space of files that were
 * replaced more than a minute ago.
 * @throws Error of the system
 */
export async function tidyDatabaseCopies(
  name: string,
  nowMs: number,
  addon: LockAddon = loadNative(),
): Promise<void> {
  const path = await realpath(name).catch((error) => ignore(error, 'ENOENT'));
  if (path === undefined) return;
  const folder = privateFolder(path);
  const names = await readdir(folder).catch((error) => ignore(error, 'ENOENT'));
  if (names === undefined) return;
  for (const entry of names) {
    const file = join(folder, entry);
    if (entry.startsWith('ready-')) await endReady(file, path, addon);
    else if (entry.startsWith('replaced-')) await endReplaced(file, path, nowMs);
    else await rm(file, { force: true });
  }
  await rmdir(folder).catch((error) => ignore(error, 'ENOTEMPTY'));
}

/** A copy that was complete takes the place of the file it was made of, unless that changed. */
async function endReady(ready: string, path: string, addon: LockAddon): Promise<void> {
  const current = keepWritersAway(path, addon);
  if (current === undefined) return;
  try {
    if (basename(ready) === readyName(current.status)) await exchange(path, ready, current.status);
    else await rm(ready);
  } finally {
    current.release();
  }
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
 * Whether a journal beside a database has to be played back, unless its writer is still at work.
 * One that begins with a zero was never synced, or has had its end: as SQLite has it
 * (hasHotJournal of its pager.c).
 */
export async function hasJournal(name: string): Promise<boolean> {
  const journal = `${await realpath(name)}-journal`;
  const first = Buffer.alloc(1);
  await withFile(journal, constants.O_RDONLY | constants.O_NOFOLLOW, async (handle) => {
    await handle.read(first, 0, 1, 0);
  }).catch((error) => ignore(error, 'ENOENT'));
  return first[0] !== 0;
}

/** Says that the copy is of that file as it was; whoever writes to it changes the time. */
function readyName({ ino, mtimeNs }: BigIntStats): string {
  return `ready-${ino}-${mtimeNs}`;
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
