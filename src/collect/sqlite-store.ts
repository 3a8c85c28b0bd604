/**
 * `collector.db` through better-sqlite3, which is loaded only here.
 *
 * Invariants: rollback journal, never WAL (readers are other users, who may not write beside the
 * file); 30 s of patience for a lock; a write lock is held for one transaction of prepared
 * statements and never across an `await`.
 */
import type Database from 'better-sqlite3';
import { errorMessage, SlaposError } from '../errors/slapos-error.ts';
import type { DayConsumption } from './consumption-xml.ts';
import type { DiskEntry, StoredValue, SystemEntry } from './csv.ts';
import type { MonitorProcess, MonitorTotals, MonitorWindow } from './monitor-json.ts';
import { readConsumption, readMonitorProcesses, readMonitorTotals } from './report-queries.ts';
import type { CollectUser, FolderRow, RunSamples, RunStamp } from './sample.ts';
import { renderInsert, renderSchema, TABLES, type TableName } from './schema.ts';
import type { CollectStore } from './store.ts';

const BUSY_TIMEOUT_MS = 30_000;
/** Rows of one portion of a dump. */
const DUMP_ROWS = 5000;
/** Share of free pages from which rewriting the whole file is worth its lock. */
const VACUUM_FREE_SHARE = 0.2;

/**
 * Opens the database and creates what is missing in it.
 * @throws SlaposError SLAPOS_ERR_DATABASE
 */
export async function openSqliteStore(path: string): Promise<CollectStore> {
  try {
    const { default: Sqlite } = await import('better-sqlite3');
    const database = new Sqlite(path, { timeout: BUSY_TIMEOUT_MS });
    try {
      prepareDatabase(database);
    } catch (error) {
      database.close();
      throw error;
    }
    return new SqliteStore(database, path);
  } catch (error) {
    throw databaseError(path, error);
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

function databaseError(path: string, error: unknown): SlaposError {
  return new SlaposError('SLAPOS_ERR_DATABASE', `Database ${path}: ${errorMessage(error)}.`, {
    cause: error,
    hint: 'Look for another program that keeps the file locked, and for a full disk.',
    context: { path },
  });
}

class SqliteStore implements CollectStore {
  readonly #database: Database.Database;
  /** For what is asked once for each partition. */
  readonly #statements: Pick<Database.Database, 'prepare'>;
  readonly #path: string;

  constructor(database: Database.Database, path: string) {
    this.#database = database;
    this.#statements = rememberStatements(database);
    this.#path = path;
  }

  /** Runs one piece of synchronous database work as a promise with our errors. */
  async #run<T>(work: (database: Database.Database) => T): Promise<T> {
    try {
      return work(this.#database);
    } catch (error) {
      throw databaseError(this.#path, error);
    }
  }

  insertSamples(stamp: RunStamp, samples: RunSamples): Promise<void> {
    return this.#run((database) => database.transaction(insertAll)(database, stamp, samples));
  }

  insertFolder(stamp: RunStamp, folder: FolderRow): Promise<void> {
    return this.#run((database) => {
      const insert = database.prepare(renderInsert('folder'));
      insert.run(folder.partition, folder.usedKib, stamp.date, stamp.time);
    });
  }

  findFolderStamp(user: string): Promise<RunStamp | undefined> {
    return this.#run(() =>
      this.#statements
        .prepare<[string], RunStamp>(
          'SELECT date, time FROM folder WHERE partition = ? ORDER BY date DESC, time DESC LIMIT 1',
        )
        .get(user),
    );
  }

  listSystemEntries(date: string): Promise<SystemEntry[]> {
    return this.#run((database) =>
      database
        .prepare<[string], SystemEntry>(
          "SELECT date || ' ' || time AS instant, * FROM system WHERE date = ? ORDER BY rowid",
        )
        .all(date),
    );
  }

  listDiskEntries(date: string): Promise<DiskEntry[]> {
    return this.#run((database) =>
      database
        .prepare<[string], DiskEntry>(
          "SELECT date || ' ' || time AS instant, partition, used, free FROM disk WHERE date = ? ORDER BY rowid",
        )
        .all(date),
    );
  }

  readConsumption(date: string, users: readonly CollectUser[]): Promise<DayConsumption> {
    return this.#run((database) => readConsumption(database, date, users));
  }

  readMonitorTotals(user: string, window: MonitorWindow): Promise<MonitorTotals> {
    return this.#run(() => readMonitorTotals(this.#statements, user, window));
  }

  listMonitorProcesses(user: string, window: MonitorWindow): Promise<MonitorProcess[]> {
    return this.#run(() => readMonitorProcesses(this.#statements, user, window));
  }

  listUnreportedDays(today: string): Promise<string[]> {
    return this.#run((database) => {
      const select = database.prepare<[string], string>(
        'SELECT DISTINCT date FROM system WHERE reported = 0 AND date != ? ORDER BY date',
      );
      return select.pluck().all(today) as string[];
    });
  }

  /** Goes by row number, so that no lock is held between two portions. */
  async *dumpTable(
    table: TableName,
    date: string,
  ): AsyncIterable<ReadonlyArray<readonly StoredValue[]>> {
    const [first, last] = await this.#run((database) => rowRange(database, table, date));
    if (first === null || last === null) return;
    let next = first;
    for (;;) {
      const rows = await this.#run((database) =>
        database
          .prepare(
            `SELECT rowid, * FROM ${table} WHERE rowid BETWEEN ? AND ? AND +date = ? ORDER BY rowid LIMIT ${DUMP_ROWS}`,
          )
          .raw()
          .safeIntegers()
          .all(next, last, date),
      );
      const portion = rows as StoredValue[][];
      const end = portion.at(-1)?.[0];
      if (end === undefined) return;
      yield portion.map((row) => row.slice(1));
      next = (end as bigint) + 1n;
    }
  }

  markReported(date: string): Promise<void> {
    return this.#run((database) =>
      database.transaction(() => {
        for (const { name } of TABLES) {
          const update = `UPDATE ${name} SET reported = 1 WHERE date = ? AND reported = 0`;
          database.prepare(update).run(date);
        }
      })(),
    );
  }

  deleteReported(
    keep: { readonly oldest: string; readonly newest: string } | undefined,
  ): Promise<number> {
    return this.#run((database) => {
      const deleted = database.transaction(deletePacked)(database, keep);
      if (deleted > 0 && freeShare(database) >= VACUUM_FREE_SHARE) database.exec('VACUUM');
      return deleted;
    });
  }

  close(): Promise<void> {
    return this.#run((database) => {
      database.close();
    });
  }
}

/** Prepares each statement once: that takes longer than to run it for one partition. */
function rememberStatements(database: Database.Database): Pick<Database.Database, 'prepare'> {
  const known = new Map<string, Database.Statement>();
  const prepare = (sql: string) => {
    const statement = known.get(sql) ?? database.prepare(sql);
    known.set(sql, statement);
    return statement;
  };
  return { prepare: prepare as Database.Database['prepare'] };
}

function insertAll(database: Database.Database, stamp: RunStamp, samples: RunSamples): void {
  const insert = (table: TableName) => {
    const statement = database.prepare(renderInsert(table));
    return (...values: ReadonlyArray<string | number>) =>
      statement.run(...values, stamp.date, stamp.time);
  };
  const { computer, system } = samples;
  if (computer !== undefined) {
    insert('computer')(computer.coreCount, 0, '0', computer.memoryBytes, '0', computer.diskList);
  }
  if (system !== undefined) insert('system')(...systemValues(system));
  const insertDisk = insert('disk');
  for (const disk of samples.disks) {
    insertDisk(disk.device, String(disk.usedBytes), String(disk.freeBytes), disk.mountpoint);
  }
  const insertTemperature = insert('temperature');
  for (const row of samples.temperatures) insertTemperature(row.sensorId, row.celsius, row.alarm);
  const insertUser = insert('user');
  for (const row of samples.processes) insertUser(...userValues(row));
}

function systemValues(row: NonNullable<RunSamples['system']>): number[] {
  const { network } = row;
  return [
    row.loadAverage,
    row.cpuPercent,
    row.memoryUsedBytes,
    row.memoryFreeBytes,
    network.inBytes,
    network.inErrors,
    network.inDropped,
    network.outBytes,
    network.outErrors,
    network.outDropped,
  ];
}

function userValues(row: RunSamples['processes'][number]): Array<string | number> {
  return [
    row.partition,
    row.pid,
    row.process,
    row.cpuPercent,
    row.cpuTimeS,
    row.threadCount,
    row.memoryPercent,
    row.rssBytes,
    row.ioBytes,
    row.ioCalls,
  ];
}

function rowRange(
  database: Database.Database,
  table: TableName,
  date: string,
): [first: bigint | null, last: bigint | null] {
  const select = database.prepare(`SELECT min(rowid), max(rowid) FROM ${table} WHERE date = ?`);
  return select.raw().safeIntegers().get(date) as [bigint | null, bigint | null];
}

function deletePacked(
  database: Database.Database,
  keep: { readonly oldest: string; readonly newest: string } | undefined,
): number {
  let deleted = 0;
  for (const { name } of TABLES) {
    if (name === 'heating') continue;
    const packed = `DELETE FROM ${name} WHERE reported = 1`;
    deleted +=
      keep === undefined
        ? database.prepare(packed).run().changes
        : database.prepare(`${packed} AND (date < ? OR date > ?)`).run(keep.oldest, keep.newest)
            .changes;
  }
  return deleted;
}

function freeShare(database: Database.Database): number {
  const free = Number(database.pragma('freelist_count', { simple: true }));
  return free / Math.max(1, Number(database.pragma('page_count', { simple: true })));
}
