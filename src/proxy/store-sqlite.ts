/**
 * The store of the proxy in an SQLite file that upstream's tools read too (spec/proxy.md 3).
 *
 * Invariant: one connection, one transaction at a time, in the order in which they were asked for.
 * The journal is a write-ahead log while the proxy runs and a rollback journal after a clean stop,
 * because readers of other users could not create the files of the former.
 */
import { writeFileSync } from 'node:fs';
import Sqlite, { type Database } from 'better-sqlite3';
import { errorCode, errorMessage, isSlaposError, SlaposError } from '../errors/slapos-error.ts';
import { renderSchema, SCHEMA_VERSION } from './schema.ts';
import { renderSqlDump } from './sql-dump.ts';
import type { ProxyStore, ProxyTables } from './store.ts';
import { SqliteTables } from './store-tables.ts';

/** How long another process may hold the lock of the file. */
const BUSY_TIMEOUT_MS = 5000;

/**
 * Opens the database and creates what is missing.
 * @throws SlaposError SLAPOS_ERR_DATABASE when it cannot be opened or is of another version.
 */
export function openSqliteStore(path: string, defaultComputerId: string): ProxyStore {
  const database = guarded(path, () => new Sqlite(path, { timeout: BUSY_TIMEOUT_MS }));
  try {
    guarded(path, () => {
      checkVersion(database, path);
      database.pragma('journal_mode = WAL');
      database.pragma('synchronous = FULL');
      database.exec(`BEGIN IMMEDIATE; ${renderSchema(defaultComputerId)} COMMIT`);
    });
  } catch (error) {
    database.close();
    throw error;
  }
  return new SqliteStore(database, path);
}

/**
 * Opens an existing database of the current version for reading.
 * @throws SlaposError SLAPOS_ERR_DATABASE when it is missing, empty or of another version.
 */
export function openSqliteStoreReadOnly(path: string): ProxyStore {
  const database = guarded(path, () => {
    return new Sqlite(path, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  });
  try {
    const versions = guarded(path, () => checkVersion(database, path));
    if (versions.size === 0) throw problem(path, `no such table: computer${SCHEMA_VERSION}`);
  } catch (error) {
    database.close();
    throw error;
  }
  return new SqliteStore(database, path);
}

class SqliteStore implements ProxyStore {
  readonly #database: Database;
  readonly #path: string;
  readonly #tables: ProxyTables;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(database: Database, path: string) {
    this.#database = database;
    this.#path = path;
    this.#tables = new SqliteTables(database);
  }

  write<T>(work: (tables: ProxyTables) => Promise<T>): Promise<T> {
    return this.#queue(() => this.#transact('BEGIN IMMEDIATE', () => work(this.#tables)));
  }

  read<T>(work: (tables: ProxyTables, version: string) => Promise<T>): Promise<T> {
    return this.#queue(() => {
      return this.#transact('BEGIN', () => work(this.#tables, this.#version()));
    });
  }

  dump(): Promise<string> {
    return this.#queue(async () => {
      const path = `${this.#path}-backup-${new Date().toISOString()}.sql`;
      // The parameters in it may hold passwords.
      writeFileSync(path, renderSqlDump(this.#database), { flag: 'wx', mode: 0o600 });
      return path;
    });
  }

  close(): Promise<void> {
    return this.#queue(async () => {
      if (!this.#database.open) return;
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

  async #transact<T>(begin: string, work: () => Promise<T>): Promise<T> {
    try {
      this.#database.exec(begin);
      const result = await work();
      this.#database.exec('COMMIT');
      return result;
    } catch (cause) {
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK');
      throw errorCode(cause).startsWith('SQLITE_') ? problem(this.#path, cause) : cause;
    }
  }

  /** data_version counts the commits of other connections, total_changes() our own. */
  #version(): string {
    const others = this.#database.pragma('data_version', { simple: true });
    const own = this.#database.prepare('SELECT total_changes()').pluck().get();
    return `${others}.${own}`;
  }
}

/** @returns the versions found, which are none or ours. */
function checkVersion(database: Database, path: string): ReadonlySet<number> {
  const names = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").pluck();
  const found = new Set<number>();
  for (const name of names.all() as string[]) {
    const version = /^[a-z_]+?(\d+)$/.exec(name)?.[1];
    if (version !== undefined) found.add(Number(version));
  }
  for (const version of found) {
    if (version !== SCHEMA_VERSION) throw wrongVersion(path, version);
  }
  return found;
}

function wrongVersion(path: string, version: number): SlaposError {
  const isNewer = version > SCHEMA_VERSION;
  const message = `Database ${path} has schema version ${version}, ${isNewer ? 'newer' : 'older'} than ${SCHEMA_VERSION}, the one that this version works with.`;
  const hint = isNewer
    ? 'Use the program that wrote it, or start with another database_uri.'
    : 'Start slapproxy of slapos.core 1.24 on it once: it converts the file.';
  return new SlaposError('SLAPOS_ERR_DATABASE', message, { hint, context: { path, version } });
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
  return /directory does not exist/.test(message) ? 'unable to open database file' : message;
}
