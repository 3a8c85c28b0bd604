/**
 * The store that tests of the proxy run on: SQLite, or with `SLAPOS_TEST_STORE=postgres` a schema of
 * its own in the database at `SLAPOS_TEST_POSTGRES`, which the lane `postgres` starts a server for.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { Client } from 'pg';
import { silentLogger } from '../../src/log/logger.ts';
import { PROXY_TABLES } from '../../src/proxy/schema.ts';
import { renderSqlDump } from '../../src/proxy/sql-dump.ts';
import { openStore } from '../../src/proxy/store-open.ts';

export const isOnPostgres = process.env['SLAPOS_TEST_STORE'] === 'postgres';

/** Emptied places: to make tables takes longer than most tests. */
const retired: string[] = [];

/** A place for a new store: the value of `database_uri`. */
export function placeStore(folder: string): string {
  if (!isOnPostgres) return join(folder, 'proxy.db');
  const base = process.env['SLAPOS_TEST_POSTGRES'] ?? '';
  return retired.pop() ?? `${base}?schema=t_${randomBytes(8).toString('hex')}`;
}

/** Empties the store of a test that has closed it, for the next one. */
export async function retireStore(database: string): Promise<void> {
  if (!isOnPostgres) return;
  const schema = database.split('?schema=')[1];
  const client = await connectOnce();
  await client.query(PROXY_TABLES.map((table) => `DELETE FROM ${schema}.${table};`).join(' '));
  retired.push(database);
}

let connection: Promise<Client> | undefined;

/** One connection of this process, which it does not wait for at its end. */
function connectOnce(): Promise<Client> {
  connection ??= (async () => {
    const client = new Client({ connectionString: process.env['SLAPOS_TEST_POSTGRES'] });
    client.on('error', () => undefined);
    await client.connect();
    // The types miss it.
    (client as unknown as { unref(): void }).unref();
    return client;
  })();
  return connection;
}

/** Opens the store of a folder of the test, which what is kept beside it is written to. */
export async function openTestStore(folder: string) {
  const database = placeStore(folder);
  return { database, store: await openStore(database, 'COMP-1', silentLogger, folder) };
}

export interface ContentReader {
  /** Everything that is stored, in order. */
  content(): Promise<string>;
  close(): Promise<void>;
}

/** Reads a store beside the proxy that uses it. */
export async function openContentReader(database: string): Promise<ContentReader> {
  if (isOnPostgres) return openPostgresReader(database);
  const reader = new Sqlite(database, { readonly: true });
  return {
    content: async () => renderSqlDump(reader),
    close: async () => void reader.close(),
  };
}

async function openPostgresReader(database: string): Promise<ContentReader> {
  const schema = database.split('?schema=')[1] ?? '';
  const client = await connectOnce();
  return {
    content: async () => {
      const { rows } = await client.query<{ table: string }>(
        'SELECT table_name AS table FROM information_schema.tables WHERE table_schema = $1 ORDER BY 1',
        [schema],
      );
      const texts: string[] = [];
      for (const { table } of rows) {
        const query = `SELECT to_jsonb(t) AS row FROM ${schema}.${table} t ORDER BY to_jsonb(t)->'id', t`;
        const found = await client.query<{ row: Record<string, unknown> }>(query);
        texts.push(...found.rows.map(({ row: { id, ...rest } }) => table + JSON.stringify(rest)));
      }
      return texts.join('\n');
    },
    close: async () => undefined,
  };
}
