/**
 * Copies of the proxy's database: taken while the proxy runs, given back while it does not.
 *
 * Invariant: a backup is either whole or absent, and a restore is one transaction on the database,
 * so that a killed one leaves the former content.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import Sqlite, { type Database } from 'better-sqlite3';
import {
  BusyError,
  errorCode,
  errorMessage,
  isSlaposError,
  SlaposError,
} from '../errors/slapos-error.ts';
import type { Logger } from '../log/logger.ts';
import { tableName } from './schema.ts';
import { writeSqlDump } from './sql-dump.ts';
import { createPrivately, openSqliteStore } from './store-sqlite.ts';
import { isCurrent, readSchemaVersion } from './store-version.ts';

const DATABASE_HINT =
  'A damaged database can be moved away with its -wal and -shm; then restore again.';
const BACKUP_HINT =
  'Give what `slapos proxy backup` wrote, a database of slapproxy or its SQL text; nothing was changed.';
const SQLITE_HEADER = 'SQLite format 3\0';

export interface BackupFacts {
  readonly schemaVersion: number;
  readonly partitionCount: number;
}

/**
 * Writes a copy of the database, as it is at one moment, to a new file for its owner alone.
 * @throws SlaposError SLAPOS_ERR_DATABASE, or SLAPOS_ERR_FILE when the file exists or cannot be made.
 */
export async function backupStore(path: string, target: string): Promise<BackupFacts> {
  const source = openExisting(path);
  try {
    return await withCopy(target, async (copy) => {
      await guarded(path, () => source.backup(copy, { progress: () => 1_000 }));
      const facts = await guarded(path, async () => settle(copy, path));
      publish(copy, target);
      return facts;
    });
  } finally {
    source.close();
  }
}

/**
 * Replaces the content of the database by that of a backup: a file of `backupStore`, any database
 * of slapproxy, or SQL text as conversions leave it. An old one is converted.
 * @param signal ends it until the content is replaced
 * @returns what was restored, and the dump of the former content, undefined when there was none.
 * @throws SlaposError SLAPOS_ERR_BUSY while a proxy uses the database, SLAPOS_ERR_DATABASE.
 */
export function restoreStore(
  path: string,
  backup: string,
  defaultComputerId: string,
  log: Logger,
  signal?: AbortSignal,
): Promise<BackupFacts & { readonly former: string | undefined }> {
  return withCopy(path, async (copy) => {
    await guarded(backup, () => readBackup(backup, copy), BACKUP_HINT);
    await guarded(backup, async () => settle(copy, backup, BACKUP_HINT), BACKUP_HINT);
    await openSqliteStore(copy, defaultComputerId, log).close();
    const facts = await guarded(backup, async () => settle(copy, backup, BACKUP_HINT), BACKUP_HINT);
    const former = await guarded(path, async () => saveFormer(path));
    // A signal comes when the event loop turns.
    await turn();
    signal?.throwIfAborted();
    if (!existsSync(path)) createPrivately(path);
    await guarded(path, () => replace(copy, path));
    return { ...facts, former };
  });
}

/** Works on a file in a private folder beside another one, which goes with all that is in it. */
export async function withCopy<T>(path: string, work: (copy: string) => Promise<T>): Promise<T> {
  let folder: string;
  try {
    folder = mkdtempSync(`${path}.`);
  } catch (cause) {
    throw fileProblem(path, cause);
  }
  try {
    const copy = join(folder, 'copy.db');
    createPrivately(copy);
    return await work(copy);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function openExisting(path: string): Database {
  try {
    return new Sqlite(path, { readonly: true, fileMustExist: true });
  } catch (cause) {
    throw problem(path, cause);
  }
}

/** Checks a copy and makes it one plain file. */
function settle(copy: string, origin: string, hint = DATABASE_HINT): BackupFacts {
  const database = new Sqlite(copy, { fileMustExist: true });
  try {
    database.pragma('journal_mode = DELETE');
    const verdict = database.pragma('integrity_check', { simple: true });
    if (verdict !== 'ok') throw problem(origin, `it is damaged: ${verdict}`, hint);
    const version = readSchemaVersion(database, origin);
    if (version === null) throw problem(origin, 'it holds no tables of slapproxy', hint);
    const table = isCurrent(version) ? tableName('partition', version) : `partition${version}`;
    const count = database.prepare(`SELECT count(*) FROM ${table}`).pluck().get();
    return { schemaVersion: version, partitionCount: Number(count) };
  } finally {
    database.close();
  }
}

/** Gives the finished copy its name; never over another file. */
export function publish(temporary: string, target: string): void {
  try {
    sync(temporary);
    linkSync(temporary, target);
    sync(dirname(target));
  } catch (cause) {
    throw fileProblem(target, cause);
  }
}

function sync(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

async function readBackup(backup: string, temporary: string): Promise<void> {
  if (isSqliteFile(backup)) {
    const source = new Sqlite(backup, { readonly: true, fileMustExist: true });
    await source.backup(temporary).finally(() => source.close());
    return;
  }
  const database = new Sqlite(temporary);
  try {
    database.exec(readFileSync(backup, 'utf8'));
  } finally {
    database.close();
  }
}

export function isSqliteFile(path: string): boolean {
  const file = openSync(path, 'r');
  try {
    const head = Buffer.alloc(SQLITE_HEADER.length);
    readSync(file, head, 0, head.length, 0);
    return head.toString('latin1') === SQLITE_HEADER;
  } finally {
    closeSync(file);
  }
}

/** Only who is alone with the database can leave the write-ahead log. */
function saveFormer(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  const database = new Sqlite(path, { timeout: 0 });
  try {
    database.pragma('journal_mode = DELETE');
    database.exec('BEGIN EXCLUSIVE; COMMIT');
    const tables = database.prepare('SELECT count(*) FROM sqlite_master').pluck().get();
    return tables === 0 ? undefined : writeSqlDump(database, `${path}-backup-`);
  } catch (cause) {
    if (errorCode(cause) === 'SQLITE_BUSY') throw inUse(path, cause);
    throw cause;
  } finally {
    database.close();
  }
}

async function replace(source: string, path: string): Promise<void> {
  const database = new Sqlite(source, { readonly: true, fileMustExist: true });
  // All pages at once: the database stays locked until the last one.
  await database.backup(path, { progress: () => 0x7fffffff }).finally(() => database.close());
}

function inUse(path: string, cause: unknown): SlaposError {
  return new BusyError('SLAPOS_ERR_BUSY', `Database ${path} is in use by a proxy.`, {
    cause,
    hint: 'Stop `slapos proxy start` first; nothing was changed.',
    context: { path },
  });
}

async function guarded<T>(path: string, work: () => Promise<T>, hint = DATABASE_HINT): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isSlaposError(cause)) throw cause;
    if (!errorCode(cause).startsWith('SQLITE_')) throw fileProblem(path, cause);
    throw problem(path, cause, hint);
  }
}

function problem(path: string, cause: unknown, hint = DATABASE_HINT): SlaposError {
  const reason = typeof cause === 'string' ? cause : errorMessage(cause);
  return new SlaposError('SLAPOS_ERR_DATABASE', `Database ${path}: ${reason}`, {
    cause,
    hint,
    context: { path },
  });
}

function fileProblem(path: string, cause: unknown): SlaposError {
  return new SlaposError('SLAPOS_ERR_FILE', `${path}: ${errorMessage(cause)}`, {
    cause,
    hint: 'Choose another file, in a folder where this user may write.',
    context: { path },
  });
}
