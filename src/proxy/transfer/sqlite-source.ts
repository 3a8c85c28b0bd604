/** An SQLite database, or a backup of one, to be read as it is at one moment. */
import { existsSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { BusyError, errorCode, errorMessage, SlaposError } from '../../errors/slapos-error.ts';
import type { Logger } from '../../log/logger.ts';
import { isSqliteFile, restoreStore, withCopy } from '../store-backup.ts';
import { isCurrent, readSchemaVersion } from '../store-version.ts';
import { SqliteContent } from './sqlite-content.ts';

export interface SourceOptions {
  /** Whether a proxy may go on with it: what it writes later is not copied. */
  readonly isShared: boolean;
  readonly defaultComputerId: string;
  readonly log: Logger;
  /** Ends the reading. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a file. One of an old version, or of SQL text, is converted in a copy of its own.
 * @throws SlaposError SLAPOS_ERR_DATABASE, or SLAPOS_ERR_BUSY while a proxy uses it.
 */
export async function withSqliteSource<T>(
  path: string,
  options: SourceOptions,
  work: (content: SqliteContent) => Promise<T>,
): Promise<T> {
  if (!existsSync(path)) throw problem(path, 'there is no such file');
  if (!isSqliteFile(path) || !isReadable(path)) return withConverted(path, options, work);
  if (!options.isShared) refuseUse(path);
  return readFile(path, path, options.signal, work);
}

/** Whether it is of a version that is worked with as it is. */
function isReadable(path: string): boolean {
  const database = openReadOnly(path);
  try {
    const version = readSchemaVersion(database, path);
    if (version === null) throw problem(path, 'it holds no tables of slapproxy');
    return isCurrent(version);
  } finally {
    database.close();
  }
}

function withConverted<T>(
  path: string,
  { defaultComputerId, log, signal }: SourceOptions,
  work: (content: SqliteContent) => Promise<T>,
): Promise<T> {
  return withCopy(path, async (copy) => {
    const converted = `${copy}-converted`;
    await restoreStore(converted, path, defaultComputerId, log, signal);
    return readFile(converted, path, signal, work);
  });
}

async function readFile<T>(
  path: string,
  place: string,
  signal: AbortSignal | undefined,
  work: (content: SqliteContent) => Promise<T>,
): Promise<T> {
  const database = openReadOnly(path);
  try {
    database.exec('BEGIN');
    const version = readSchemaVersion(database, place);
    if (version === null || !isCurrent(version)) throw problem(place, 'it changed meanwhile');
    return await work(new SqliteContent(database, place, version, signal));
  } catch (cause) {
    throw errorCode(cause).startsWith('SQLITE_') ? problem(place, errorMessage(cause)) : cause;
  } finally {
    database.close();
  }
}

function openReadOnly(path: string): Sqlite.Database {
  try {
    return new Sqlite(path, { readonly: true, fileMustExist: true });
  } catch (cause) {
    throw problem(path, errorMessage(cause));
  }
}

/** Only who is alone with the database can leave the write-ahead log. */
function refuseUse(path: string): void {
  const database = new Sqlite(path, { timeout: 0, fileMustExist: true });
  try {
    database.pragma('journal_mode = DELETE');
    database.exec('BEGIN EXCLUSIVE; COMMIT');
  } catch (cause) {
    if (errorCode(cause) !== 'SQLITE_BUSY') throw problem(path, errorMessage(cause));
    throw new BusyError('SLAPOS_ERR_BUSY', `Database ${path} is in use by a proxy.`, {
      cause,
      hint: 'Stop `slapos proxy start` first, or migrate a copy that `slapos proxy backup` makes; nothing was changed.',
      context: { path },
    });
  } finally {
    database.close();
  }
}

function problem(path: string, reason: string): SlaposError {
  return new SlaposError('SLAPOS_ERR_DATABASE', `Database ${path}: ${reason}.`, {
    hint: 'Name a database of slapproxy, or what `slapos proxy backup` wrote.',
    context: { path },
  });
}
