/** `collector.db` in SQLite: its statements. `sqlite-connection.ts` sees to locks. */
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { errorCode, errorMessage, SlaposError } from '../errors/slapos-error.ts';
import { observeFolderRefusal } from '../host/folder/folder-refusal.ts';
import { isFolderMissing } from '../host/folder/sqlite-file.ts';
import type { DayConsumption } from './consumption-xml.ts';
import type { DiskEntry, StoredValue, SystemEntry } from './csv.ts';
import type { MonitorProcess, MonitorTotals, MonitorWindow } from './monitor-json.ts';
import { readConsumption, readMonitorProcesses, readMonitorTotals } from './report-queries.ts';
import type { CollectUser, FolderRow, RunSamples, RunStamp } from './sample.ts';
import { renderInsert, TABLES, type TableName } from './schema.ts';
import {
  type ConnectionOutside,
  type DatabaseWork,
  SqliteConnection,
} from './sqlite-connection.ts';
import type { CollectStore, Soundness } from './store.ts';

/** Rows of one portion of a dump. */
const DUMP_ROWS = 5000;
/**
 * How long sizes of folders stay in a copy: who locks each new file would else make a run wait, and
 * write all of the database, once for each partition. A run that is killed has them measured again.
 */
const FOLDERS_COPIED_MS = 30_000;
/** Share of free pages from which rewriting the whole file is worth its lock. */
const VACUUM_FREE_SHARE = 0.2;

/**
 * Opens the database and creates what is missing in it.
 * @throws SlaposError SLAPOS_ERR_DATABASE
 */
export async function openSqliteStore(
  path: string,
  outside: ConnectionOutside,
): Promise<CollectStore> {
  const connection = new SqliteConnection(path, outside);
  try {
    await connection.use(() => undefined);
    return new SqliteStore(connection, path);
  } catch (error) {
    await connection.close().catch(() => {});
    throw databaseError(path, error);
  }
}

function databaseError(path: string, error: unknown): SlaposError {
  return new SlaposError('SLAPOS_ERR_DATABASE', `Database ${path}: ${describe(path, error)}.`, {
    cause: error,
    hint: 'Look for another program that keeps the file locked, and for a full disk.',
    context: { path },
  });
}

/** better-sqlite3 says of a folder, and SQLite of a file that it may not write, less than they know. */
function describe(path: string, error: unknown): string {
  const [message, code] = [errorMessage(error), errorCode(error)];
  if (isFolderMissing(error)) return observeFolderRefusal(dirname(path));
  return code.startsWith('SQLITE_READONLY') ? `${message} (${code})` : message;
}

class SqliteStore implements CollectStore {
  readonly #connection: SqliteConnection;
  readonly #path: string;

  constructor(connection: SqliteConnection, path: string) {
    this.#connection = connection;
    this.#path = path;
  }

  /** Runs one piece of synchronous database work as a promise with our errors. */
  async #run<T>(work: DatabaseWork<T>): Promise<T> {
    try {
      return await this.#connection.use(work);
    } catch (error) {
      throw databaseError(this.#path, error);
    }
  }

  /** As {@link #run}; then lets others have what was written, also where somebody keeps the file locked. */
  async #write<T>(work: DatabaseWork<T>, leastAgeMs = 0): Promise<T> {
    const result = await this.#run(work);
    try {
      await this.#connection.settle(leastAgeMs);
    } catch (error) {
      throw databaseError(this.#path, error);
    }
    return result;
  }

  insertSamples(stamp: RunStamp, samples: RunSamples): Promise<void> {
    return this.#write((database) => database.transaction(insertAll)(database, stamp, samples));
  }

  insertFolder(stamp: RunStamp, folder: FolderRow): Promise<void> {
    return this.#write((database) => {
      const insert = database.prepare(renderInsert('folder'));
      insert.run(folder.partition, folder.usedKib, stamp.date, stamp.time);
    }, FOLDERS_COPIED_MS);
  }

  findFolderStamp(user: string, { date, time }: RunStamp): Promise<RunStamp | undefined> {
    return this.#run((_, statements) =>
      statements
        .prepare<[string, string, string], RunStamp>(
          // With OR in its place SQLite reads and sorts all rows of the partition.
          `SELECT date, time FROM folder WHERE partition = ? AND (date, time) <= (?, ?)
           ORDER BY date DESC, time DESC LIMIT 1`,
        )
        .get(user, date, time),
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
    return this.#run((_, statements) => readMonitorTotals(statements, user, window));
  }

  listMonitorProcesses(user: string, window: MonitorWindow): Promise<MonitorProcess[]> {
    return this.#run((_, statements) => readMonitorProcesses(statements, user, window));
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
    return this.#write((database) =>
      database.transaction(() => {
        for (const { name } of TABLES) {
          const update = `UPDATE ${name} SET reported = 1 WHERE date = ? AND reported = 0`;
          database.prepare(update).run(date);
        }
      })(),
    );
  }

  async deleteReported(
    keep: { readonly oldest: string; readonly newest: string } | undefined,
  ): Promise<number> {
    const deleted = await this.#run((database) =>
      database.transaction(deletePacked)(database, keep),
    );
    if (deleted > 0) {
      await this.#run((database) => {
        if (freeShare(database) >= VACUUM_FREE_SHARE) database.exec('VACUUM');
      });
    }
    return deleted;
  }

  mend(): Promise<Soundness> {
    return this.#write(mendIndexes);
  }

  async close(): Promise<void> {
    try {
      await this.#connection.close();
    } catch (error) {
      throw databaseError(this.#path, error);
    }
  }
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

/** Only a look at all of it compares an index with its table (https://sqlite.org/pragma.html). */
function mendIndexes(database: Database.Database): Soundness {
  const isOk = (check: string) => database.pragma(`${check}(1)`, { simple: true }) === 'ok';
  if (isOk('integrity_check')) return 'sound';
  // Nothing is written to a file whose pages are wrong: it is to be put aside as it is.
  if (!isOk('quick_check')) return 'broken';
  database.exec('REINDEX');
  return isOk('integrity_check') ? 'mended' : 'broken';
}

/** Asks first: a DELETE of nothing takes the lock of a writer too. */
function deletePacked(
  database: Database.Database,
  keep: { readonly oldest: string; readonly newest: string } | undefined,
): number {
  let deleted = 0;
  const days = keep === undefined ? '' : ' AND (date < ? OR date > ?)';
  const values = keep === undefined ? [] : [keep.oldest, keep.newest];
  for (const { name } of TABLES) {
    if (name === 'heating') continue;
    const packed = `FROM ${name} WHERE reported = 1${days}`;
    if (database.prepare(`SELECT 1 ${packed} LIMIT 1`).get(...values) === undefined) continue;
    deleted += database.prepare(`DELETE ${packed}`).run(...values).changes;
  }
  return deleted;
}

function freeShare(database: Database.Database): number {
  const free = Number(database.pragma('freelist_count', { simple: true }));
  return free / Math.max(1, Number(database.pragma('page_count', { simple: true })));
}
