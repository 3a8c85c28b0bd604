/**
 * The store of the proxy in an SQLite file that upstream's tools read too (spec/proxy.md 3).
 *
 * Invariant: one connection, one transaction at a time, in the order in which they were asked for.
 * The journal is a write-ahead log while the proxy runs and a rollback journal after a clean stop,
 * because readers of other users could not create the files of the former.
 */
import { closeSync, openSync } from 'node:fs';
import Sqlite, { type Database, type Statement } from 'better-sqlite3';
import { errorCode, errorMessage, isSlaposError, SlaposError } from '../errors/slapos-error.ts';
import { isFolderMissing, openSqliteFile } from '../host/folder/sqlite-file.ts';
import type { Logger } from '../log/logger.ts';
import { renderIndexes, renderSchema, SCHEMA_VERSION, type SchemaVersion } from './schema.ts';
import { writeSqlDump } from './sql-dump.ts';
import type { ProxyStore, ProxyTables } from './store.ts';
import { migrateStore } from './store-migration.ts';
import { SqliteTables } from './store-tables.ts';
import { isCurrent, readSchemaVersion } from './store-version.ts';
import { WalSync } from './wal-sync.ts';

/** How long another process may hold the lock of the file. */
const BUSY_TIMEOUT_MS = 5000;

/**
 * Opens the database, creates what is missing and converts an old one. A file of version 18 stays
 * one.
 * @throws SlaposError SLAPOS_ERR_DATABASE when it cannot be opened or is of an unknown version.
 */
export function openSqliteStore(path: string, defaultComputerId: string, log: Logger): ProxyStore {
  const refusal = createPrivately(path);
  const database = guarded(path, () => openDatabase(path, refusal));
  try {
    const version = guarded(path, () => prepareSchema(database, path, defaultComputerId, log));
    return new SqliteStore(database, path, version);
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * A new file is for its owner alone, since parameters may hold passwords; others keep their mode.
 * @returns why there is no new one: EEXIST mostly; empty when there is.
 */
export function createPrivately(path: string): string {
  try {
    closeSync(openSync(path, 'wx', 0o600));
    return '';
  } catch (error) {
    return errorCode(error);
  }
}

/** SQLite itself does not say why there is no file. */
function openDatabase(path: string, refusal: string): Database {
  try {
    return openSqliteFile(Sqlite, path, { timeout: BUSY_TIMEOUT_MS });
  } catch (cause) {
    if (['', 'EEXIST'].includes(refusal)) throw cause;
    throw problem(path, `${describe(cause)} (${refusal})`);
  }
}

function prepareSchema(
  database: Database,
  path: string,
  defaultComputerId: string,
  log: Logger,
): SchemaVersion {
  const found = readSchemaVersion(database, path);
  if (found !== null && !isCurrent(found)) {
    migrateStore(database, path, found, defaultComputerId, log);
  }
  const version = found !== null && isCurrent(found) ? found : SCHEMA_VERSION;
  database.pragma('journal_mode = WAL');
  // Every commit is written before it is answered, so a crash of ours loses nothing; WalSync sees
  // to it that a power cut loses no more than its delay.
  database.pragma('synchronous = NORMAL');
  const tables = version === SCHEMA_VERSION ? renderSchema(defaultComputerId) : '';
  database.exec(`BEGIN IMMEDIATE; ${tables} ${renderIndexes(version)} COMMIT`);
  return version;
}

/**
 * Opens an existing database for reading.
 * @throws SlaposError SLAPOS_ERR_DATABASE when it is missing, empty or of another version.
 */
export function openSqliteStoreReadOnly(path: string): ProxyStore {
  const database = guarded(path, () => {
    return new Sqlite(path, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  });
  try {
    const version = guarded(path, () => readSchemaVersion(database, path));
    if (version === null || !isCurrent(version)) throw notCurrent(path, version);
    return new SqliteStore(database, path, version);
  } catch (error) {
    database.close();
    throw error;
  }
}

function notCurrent(path: string, version: number | null): SlaposError {
  const found = version === null ? 'it is empty' : `its schema version is ${version}`;
  return new SlaposError(
    'SLAPOS_ERR_DATABASE',
    `Database ${path}: no such table: computer${SCHEMA_VERSION} (${found})`,
    {
      hint: 'Check database_uri; `slapos proxy start` creates a database and converts an old one.',
      context: { path, version },
    },
  );
}

class SqliteStore implements ProxyStore {
  readonly schemaVersion: SchemaVersion;
  readonly #database: Database;
  readonly #path: string;
  readonly #tables: SqliteTables;
  readonly #begin: Readonly<Record<'read' | 'write', Statement>>;
  readonly #commit: Statement;
  readonly #sync: WalSync;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(database: Database, path: string, version: SchemaVersion) {
    this.schemaVersion = version;
    this.#database = database;
    this.#path = path;
    this.#tables = new SqliteTables(database, version);
    this.#begin = { read: database.prepare('BEGIN'), write: database.prepare('BEGIN IMMEDIATE') };
    this.#commit = database.prepare('COMMIT');
    this.#sync = new WalSync(`${path}-wal`);
  }

  write<T>(work: (tables: ProxyTables) => Promise<T>): Promise<T> {
    return this.#queue(async () => {
      const result = await this.#transact('write', () => work(this.#tables));
      this.#sync.request();
      return result;
    });
  }

  read<T>(work: (tables: ProxyTables) => Promise<T>): Promise<T> {
    return this.#queue(() => this.#transact('read', () => work(this.#tables)));
  }

  dump(): Promise<string> {
    return this.#queue(() => {
      return this.#transact('read', async () => {
        return writeSqlDump(this.#database, `${this.#path}-backup-`);
      });
    });
  }

  close(): Promise<void> {
    return this.#queue(async () => {
      if (!this.#database.open) return;
      await this.#sync.close();
      // Fails while another process has the file open, which is then the one to do it.
      if (!this.#database.readonly) this.#tryLeaveWal();
      this.#database.close();
    });
  }

  #tryLeaveWal(): void {
    try {
      this.#database.pragma('journal_mode = DELETE');
    } catch (error) {
      if (!errorCode(error).startsWith('SQLITE_')) throw error;
    }
  }

  #queue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async #transact<T>(mode: 'read' | 'write', work: () => Promise<T>): Promise<T> {
    try {
      this.#begin[mode].run();
      const result = await work();
      this.#commit.run();
      return result;
    } catch (cause) {
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK');
      throw errorCode(cause).startsWith('SQLITE_') ? problem(this.#path, cause) : cause;
    }
  }
}

function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw isSlaposError(cause) ? cause : problem(path, cause);
  }
}

function problem(path: string, cause: unknown): SlaposError {
  const reason = typeof cause === 'string' ? cause : describe(cause);
  return new SlaposError('SLAPOS_ERR_DATABASE', `Database ${path}: ${reason}`, {
    cause,
    hint: 'Check database_uri, that its folder exists and that this user may write there.',
    context: { path, sqlite: errorCode(cause) },
  });
}

/** A missing folder is a TypeError of better-sqlite3, not an error of SQLite. */
function describe(cause: unknown): string {
  const message = errorMessage(cause);
  return isFolderMissing(cause) ? 'unable to open database file' : message;
}
