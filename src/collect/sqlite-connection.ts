/**
 * The connection to `collector.db` through better-sqlite3, which is loaded only here.
 *
 * Invariants: rollback journal, never WAL (readers are other users, who may not write beside the
 * file); no lock is held across an `await`; one piece of work at a time; the JavaScript thread
 * stands still for {@link BUSY_TIMEOUT_MS} at most, since the daemon samples on it.
 *
 * All users may read the file, and who reads may hold read locks for ever. After
 * three seconds the work is done on a copy that nobody else can open, and
 * {@link SqliteConnection.settle} puts that in the place of the file (`host/folder/database-copy.ts`).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type Database from 'better-sqlite3';
import type { DatabaseCopies, DatabaseCopy } from '../host/folder/database-copy.ts';
import { openSqliteFile } from '../host/folder/sqlite-file.ts';
import type { Logger } from '../log/logger.ts';
import { renderSchema } from './schema.ts';

export interface ConnectionOutside extends DatabaseCopies {
  readonly log: Logger;
  readonly patience?: Patience;
}

/** How long to try in place. */
export interface Patience {
  /** While others read: after that the file is replaced. */
  readonly readersMs: number;
  /** While another program writes, such as upstream's, which nothing can replace. */
  readonly writersMs: number;
}

/** Prepares each text once: that takes longer than to run it for one partition. */
export type Statements = Pick<Database.Database, 'prepare'>;
export type DatabaseWork<Result> = (database: Database.Database, statements: Statements) => Result;

const BUSY_TIMEOUT_MS = 20;
const PAUSE_MS = 100;
const PATIENCE = { readersMs: 3_000, writersMs: 30_000 };

interface Opened {
  readonly database: Database.Database;
  readonly statements: Statements;
}

export class SqliteConnection {
  readonly #path: string;
  readonly #outside: ConnectionOutside;
  #opened: Opened | undefined;
  /** What stands for the file until it is settled. */
  #copy: DatabaseCopy | undefined;
  /** When that was made, by the monotonic clock. */
  #copiedMs = 0;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(path: string, outside: ConnectionOutside) {
    this.#path = path;
    this.#outside = outside;
  }

  /**
   * Runs work that may be run again: it throws, with nothing changed, while the file is locked.
   * @throws Error of SQLite or of the system
   */
  use<Result>(work: DatabaseWork<Result>): Promise<Result> {
    return this.#inTurn(() => this.#retry(work));
  }

  /**
   * Gives the file to others as it is after the work so far.
   * @param leastAgeMs not yet while the copy that stands for it is younger
   * @throws Error of the system
   */
  settle(leastAgeMs = 0): Promise<void> {
    return this.#inTurn(async () => {
      if (performance.now() - this.#copiedMs >= leastAgeMs) await this.#publish();
    });
  }

  /** @throws Error of the system, when what was written could not be put in its place. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      this.#closeDatabase();
      await this.#publish();
    });
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  async #retry<Result>(work: DatabaseWork<Result>): Promise<Result> {
    const { readersMs, writersMs } = this.#outside.patience ?? PATIENCE;
    const startMs = performance.now();
    for (;;) {
      try {
        const { database, statements } = await this.#open();
        return work(database, statements);
      } catch (error) {
        if (!isBusy(error) || this.#copy !== undefined) throw error;
        const waitedMs = performance.now() - startMs;
        const isReplaced = waitedMs >= readersMs && (await this.#moveToCopy());
        if (!isReplaced && waitedMs >= writersMs) throw error;
        if (!isReplaced) await sleep(PAUSE_MS);
      }
    }
  }

  async #open(): Promise<Opened> {
    if (this.#opened !== undefined) return this.#opened;
    const { default: Sqlite } = await import('better-sqlite3');
    if (this.#copy === undefined) await this.#outside.tidyDatabaseCopies(this.#path);
    const path = this.#copy?.path ?? this.#path;
    const database = openSqliteFile(Sqlite, path, { timeout: BUSY_TIMEOUT_MS });
    try {
      prepareDatabase(database);
      // A lock on one byte makes the journal of a killed writer look like that of a living one,
      // and what is read without playing it back may be torn.
      if (await this.#outside.hasJournal(path)) throw busyError();
    } catch (error) {
      database.close();
      throw error;
    }
    this.#opened = { database, statements: rememberStatements(database) };
    return this.#opened;
  }

  /** Whether a copy stands for the file now; not while another writer is at work. */
  async #moveToCopy(): Promise<boolean> {
    // Closing any descriptor of a file gives back all locks of this process on it (fcntl(2)).
    this.#closeDatabase();
    const pids = await this.#outside.listReadLockers(this.#path).catch(() => []);
    this.#copy = await this.#outside.copyDatabase(this.#path, playBack);
    if (this.#copy === undefined) return false;
    this.#copiedMs = performance.now();
    const holder = pids.filter((pid) => pid !== process.pid).join(', ');
    this.#outside.log.warning(
      `${this.#path} is kept locked${holder === '' ? '' : ` by process ${holder}`}:` +
        ' what is to be written goes to a copy, which takes its place.',
      { event: 'collect.database_replaced', path: this.#path },
    );
    return true;
  }

  async #publish(): Promise<void> {
    const copy = this.#copy;
    if (copy === undefined) return;
    this.#closeDatabase();
    this.#copy = undefined;
    await copy.publish();
  }

  #closeDatabase(): void {
    const opened = this.#opened;
    this.#opened = undefined;
    opened?.database.close();
  }
}

/** Reading the header is enough for that; what is in a WAL is in the file when that is closed. */
async function playBack(path: string): Promise<void> {
  const { default: Sqlite } = await import('better-sqlite3');
  const database = new Sqlite(path);
  try {
    database.pragma('schema_version');
  } finally {
    database.close();
  }
}

/** Creates tables and indexes; takes a write lock only when one is missing. */
function prepareDatabase(database: Database.Database): void {
  database.pragma('journal_mode = DELETE');
  const known = new Set(database.prepare('SELECT name FROM sqlite_master').pluck().all());
  const missing = renderSchema().filter(({ name }) => !known.has(name));
  if (missing.length === 0) return;
  database.transaction(() => {
    for (const { statement } of missing) database.exec(statement);
  })();
}

function rememberStatements(database: Database.Database): Statements {
  const known = new Map<string, Database.Statement>();
  const prepare = (sql: string) => {
    const statement = known.get(sql) ?? database.prepare(sql);
    known.set(sql, statement);
    return statement;
  };
  return { prepare: prepare as Database.Database['prepare'] };
}

function isBusy(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && code.startsWith('SQLITE_BUSY');
}

function busyError(): Error {
  return Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY_RECOVERY' });
}
