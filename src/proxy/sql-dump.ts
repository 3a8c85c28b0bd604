/** An SQLite database as SQL text, as `sqlite3 FILE .dump` writes it. */
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
