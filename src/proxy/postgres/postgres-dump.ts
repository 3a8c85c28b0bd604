/** The content of a PostgreSQL store as the SQL text of slapproxy's tables. */
import { join } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import {
  PROXY_TABLES,
  type ProxyTable,
  renderIndexes,
  renderSchema,
  type SchemaVersion,
  tableName,
} from '../schema.ts';
import { writeSqlDump } from '../sql-dump.ts';
import type { RunStatement } from './postgres-schema.ts';
import type { Statements } from './postgres-tables.ts';

/**
 * Writes a new file that only this user may read, of the same text as a dump of the SQLite store, so
 * that the same tools read it.
 * @returns the path
 */
export async function dumpPostgres(
  run: RunStatement,
  { names }: Statements,
  slapVersion: SchemaVersion,
  folder: string,
): Promise<string> {
  const database = new Sqlite(':memory:');
  try {
    database.exec(renderSchema('', slapVersion) + renderIndexes(slapVersion));
    for (const table of PROXY_TABLES) {
      await copyTable(run, names[table], database, table, slapVersion);
    }
    return writeSqlDump(database, join(folder, 'slapproxy-backup-'));
  } finally {
    database.close();
  }
}

async function copyTable(
  run: RunStatement,
  source: string,
  database: Database,
  table: ProxyTable,
  slapVersion: SchemaVersion,
): Promise<void> {
  const target = tableName(table, slapVersion);
  const info = database.pragma(`table_info(${target})`) as Array<{ readonly name: string }>;
  const columns = info.map(({ name }) => `"${name}"`).join(', ');
  const hasOrder = table !== 'config' && table !== 'forwarded_partition_request';
  const order = hasOrder ? 'ORDER BY id' : '';
  const rows = await run(`SELECT ${columns} FROM ${source} ${order}`);
  const marks = info.map(() => '?').join(', ');
  const insert = database.prepare(`INSERT INTO ${target} (${columns}) VALUES (${marks})`);
  for (const row of rows) insert.run(...info.map(({ name }) => row[name]));
}
