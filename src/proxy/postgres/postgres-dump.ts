/** The content of a PostgreSQL store as the SQL text of slapproxy's tables. */
import { join } from 'node:path';
import Sqlite, { type Database } from 'better-sqlite3';
import { errorCode, HostError, SlaposError } from '../../errors/slapos-error.ts';
import { makePrivateFolder } from '../../host/folder/private-folder.ts';
import { STATE_HINT } from '../database-uri.ts';
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
 * @param folder made when it is missing; undefined: there is none
 * @returns the path
 * @throws SlaposError SLAPOS_ERR_FILE when it cannot be written
 */
export async function dumpPostgres(
  run: RunStatement,
  { names }: Statements,
  slapVersion: SchemaVersion,
  folder: string | undefined,
): Promise<string> {
  if (folder === undefined) {
    const message = 'There is no folder for a dump of the database.';
    throw new SlaposError('SLAPOS_ERR_FILE', message, { hint: STATE_HINT });
  }
  makePrivateFolder(folder, STATE_HINT);
  const database = new Sqlite(':memory:');
  try {
    database.exec(renderSchema('', slapVersion) + renderIndexes(slapVersion));
    for (const table of PROXY_TABLES) {
      await copyTable(run, names[table], database, table, slapVersion);
    }
    return writeDump(database, folder);
  } finally {
    database.close();
  }
}

function writeDump(database: Database, folder: string): string {
  try {
    return writeSqlDump(database, join(folder, 'slapproxy-backup-'));
  } catch (cause) {
    const { errno, syscall = '' } = cause as NodeJS.ErrnoException;
    if (errno === undefined) throw cause;
    throw new HostError(
      'SLAPOS_ERR_FILE',
      `Cannot write a dump of the database in ${folder}: ${errorCode(cause)}.`,
      { errno: Math.abs(errno), syscall },
      { cause, hint: STATE_HINT, context: { path: folder } },
    );
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
