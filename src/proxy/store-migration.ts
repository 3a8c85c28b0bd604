/**
 * Converts databases of slapproxy of versions 10 to 16 to version 17 (spec/proxy.md 3).
 *
 * Invariant: one transaction. A process that is killed leaves the old tables as they were, and the
 * next start converts again.
 */
import type { Database } from 'better-sqlite3';
import type { Logger } from '../log/logger.ts';
import { PROXY_TABLES, renderSchema, SCHEMA_VERSION, tableName } from './schema.ts';
import { writeSqlDump } from './sql-dump.ts';
import { listVersionedTables, OLD_ROOT_TABLE, type VersionedTable } from './store-version.ts';

/** An instance of an old database, whose `requested_by` is a partition. */
export interface OldInstance {
  readonly reference: string;
  readonly computerReference: string | null;
  readonly requestedBy: string | null;
  readonly title: string | null;
}

/**
 * Writes the content as SQL text beside the file, then converts.
 * @param defaultComputerId what rows of a time with one computer belong to
 */
export function migrateStore(
  database: Database,
  path: string,
  version: number,
  defaultComputerId: string,
  log: Logger,
): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    const backup = writeSqlDump(database, `${path}-backup-${version}to${SCHEMA_VERSION}-`);
    log.info(`Old schema detected: Creating a backup of current tables at ${backup}`, {
      event: 'proxy.schema_backup',
      path: backup,
    });
    log.info('Old schema detected: Migrating old tables...', { event: 'proxy.schema_migration' });
    const old = listVersionedTables(database);
    database.exec(renderSchema(defaultComputerId));
    for (const table of old) copyRows(database, table);
    if (version < 17) nameRoots(database, log);
    for (const { name } of old) database.exec(`DROP TABLE ${name}`);
    database.exec('COMMIT');
  } catch (error) {
    if (database.inTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/**
 * Columns that the old table lacks take their defaults, and so does NULL where it is not allowed
 * any more: that is what REPLACE does in SQLite.
 */
function copyRows(database: Database, { name, family }: VersionedTable): void {
  if (family === OLD_ROOT_TABLE) {
    const config = tableName('config');
    database.exec(
      `INSERT OR REPLACE INTO ${config} SELECT '${OLD_ROOT_TABLE}', path FROM ${name} LIMIT 1`,
    );
    return;
  }
  const table = PROXY_TABLES.find((known) => known === family);
  if (table === undefined) return;
  const target = tableName(table);
  const known = new Set(columnsOf(database, target));
  const shared = columnsOf(database, name).filter((column) => known.has(column));
  if (shared.length === 0) return;
  const columns = shared.join(', ');
  database.exec(
    `INSERT OR REPLACE INTO ${target} (${columns}) SELECT ${columns} FROM ${name} ORDER BY rowid`,
  );
}

function columnsOf(database: Database, table: string): string[] {
  const columns = database.pragma(`table_info(${table})`) as Array<{ readonly name: string }>;
  return columns.map((column) => column.name);
}

/** `requested_by` was the partition that asked; it becomes the title of the root of its tree. */
function nameRoots(database: Database, log: Logger): void {
  const partition = tableName('partition');
  const rows = database
    .prepare(
      `SELECT reference, computer_reference AS computerReference, requested_by AS requestedBy,
        partition_reference AS title FROM ${partition} ORDER BY rowid`,
    )
    .all() as OldInstance[];
  const update = database.prepare(
    `UPDATE ${partition} SET requested_by = ? WHERE reference = ? AND computer_reference = ?`,
  );
  for (const row of rows) {
    if (row.requestedBy === null || row.requestedBy === '') continue;
    const root = findRoot(row, rows);
    if (root === null) warnOrphan(row, log);
    else update.run(root.title, row.reference, row.computerReference);
  }
}

/**
 * The root that an instance was requested under, through its requesters; null when the chain ends
 * at a partition that holds no instance or turns in a circle. A requester is looked for on the
 * same computer first.
 */
export function findRoot(row: OldInstance, rows: readonly OldInstance[]): OldInstance | null {
  const seen = new Set<OldInstance>();
  let current: OldInstance | undefined = row;
  while (current !== undefined && !seen.has(current)) {
    seen.add(current);
    const { requestedBy, computerReference } = current as OldInstance;
    if (requestedBy === null || requestedBy === '') return current.title === null ? null : current;
    const named: OldInstance[] = rows.filter((other) => other.reference === requestedBy);
    current = named.find((other) => other.computerReference === computerReference) ?? named[0];
  }
  return null;
}

/** It keeps its partition, but nobody can request it any more: a guess could mix two trees. */
function warnOrphan({ reference, title, requestedBy }: OldInstance, log: Logger): void {
  log.warning(
    `Instance ${title} on ${reference} was requested by ${requestedBy}, which holds no instance: it is kept but belongs to no tree.`,
    { event: 'proxy.orphan_instance', partition: reference },
  );
}
