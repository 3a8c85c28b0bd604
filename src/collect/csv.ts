/** The CSV files of `data-log`, as Python's csv module writes them (spec/collect.md 8.1, 8.2, 9). */
import { pythonFloat } from '../model/python-number.ts';

/** A value as SQLite holds it: an INTEGER comes as bigint, a REAL as number. */
export type StoredValue = string | number | bigint | null;

/** One row with its CRLF; quotes only where a reader needs them. */
export function renderCsvRow(values: readonly StoredValue[]): string {
  return `${values.map(renderCsvValue).join(',')}\r\n`;
}

function renderCsvValue(value: StoredValue): string {
  if (value === null) return '';
  if (typeof value === 'number') return pythonFloat(value);
  if (typeof value === 'bigint') return value.toString();
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** A row of table `system` of the current day, in the columns that have a file. */
export interface SystemEntry {
  /** `YYYY-MM-DD HH:MM:SS` */
  readonly instant: string;
  readonly loadavg: number;
  readonly cpu_percent: number;
  readonly memory_used: number;
  readonly memory_free: number;
  readonly net_in_bytes: number;
  readonly net_in_errors: number;
  readonly net_in_dropped: number;
  readonly net_out_bytes: number;
  readonly net_out_errors: number;
  readonly net_out_dropped: number;
}

/** A row of table `disk` of the current day; sizes are decimal text. */
export interface DiskEntry {
  readonly instant: string;
  readonly partition: string;
  readonly used: string;
  readonly free: string;
}

type SystemColumn = Exclude<keyof SystemEntry, 'instant'>;
type EntryValue = (row: SystemEntry, previous: SystemEntry) => number;

const raw =
  (column: SystemColumn): EntryValue =>
  (row) =>
    row[column];
const kib =
  (column: SystemColumn): EntryValue =>
  (row) =>
    row[column] / 1024;
const kibSincePrevious =
  (column: SystemColumn): EntryValue =>
  (row, previous) =>
    (row[column] - previous[column]) / 1024;

const SYSTEM_FILES: ReadonlyArray<readonly [SystemColumn, (column: SystemColumn) => EntryValue]> = [
  ['loadavg', raw],
  ['cpu_percent', raw],
  ['memory_used', kib],
  ['memory_free', kib],
  ['net_in_bytes', kibSincePrevious],
  ['net_in_errors', raw],
  ['net_in_dropped', raw],
  ['net_out_bytes', kibSincePrevious],
  ['net_out_errors', raw],
  ['net_out_dropped', raw],
];

/**
 * Content of every `system_<name>.csv` by file name. The first system row of the day has no
 * previous one to be compared with and is left out of all its files.
 */
export function renderSystemCsv(
  rows: readonly SystemEntry[],
  disks: readonly DiskEntry[],
): ReadonlyMap<string, string> {
  const files = new Map<string, string[]>();
  for (const [column, entryOf] of SYSTEM_FILES) {
    files.set(`system_${column}.csv`, renderColumn(rows, entryOf(column)));
  }
  for (const disk of disks) {
    const id = disk.partition.replace(/[-/]/g, '_');
    addEntry(files, `system_disk_memory_used_${id}.csv`, disk.instant, Number(disk.used) / 1024);
    addEntry(files, `system_disk_memory_free_${id}.csv`, disk.instant, Number(disk.free) / 1024);
  }
  return new Map([...files].map(([name, lines]) => [name, HEADER + lines.join('')]));
}

const HEADER = renderCsvRow(['time', 'entry']);

function renderColumn(rows: readonly SystemEntry[], entryOf: EntryValue): string[] {
  return rows
    .slice(1)
    .map((row, index) => renderCsvRow([row.instant, entryOf(row, rows[index] ?? row)]));
}

function addEntry(files: Map<string, string[]>, name: string, instant: string, value: number) {
  const lines = files.get(name) ?? [];
  lines.push(renderCsvRow([instant, value]));
  files.set(name, lines);
}
