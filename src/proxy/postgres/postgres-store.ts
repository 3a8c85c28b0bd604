/**
 * The store of the proxy on a PostgreSQL server, which several proxies may use at the same time.
 *
 * Invariants:
 * - A write is one SERIALIZABLE transaction: what several proxies do at the same time has the effect
 *   of some order one after another, so no partition is given twice (nor would the unique indexes
 *   let it). Work that was in the way of other work is undone and done again; from the fifth time on
 *   alone, so that it comes to an end.
 * - A write that succeeds was committed. When the connection breaks during the commit nobody knows:
 *   that is an error, and nothing is done again by itself. Who asks again does no harm, since an
 *   instance is known by its title and its tree, a slave by its reference, a report by its subject.
 * - Work is done again only when it was certainly undone: it may have no effect but on the tables.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { Pool, type PoolClient, type PoolConfig } from 'pg';
import { errorMessage, isSlaposError } from '../../errors/slapos-error.ts';
import type { Logger } from '../../log/logger.ts';
import type { SchemaVersion } from '../schema.ts';
import type { ProxyStore, ProxyTables } from '../store.ts';
import { renderLockKey } from './advisory-lock.ts';
import { connectionOptions } from './connection-options.ts';
import { listUndurable } from './durability.ts';
import { problemOf, StatementFailure, unknownOutcome } from './failures.ts';
import {
  noTables,
  preparePostgresSchema,
  quoteSchema,
  type RunStatement,
  readPostgresVersion,
} from './postgres-schema.ts';
import { PostgresTables, Statements } from './postgres-tables.ts';
import { isLocal, type PostgresTarget, parsePostgresUri } from './postgres-uri.ts';
import { Presence } from './presence.ts';
import { ADMITTED, Session } from './session.ts';
import { findSystemUser } from './system-user.ts';

const READ = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';
const PREPARE = 'BEGIN ISOLATION LEVEL READ COMMITTED';
/** Attempts at work that others are in the way of; the last ones go alone. */
const MAX_ATTEMPTS = 8;
const FIRST_LONELY_ATTEMPT = 5;
/** How long a lost server is waited for, from the first time on. */
const LOST_TIMEOUT_MS = 4000;
const MAX_PAUSE_MS = 500;

export interface PostgresStoreOptions {
  readonly log: Logger;
  /** Folder that {@link ProxyStore.dump} writes to. */
  readonly stateFolder: string | undefined;
  readonly isReadOnly?: boolean;
}

/**
 * Connects, and makes the tables unless they exist.
 * @throws SlaposError SLAPOS_ERR_DATABASE when the server is not reachable or refuses, or when the
 *   tables are of another version; or, when only reading, are not there.
 */
export async function openPostgresStore(
  databaseUri: string,
  { log, stateFolder, isReadOnly = false }: PostgresStoreOptions,
): Promise<ProxyStore> {
  const target = parsePostgresUri(databaseUri, findSystemUser);
  const database = new PostgresDatabase(target, await connectionOptions(target), log);
  let undurable: readonly string[] = [];
  try {
    const version = await database.transact(
      isReadOnly ? READ : `${PREPARE}; ${renderAdmission(target.schema)}`,
      async (run) => {
        const { place } = database;
        if (!isReadOnly) {
          undurable = await listUndurable(run);
          return preparePostgresSchema(run, target.schema, place);
        }
        const found = await readPostgresVersion(run, target.schema, place);
        if (found === null) throw noTables(target.schema, place);
        return found;
      },
    );
    if (!isReadOnly) await database.enter(target.schema);
    database.warnUndurable(undurable);
    return new PostgresStore(database, target.schema, version, stateFolder);
  } catch (error) {
    await database.close();
    throw error;
  }
}

class PostgresStore implements ProxyStore {
  readonly schemaVersion: SchemaVersion;
  readonly #database: PostgresDatabase;
  readonly #statements: Statements;
  readonly #schema: string;
  readonly #stateFolder: string | undefined;

  constructor(
    database: PostgresDatabase,
    schema: string,
    version: SchemaVersion,
    stateFolder: string | undefined,
  ) {
    this.schemaVersion = version;
    this.#database = database;
    this.#schema = schema;
    this.#statements = new Statements(schema, version);
    this.#stateFolder = stateFolder;
  }

  write<T>(work: (tables: ProxyTables) => Promise<T>): Promise<T> {
    const begin = (attempt: number) => renderWrite(this.#schema, attempt);
    return this.#database.transact(begin, (run) => work(this.#tables(run)));
  }

  read<T>(work: (tables: ProxyTables) => Promise<T>): Promise<T> {
    return this.#database.transact(READ, (run) => work(this.#tables(run)));
  }

  dump(): Promise<string> {
    return this.#database.transact(READ, async (run) => {
      const { dumpPostgres } = await import('./postgres-dump.ts');
      return dumpPostgres(run, this.#statements, this.schemaVersion, this.#stateFolder);
    });
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  #tables(run: RunStatement): ProxyTables {
    return new PostgresTables(run, this.#statements);
  }
}

/**
 * Writers hold a lock that they share, which one that was in the way too often takes for itself: it
 * gets it when those before it are done, and those after it wait. It is taken before the snapshot,
 * as a lock within a query would not be. The one that keeps moves away is not waited for: whoever
 * waited would go on with a snapshot of what was there before.
 */
function renderWrite(schema: string, attempt: number): string {
  const mode = attempt < FIRST_LONELY_ATTEMPT ? 'ROW SHARE' : 'EXCLUSIVE';
  return `BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE;
    LOCK TABLE ${quoteSchema(schema)}.schema_version IN ${mode} MODE;
    ${renderAdmission(schema)}`;
}

/** Shares the lock `use` until the end of the transaction. */
function renderAdmission(schema: string): string {
  return `SELECT pg_try_advisory_xact_lock_shared(${renderLockKey('use', schema)}) AS ${ADMITTED}`;
}

/** The pool of connections and the transactions on it. */
class PostgresDatabase {
  /** The server and database, for people. */
  readonly place: string;
  readonly #pool: Pool;
  readonly #options: PoolConfig;
  readonly #log: Logger;
  #presence: Presence | undefined;
  #isLost = false;
  #closing: Promise<void> | undefined;

  constructor(target: PostgresTarget, options: PoolConfig, log: Logger) {
    const { host, port, user, database } = target;
    this.place = `${database} of ${user} at ${host.includes(':') ? `[${host}]` : host}:${port}`;
    this.#log = log;
    this.#options = options;
    this.#pool = new Pool(options);
    // A connection that breaks while nobody uses it is replaced by the next use.
    this.#pool.on('error', () => undefined);
    // One that breaks under a statement fails that.
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
    if (!isLocal(host) && ['disable', 'require'].includes(target.sslMode)) this.#warnOpen(target);
  }

  #warnOpen({ host, sslMode }: PostgresTarget): void {
    const what = sslMode === 'disable' ? 'Nothing is encrypted' : 'Nobody proves to be the server';
    this.#log.warning(`${what} on the way to the database at ${host}: sslmode is ${sslMode}.`, {
      event: 'proxy.database_unverified',
      host,
    });
  }

  /**
   * Runs work in one transaction, again when it was undone for a reason that passes.
   * @param begin what opens the transaction, by the number of the attempt
   */
  async transact<T>(
    begin: string | ((attempt: number) => string),
    work: (run: RunStatement) => Promise<T>,
  ): Promise<T> {
    const start = performance.now();
    for (let attempt = 1; ; attempt++) {
      try {
        const opening = typeof begin === 'string' ? begin : begin(attempt);
        const result = await this.#attempt(opening, work);
        this.#noteFound();
        return result;
      } catch (error) {
        if (!(error instanceof StatementFailure)) throw error;
        if (!this.#mayRepeat(error, attempt, performance.now() - start)) {
          throw problemOf(error, this.place);
        }
        await delay(pauseMs(attempt));
      }
    }
  }

  #mayRepeat(failure: StatementFailure, attempt: number, elapsedMs: number): boolean {
    // What is there already when nobody else writes stays there.
    if (failure.sqlState === '23505') return attempt <= FIRST_LONELY_ATTEMPT;
    if (failure.kind === 'conflict') return attempt < MAX_ATTEMPTS;
    if (failure.kind !== 'lost') return false;
    this.#noteLost(failure);
    // A wrong password stays wrong.
    const isNetwork =
      failure.sqlState !== '' || !/^SASL|password|SSL|certificate/i.test(failure.message);
    return isNetwork && this.#closing === undefined && elapsedMs < LOST_TIMEOUT_MS;
  }

  async #attempt<T>(begin: string, work: (run: RunStatement) => Promise<T>): Promise<T> {
    const session = new Session(await this.#connect(), begin);
    let result: T;
    try {
      result = await work(session.run);
    } catch (error) {
      await session.undo();
      throw error;
    }
    if (begin === READ) session.leave();
    else await this.#commit(session);
    return result;
  }

  async #commit(session: Session): Promise<void> {
    try {
      await session.commit();
    } catch (error) {
      await session.undo();
      const isKnown = !(error instanceof StatementFailure) || error.isUndone;
      if (isKnown || !session.isCommitting) throw error;
      throw unknownOutcome(error, this.place);
    }
  }

  async #connect(): Promise<PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (cause) {
      throw isSlaposError(cause) ? cause : new StatementFailure(cause);
    }
  }

  #noteLost(failure: StatementFailure): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#log.warning(`The database ${this.place} is not reachable: ${errorMessage(failure)}`, {
      event: 'proxy.database_lost',
    });
  }

  #noteFound(): void {
    if (!this.#isLost) return;
    this.#isLost = false;
    this.#log.info(`The database ${this.place} is reachable again.`, {
      event: 'proxy.database_found',
    });
  }

  /** Who is told that a request was done trusts that it stays so. */
  warnUndurable(settings: readonly string[]): void {
    if (settings.length === 0) return;
    this.#log.warning(
      `The server of database ${this.place} has ${settings.join(' and ')} off: what was acknowledged may be lost when it breaks down.`,
      { event: 'proxy.database_undurable', settings },
    );
  }

  /** Keeps who would move the database away until {@link close}. */
  async enter(schema: string): Promise<void> {
    const { place } = this;
    try {
      const options = { connection: this.#options, schema, place, log: this.#log };
      this.#presence = await Presence.open(options);
    } catch (error) {
      throw error instanceof StatementFailure ? problemOf(error, place) : error;
    }
  }

  /** Waits for the work under way. */
  close(): Promise<void> {
    this.#closing ??= this.#pool.end().then(() => this.#presence?.close());
    return this.#closing;
  }
}

/** Longer and longer, and of another length for each of those that were in each other's way. */
function pauseMs(attempt: number): number {
  return Math.random() * Math.min(MAX_PAUSE_MS, 10 * 2 ** attempt);
}
