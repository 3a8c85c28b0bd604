/** The content of a PostgreSQL database, read and written as a whole within one transaction. */
import { Client, type QueryResult } from 'pg';
import { BusyError, isSlaposError, SlaposError } from '../../errors/slapos-error.ts';
import { renderLockHolders, renderLockKey } from '../postgres/advisory-lock.ts';
import { connectionOptions, UNPIPELINED } from '../postgres/connection-options.ts';
import { problemOf, StatementFailure, unknownOutcome } from '../postgres/failures.ts';
import { dumpPostgres } from '../postgres/postgres-dump.ts';
import {
  noTables,
  preparePostgresSchema,
  quoteSchema,
  type RunStatement,
  readPostgresVersion,
} from '../postgres/postgres-schema.ts';
import { Statements } from '../postgres/postgres-tables.ts';
import { type PostgresTarget, parsePostgresUri } from '../postgres/postgres-uri.ts';
import { findSystemUser } from '../postgres/system-user.ts';
import { PROXY_TABLES, type ProxyTable, type SchemaVersion } from '../schema.ts';
import { BATCH_ROWS, type Content, columnsOf, type Row, UNORDERED_TABLES } from './content.ts';

const READ = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';
const WRITE = 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE';
/** What proxies do without tables being read from end to end, and within limits, is not for this. */
const SETTINGS = `SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = on;
  SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0`;

export interface TransferMode {
  readonly mode: 'read' | 'write';
  /** Whether no proxy may run meanwhile, nor another move. */
  readonly isAlone: boolean;
  /** Ends it, also while it waits for a lock, until the commit. */
  readonly signal?: AbortSignal | undefined;
}

/** One connection with one transaction, which is undone unless it is committed. */
export class PostgresTransfer {
  readonly place: string;
  readonly #client: Client;
  readonly #schema: string;
  readonly #signal: AbortSignal | undefined;
  readonly #end = () => void this.#client.end().catch(() => undefined);

  private constructor(
    client: Client,
    target: PostgresTarget,
    place: string,
    signal: AbortSignal | undefined,
  ) {
    this.#client = client;
    this.#schema = target.schema;
    this.place = place;
    this.#signal = signal;
    // With a statement under way that breaks the connection at once.
    signal?.addEventListener('abort', this.#end, { once: true });
  }

  /**
   * @throws SlaposError SLAPOS_ERR_DATABASE; SLAPOS_ERR_BUSY when it wants to be alone and a proxy
   *   uses the tables, or another move
   */
  static async begin(
    databaseUri: string,
    { mode, isAlone, signal }: TransferMode,
  ): Promise<PostgresTransfer> {
    const target = parsePostgresUri(databaseUri, findSystemUser);
    const { host, port, user, database, applicationName } = target;
    const place = `${database} of ${user} at ${host.includes(':') ? `[${host}]` : host}:${port}`;
    const client = new Client({
      ...(await connectionOptions(target)),
      application_name: `${applicationName} transfer`,
      query_timeout: 0,
      ...UNPIPELINED,
    });
    // A connection that breaks fails what is asked over it.
    client.on('error', () => undefined);
    const transfer = new PostgresTransfer(client, target, place, signal);
    try {
      await transfer.#guarded(() => client.connect());
      if (isAlone) await transfer.#takeAlone();
      await transfer.run(mode === 'read' ? READ : WRITE);
      await transfer.run(SETTINGS);
      return transfer;
    } catch (error) {
      await transfer.close();
      throw error;
    }
  }

  /** @throws SlaposError SLAPOS_ERR_DATABASE */
  readonly run: RunStatement = async (text, values) => {
    return (await this.#query(text, values)).rows;
  };

  /** Before the snapshot of a transaction, so that nothing is written behind that. */
  async #takeAlone(): Promise<void> {
    const [row] = await this.run(
      `SELECT pg_try_advisory_lock(${renderLockKey('use', this.#schema)}) AS is_alone`,
    );
    if (row?.['is_alone'] === true) return;
    const holders = await this.run(
      `SELECT DISTINCT pid FROM pg_locks WHERE ${renderLockHolders('use', this.#schema)} ORDER BY pid`,
    );
    const sessions = holders.map(({ pid }) => String(pid)).join(', ');
    const message = `Database ${this.place} is in use by a proxy or another move (sessions ${sessions}).`;
    throw new BusyError('SLAPOS_ERR_BUSY', message, {
      hint: 'Stop each `slapos proxy start` first; nothing was changed. pg_stat_activity of the server tells where sessions come from.',
      context: { database: this.place },
    });
  }

  /** What is there, null without tables. @throws SlaposError SLAPOS_ERR_DATABASE */
  async find(): Promise<PostgresContent | null> {
    const version = await readPostgresVersion(this.run, this.#schema, this.place);
    return version === null ? null : new PostgresContent(this.run, this, version, this.#schema);
  }

  /** @throws SlaposError SLAPOS_ERR_DATABASE without tables. */
  async expect(): Promise<PostgresContent> {
    const content = await this.find();
    if (content === null) throw noTables(this.#schema, this.place);
    return content;
  }

  /** Makes tables unless there are some. */
  async prepare(): Promise<PostgresContent> {
    await preparePostgresSchema(this.run, this.#schema, this.place);
    return this.expect();
  }

  /** Replaces everything. Numbers of rows begin at 1, and go on after the last one. */
  async replace(content: Content): Promise<PostgresContent> {
    const schema = quoteSchema(this.#schema);
    const names = PROXY_TABLES.map((table) => `${schema}.${table}`);
    // TRUNCATE would take the rows also from who reads an older state (PostgreSQL manual 13.6).
    for (const name of names) await this.run(`DELETE FROM ${name}`);
    await this.run(`UPDATE ${schema}.schema_version SET slapproxy = $1`, [content.version]);
    for (const table of PROXY_TABLES) {
      let count = 0;
      for await (const batch of content.readBatches(table)) {
        await this.#insert(table, content.version, batch, count);
        count += batch.length;
      }
      if (UNORDERED_TABLES.has(table)) continue;
      await this.run(`ALTER TABLE ${schema}.${table} ALTER COLUMN id RESTART WITH ${count + 1}`);
    }
    for (const name of names) await this.run(`ANALYZE ${name}`);
    return new PostgresContent(this.run, this, content.version, this.#schema);
  }

  /** Writes the content as SQL text of slapproxy, and returns the path. */
  async dump(folder: string): Promise<string> {
    const { version } = await this.expect();
    return dumpPostgres(this.run, new Statements(this.#schema, version), version, folder);
  }

  /** @throws SlaposError SLAPOS_ERR_DATABASE; when the connection breaks nobody knows. */
  async commit(): Promise<void> {
    this.#signal?.throwIfAborted();
    this.#signal?.removeEventListener('abort', this.#end);
    try {
      const { command } = await this.#client.query('COMMIT');
      if (command === 'COMMIT') return;
    } catch (cause) {
      const failure = new StatementFailure(cause);
      throw failure.isUndone ? this.#problem(failure) : unknownOutcome(failure, this.place);
    }
    throw new SlaposError('SLAPOS_ERR_DATABASE', `Database ${this.place}: it was not committed.`);
  }

  /** Undoes what was not committed. */
  async close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#end);
    await this.#client.end().catch(() => undefined);
  }

  async #insert(table: ProxyTable, version: SchemaVersion, rows: readonly Row[], before: number) {
    const columns = columnsOf(table, version);
    const hasId = !UNORDERED_TABLES.has(table);
    const types = columns.map((name) => (name === 'timestamp' ? 'float8' : 'text'));
    const arrays = types.map((type, index) => `$${index + 1}::${type}[]`);
    const names = columns.map((name) => `"${name}"`).join(', ');
    const [target, source] = hasId
      ? [`id, ${names}`, `position + ${before}, ${names}`]
      : [names, names];
    const text = `INSERT INTO ${quoteSchema(this.#schema)}.${table} (${target}) SELECT ${source}
      FROM unnest(${arrays.join(', ')}) WITH ORDINALITY AS given (${names}, position)`;
    await this.run(
      text,
      columns.map((_, index) => rows.map((row) => row[index] ?? null)),
    );
  }

  async #query(text: string, values?: readonly unknown[]): Promise<QueryResult> {
    return this.#guarded(() => {
      return values === undefined
        ? this.#client.query(text)
        : this.#client.query(text, [...values]);
    });
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    this.#signal?.throwIfAborted();
    try {
      return await work();
    } catch (cause) {
      this.#signal?.throwIfAborted();
      throw isSlaposError(cause) ? cause : this.#problem(new StatementFailure(cause));
    }
  }

  /** What a proxy answers its clients with is no answer for an operator. */
  #problem(failure: StatementFailure): SlaposError {
    const problem = problemOf(failure, this.place);
    if (isSlaposError(problem)) return problem;
    const message = `Database ${this.place}: ${failure.message}`;
    return new SlaposError('SLAPOS_ERR_DATABASE', message, { cause: failure.cause });
  }
}

export class PostgresContent implements Content {
  readonly place: string;
  readonly version: SchemaVersion;
  readonly #run: RunStatement;
  readonly #schema: string;

  constructor(
    run: RunStatement,
    { place }: { readonly place: string },
    version: SchemaVersion,
    schema: string,
  ) {
    this.#run = run;
    this.place = place;
    this.version = version;
    this.#schema = schema;
  }

  async *readBatches(table: ProxyTable): AsyncGenerator<readonly Row[]> {
    const columns = columnsOf(table, this.version);
    const names = columns.map((name) => `"${name}"`).join(', ');
    const order = UNORDERED_TABLES.has(table) ? names : 'id';
    await this.#run(
      `DECLARE rows_of_${table} CURSOR FOR
        SELECT ${names} FROM ${quoteSchema(this.#schema)}.${table} ORDER BY ${order}`,
    );
    for (;;) {
      const found = await this.#run(`FETCH ${BATCH_ROWS} FROM rows_of_${table}`);
      if (found.length > 0) yield found.map((row) => columns.map((name) => row[name])) as Row[];
      if (found.length < BATCH_ROWS) break;
    }
    await this.#run(`CLOSE rows_of_${table}`);
  }
}
