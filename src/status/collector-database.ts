/**
 * What the last run of `node collect` wrote, from `collector.db` (`collect/schema.ts`): opened for
 * reading alone, for a moment, and never created; who writes to it waits no longer than for any
 * other reader.
 */
import type Database from 'better-sqlite3';
import type { Consumption } from './model.ts';

/** A writer holds its lock for a transaction; we stand still as long as we wait. */
const BUSY_TIMEOUT_MS = 200;
/** Rows at the end of a table that are looked at. */
const MAX_PROCESS_ROWS = 100_000;
const MAX_FOLDER_ROWS = 20_000;
const KIB = 1024;

/** What the newest minute says, by user of the partition. */
export interface CollectedMinute {
  /** Null when no process was ever collected. */
  readonly atMs: number | null;
  readonly consumption: ReadonlyMap<string, Consumption>;
  readonly diskBytes: ReadonlyMap<string, number>;
}

/** @throws Error of SQLite */
export async function openCollected(path: string): Promise<Database.Database> {
  const { default: Sqlite } = await import('better-sqlite3');
  return new Sqlite(path, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
}

/** @throws Error of SQLite */
export async function readCollectedMinute(path: string): Promise<CollectedMinute> {
  const database = await openCollected(path);
  try {
    const diskBytes = readFolders(database);
    const newest = readStampBefore(database, Number.MAX_SAFE_INTEGER);
    if (newest === undefined) return { atMs: null, consumption: new Map(), diskBytes };
    return { atMs: newest.atMs, consumption: readMinute(database, newest, diskBytes), diskBytes };
  } finally {
    database.close();
  }
}

/**
 * Sizes of folders alone, for who knows the rest.
 * @throws Error of SQLite
 */
export async function readCollectedFolders(path: string): Promise<CollectedMinute> {
  const database = await openCollected(path);
  try {
    return { atMs: null, consumption: new Map(), diskBytes: readFolders(database) };
  } finally {
    database.close();
  }
}

interface Minute {
  readonly atMs: number;
  /** Of its rows. */
  readonly first: number;
  readonly last: number;
}

/** The newest rows of one moment whose numbers are below `end`. */
function readStampBefore(database: Database.Database, end: number): Minute | undefined {
  const newest = database
    .prepare<[number], { row: number; date: string; time: string }>(
      'SELECT rowid AS row, date, time FROM user WHERE rowid < ? ORDER BY rowid DESC LIMIT 1',
    )
    .get(end);
  if (newest === undefined) return undefined;
  const { date, row: last, time } = newest;
  const before = database
    .prepare<[number, number, string, string], number>(
      `SELECT rowid FROM user WHERE rowid <= ? AND rowid > ? AND NOT (date = ? AND time = ?)
       ORDER BY rowid DESC LIMIT 1`,
    )
    .pluck()
    .get(last, last - MAX_PROCESS_ROWS, date, time) as number | undefined;
  const atMs = Date.parse(`${date}T${time}Z`);
  return { atMs, first: (before ?? last - MAX_PROCESS_ROWS) + 1, last };
}

interface Sums {
  readonly user: string;
  readonly cpuPercent: number;
  readonly rssBytes: number;
  readonly processes: number;
  readonly threads: number;
}

function readMinute(
  database: Database.Database,
  newest: Minute,
  diskBytes: ReadonlyMap<string, number>,
): ReadonlyMap<string, Consumption> {
  const sums = database
    .prepare<[number, number], Sums>(
      `SELECT partition AS user, TOTAL(cpu_percent) AS cpuPercent, TOTAL(memory_rss) AS rssBytes,
         COUNT(*) AS processes, TOTAL(cpu_num_threads) AS threads
       FROM user WHERE rowid BETWEEN ? AND ? GROUP BY partition`,
    )
    .all(newest.first, newest.last);
  const rates = readRates(database, newest);
  return new Map(
    sums.map(({ cpuPercent, user, ...gauges }) => {
      const consumption: Consumption = {
        atMs: newest.atMs,
        cpu: cpuPercent / 100,
        ...gauges,
        readBytesPerS: 0,
        writeBytesPerS: 0,
        netInBytesPerS: 0,
        netOutBytesPerS: 0,
        ioBytesPerS: rates.get(user) ?? 0,
        diskBytes: diskBytes.get(user) ?? null,
      };
      return [user, consumption] as const;
    }),
  );
}

/**
 * Growth between two moments, each given by its first and its last row. Left to itself the planner
 * walks through an index over the whole table, most of a day's rows, to have them grouped.
 */
export const GROWTH_QUERY = `WITH
  now AS MATERIALIZED (
    SELECT partition, process, io_rw_counter FROM user NOT INDEXED WHERE rowid BETWEEN ? AND ?),
  old AS MATERIALIZED (
    SELECT process, io_rw_counter FROM user NOT INDEXED WHERE rowid BETWEEN ? AND ?)
  SELECT now.partition AS user, TOTAL(max(0, now.io_rw_counter - old.io_rw_counter)) AS bytes
  FROM now JOIN old ON old.process = now.process GROUP BY now.partition`;

/** Bytes a second by user since the moment before, of the processes that were there at both. */
function readRates(database: Database.Database, newest: Minute): ReadonlyMap<string, number> {
  const before = readStampBefore(database, newest.first);
  if (before === undefined || newest.atMs <= before.atMs) return new Map();
  const growth = database
    .prepare<number[], { user: string; bytes: number }>(GROWTH_QUERY)
    .all(newest.first, newest.last, before.first, before.last);
  const elapsedS = (newest.atMs - before.atMs) / 1000;
  return new Map(growth.map(({ bytes, user }) => [user, bytes / elapsedS]));
}

/** The last walk of each folder, in bytes. */
function readFolders(database: Database.Database): ReadonlyMap<string, number> {
  const rows = database
    .prepare<[number], { user: string; kib: number }>(
      'SELECT partition AS user, disk_used AS kib FROM folder ORDER BY rowid DESC LIMIT ?',
    )
    .all(MAX_FOLDER_ROWS);
  const found = new Map<string, number>();
  for (const { kib, user } of rows) if (!found.has(user)) found.set(user, kib * KIB);
  return found;
}

/** Sums of one user at each minute, oldest first. */
export interface CollectedSeries {
  readonly timesMs: readonly number[];
  readonly values: Readonly<
    Record<'cpu' | 'rssBytes' | 'processes' | 'threads', readonly number[]>
  >;
}

/**
 * The minutes of a user after a moment.
 * @throws Error of SQLite
 */
export async function readCollectedSeries(
  path: string,
  user: string,
  sinceMs: number,
): Promise<CollectedSeries> {
  const database = await openCollected(path);
  try {
    const since = new Date(sinceMs).toISOString();
    const [date, time] = [since.slice(0, 10), since.slice(11, 19)];
    const rows = database
      .prepare<string[], Sums & { date: string; time: string }>(
        `SELECT date, time, TOTAL(cpu_percent) AS cpuPercent, TOTAL(memory_rss) AS rssBytes,
           COUNT(*) AS processes, TOTAL(cpu_num_threads) AS threads
         FROM user WHERE partition = ? AND (date, time) > (?, ?)
         GROUP BY date, time ORDER BY date, time`,
      )
      .all(user, date, time);
    return {
      timesMs: rows.map((row) => Date.parse(`${row.date}T${row.time}Z`)),
      values: {
        cpu: rows.map(({ cpuPercent }) => cpuPercent / 100),
        rssBytes: rows.map(({ rssBytes }) => rssBytes),
        processes: rows.map(({ processes }) => processes),
        threads: rows.map(({ threads }) => threads),
      },
    };
  } finally {
    database.close();
  }
}
