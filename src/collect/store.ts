/**
 * The port to the database of samples. SQLite stands behind it today (`sqlite-store.ts`); nothing
 * else may know. Every method rejects with SlaposError SLAPOS_ERR_DATABASE.
 */
import type { DayConsumption } from './consumption-xml.ts';
import type { DiskEntry, StoredValue, SystemEntry } from './csv.ts';
import type { MonitorProcess, MonitorTotals, MonitorWindow } from './monitor-json.ts';
import type { CollectUser, FolderRow, RunSamples, RunStamp } from './sample.ts';
import type { TableName } from './schema.ts';

/** How a file was found; `mended`: its indexes were wrong, and are not any more. */
export type Soundness = 'sound' | 'mended' | 'broken';

export interface CollectStore {
  /** Writes everything that a run measured, in one transaction. */
  insertSamples(stamp: RunStamp, samples: RunSamples): Promise<void>;
  insertFolder(stamp: RunStamp, folder: FolderRow): Promise<void>;
  /** Stamp of the newest folder row of a user that is not later than `now`. */
  findFolderStamp(user: string, now: RunStamp): Promise<RunStamp | undefined>;

  listSystemEntries(date: string): Promise<SystemEntry[]>;
  listDiskEntries(date: string): Promise<DiskEntry[]>;
  /** Averages of a day for the consumption report. */
  readConsumption(date: string, users: readonly CollectUser[]): Promise<DayConsumption>;
  /** Sums of one user in a minute. */
  readMonitorTotals(user: string, window: MonitorWindow): Promise<MonitorTotals>;
  /** Processes of one user in a minute, busiest first. */
  listMonitorProcesses(user: string, window: MonitorWindow): Promise<MonitorProcess[]>;

  /** Days before or after `today` that were never packed, oldest first. */
  listUnreportedDays(today: string): Promise<string[]>;
  /** All rows of a day, in portions that fit in memory. */
  dumpTable(table: TableName, date: string): AsyncIterable<ReadonlyArray<readonly StoredValue[]>>;
  /** Marks all rows of a day as packed, in one transaction. */
  markReported(date: string): Promise<void>;
  /**
   * Deletes packed rows outside the days to keep, heating excepted, and gives their space back
   * when it is worth the time. Resolves to the number of rows deleted.
   * @param keep oldest and newest day to keep; undefined keeps no packed row
   */
  deleteReported(
    keep: { readonly oldest: string; readonly newest: string } | undefined,
  ): Promise<number>;
  /**
   * Reads all of the file, tables against indexes too, and makes indexes anew where only they are
   * wrong. For a file that was met as broken: it takes as long as reading everything.
   */
  mend(): Promise<Soundness>;
  close(): Promise<void>;
}

/** The SQLite result codes that say that the file is not a sound database. */
const CORRUPTION_CODES = new Set(['SQLITE_CORRUPT', 'SQLITE_NOTADB']);

/**
 * Whether an error says that the database file itself is broken. SQLite says so of a read that
 * failed with EIO too (SQLITE_IOERR_CORRUPTFS).
 */
export function isCorruption(error: unknown): boolean {
  const cause = (error as { cause?: { code?: unknown } } | undefined)?.cause;
  const code = typeof cause?.code === 'string' ? cause.code : '';
  return CORRUPTION_CODES.has(code.split('_').slice(0, 2).join('_'));
}
