/** The content of an SQLite database, read and written as a whole. */
import { setImmediate as turn } from 'node:timers/promises';
import Sqlite, { type Database } from 'better-sqlite3';
import {
  PROXY_TABLES,
  type ProxyTable,
  renderIndexes,
  renderSchema,
  type SchemaVersion,
  tableName,
} from '../schema.ts';
import {
  BATCH_ROWS,
  type Content,
  columnsOf,
  type Row,
  UNORDERED_TABLES,
  type Value,
} from './content.ts';

/** Told of a value that is neither a text, a number nor null. */
export type NoteMisfit = (table: ProxyTable, row: Row, column: string, what: string) => void;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class SqliteContent implements Content {
  readonly place: string;
  readonly version: SchemaVersion;
  /** Hears of what cannot be read. */
  note: NoteMisfit = () => undefined;
  readonly #database: Database;
  readonly #isUtf8: boolean;
  readonly #signal: AbortSignal | undefined;

  /**
   * @param database within a transaction, so that it stays as it is
   * @param signal ends the reading
   */
  constructor(database: Database, place: string, version: SchemaVersion, signal?: AbortSignal) {
    this.#database = database;
    this.place = place;
    this.version = version;
    this.#signal = signal;
    this.#isUtf8 = database.pragma('encoding', { simple: true }) === 'UTF-8';
  }

  async *readBatches(table: ProxyTable): AsyncGenerator<readonly Row[]> {
    const columns = columnsOf(table, this.version);
    const query = renderQuery(table, this.version, this.#isUtf8);
    let batch: Row[] = [];
    await this.#heedSignal();
    for (const raw of this.#database.prepare(query).raw().iterate()) {
      batch.push(this.#decode(table, columns, raw as unknown[]));
      if (batch.length < BATCH_ROWS) continue;
      yield batch;
      batch = [];
      await this.#heedSignal();
    }
    if (batch.length > 0) yield batch;
  }

  /** A signal comes when the event loop turns, which reading a file by itself does not let it. */
  async #heedSignal(): Promise<void> {
    await turn();
    this.#signal?.throwIfAborted();
  }

  /** Types come after the values. */
  #decode(table: ProxyTable, columns: readonly string[], raw: readonly unknown[]): Row {
    const problems: Array<readonly [string, string]> = [];
    const row = columns.map((column, index): Value => {
      const value = raw[index] as Value | Buffer;
      if (!Buffer.isBuffer(value)) return value;
      const isText = raw[columns.length + index] === 'text';
      const text = isText ? decodeText(value) : undefined;
      if (text === undefined) problems.push([column, isText ? 'is not UTF-8' : 'holds a blob']);
      return text ?? null;
    });
    for (const [column, what] of problems) this.note(table, row, column, what);
    return row;
  }
}

/** Texts as bytes: SQLite does not check them, and better-sqlite3 would replace what is wrong. */
function renderQuery(table: ProxyTable, version: SchemaVersion, isUtf8: boolean): string {
  const columns = columnsOf(table, version);
  const types = columns.map((column) => `typeof("${column}")`);
  const values = columns.map((column, index) => {
    if (!isUtf8) return `"${column}"`;
    return `CASE ${types[index]} WHEN 'text' THEN CAST("${column}" AS BLOB) ELSE "${column}" END`;
  });
  const order = UNORDERED_TABLES.has(table) ? columns.map((name) => `"${name}"`) : ['rowid'];
  return `SELECT ${[...values, ...types].join(', ')} FROM ${tableName(table, version)}
    ORDER BY ${order.join(', ')}`;
}

function decodeText(bytes: Buffer): string | undefined {
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * Fills a new file; others see nothing of it before the end.
 * @param defaultComputerId as of {@link renderSchema}
 */
export async function fillSqlite(
  path: string,
  content: Content,
  defaultComputerId: string,
): Promise<void> {
  const database = new Sqlite(path);
  try {
    const { version } = content;
    database.exec(`BEGIN; ${renderSchema(defaultComputerId, version)} ${renderIndexes(version)}`);
    for (const table of PROXY_TABLES) {
      const columns = columnsOf(table, version);
      const insert = database.prepare(
        `INSERT INTO ${tableName(table, version)} (${columns.join(', ')})
          VALUES (${columns.map(() => '?').join(', ')})`,
      );
      for await (const batch of content.readBatches(table)) {
        for (const row of batch) insert.run(...row);
      }
    }
    database.exec('COMMIT');
  } finally {
    database.close();
  }
}
