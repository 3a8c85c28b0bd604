/** An SQLite database as SQL text, as `sqlite3 FILE .dump` writes it. */
import { closeSync, fsyncSync, openSync, writeFileSync } from 'node:fs';
import type { Database } from 'better-sqlite3';

interface Master {
  readonly name: string;
  readonly sql: string;
}

/** Every table with its rows, and every index; reads only. */
export function renderSqlDump(database: Database): string {
  const query = `SELECT name, sql FROM sqlite_master
    WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND type = ? ORDER BY rowid`;
  const tables = database.prepare(query).all('table') as Master[];
  const indexes = database.prepare(query).all('index') as Master[];
  const parts = tables.flatMap(({ name, sql }) => [`${sql};`, ...renderRows(database, name)]);
  const indexLines = indexes.map(({ sql }) => `${sql};`);
  return ['BEGIN TRANSACTION;', ...parts, ...indexLines, 'COMMIT;', ''].join('\n');
}

/** quote() gives literals that read back as the same value. */
function renderRows(database: Database, table: string): string[] {
  const name = `"${table.replaceAll('"', '""')}"`;
  const columns = database.pragma(`table_info(${name})`) as Array<{ readonly name: string }>;
  const quoted = columns.map((column) => `quote("${column.name.replaceAll('"', '""')}")`);
  const rows = database
    .prepare(`SELECT ${quoted.join(', ')} FROM ${name}`)
    .raw()
    .all();
  return (rows as string[][]).map((row) => `INSERT INTO ${name} VALUES(${row.join(',')});`);
}

/**
 * Writes the dump to a new file that only this user may read: parameters may hold passwords.
 * @param prefix path up to the time, which the name ends with
 * @returns the path
 */
export function writeSqlDump(database: Database, prefix: string): string {
  const path = `${prefix}${localIsoTime()}.sql`;
  const file = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(file, renderSqlDump(database));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return path;
}

/** Local time with microseconds, as Python's isoformat() gives it. */
function localIsoTime(): string {
  const micros = Math.round((performance.timeOrigin + performance.now()) * 1000);
  const millis = Math.floor(micros / 1000);
  const offsetMs = new Date(millis).getTimezoneOffset() * 60_000;
  const text = new Date(millis - offsetMs).toISOString().slice(0, -1);
  return `${text}${String(micros % 1000).padStart(3, '0')}`;
}
