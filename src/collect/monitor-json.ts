/** The monitor files inside partitions, as Python's json module writes them (spec/collect.md 8.5). */
import { pythonFloat, pythonRound } from '../model/python-number.ts';
import { encodeStamp } from './sample.ts';

/** The minute that is reported: always the one before the present, under the present date. */
export interface MonitorWindow {
  readonly date: string;
  /** First and last second, inclusive: `HH:MM:00`, `HH:MM:59`. */
  readonly from: string;
  readonly to: string;
}

export function monitorWindow(nowMs: number): MonitorWindow {
  const minute = encodeStamp(nowMs - 60_000).time.slice(0, 5);
  return { date: encodeStamp(nowMs).date, from: `${minute}:00`, to: `${minute}:59` };
}

/** Sums over the `user` rows of one user in the window, as they stand in the database. */
export interface MonitorTotals {
  readonly rowCount: number;
  readonly cpuPercent: number;
  readonly cpuTimeS: number;
  readonly threadCount: number;
  readonly memoryPercent: number;
  readonly rssBytes: number;
  readonly ioBytes: number;
  readonly ioCalls: number;
  /** Sum of the folder rows of the window, KiB; null when there is none. */
  readonly diskUsedKib: number | null;
}

/** The rows of one process in the window. */
export interface MonitorProcess extends Omit<MonitorTotals, 'diskUsedKib' | 'threadCount'> {
  readonly pid: number;
  readonly maxThreadCount: number;
}

/** What is known of a process that still exists. */
export interface LiveProcess {
  readonly name: string;
  readonly command: readonly string[];
  readonly user: string;
  /** Start, local time, `YYYY-MM-DD HH:MM:SS`. */
  readonly date: string;
}

export const MONITOR_HEADERS = {
  process: 'date, total process, CPU percent, CPU time, CPU threads',
  memory: 'date, memory used percent, memory used',
  io: 'date, io rw counter, io cycles counter, disk used',
} as const;

export type MonitorGroup = keyof typeof MONITOR_HEADERS;

/** What to append to the history of each group, and the status of the last minute. */
export interface MonitorReport {
  readonly rows: ReadonlyArray<{ readonly group: MonitorGroup; readonly row: string }>;
  /** Content of `monitor_resource.status.json`. */
  readonly status: string;
}

const MIB = 2 ** 20;

/** A group without activity is left out of both the history and the status. */
export function renderMonitorReport(totals: MonitorTotals, window: MonitorWindow): MonitorReport {
  const date = `${window.date} ${window.from}`;
  const groups = monitorGroups(totals).filter((group) => group.isActive);
  const dateField: Field = ['date', renderJsonText(date)];
  const fields = groups.flatMap(({ group, fields: own }) =>
    group === 'process' ? [...own, dateField] : own,
  );
  return {
    rows: groups.map(({ group, fields: own }) => ({
      group,
      row: [date, ...own.map(([, value]) => value)].join(', '),
    })),
    status: renderObject(fields),
  };
}

type Field = readonly [key: string, renderedValue: string];

interface GroupFields {
  readonly group: MonitorGroup;
  readonly isActive: boolean;
  readonly fields: readonly Field[];
}

function monitorGroups(totals: MonitorTotals): GroupFields[] {
  const memoryMib = pythonRound(totals.rssBytes / MIB, 2);
  return [
    {
      group: 'process',
      isActive: totals.rowCount !== 0,
      fields: [
        ['total_process', String(totals.rowCount)],
        ['cpu_percent', roundedSum(totals.cpuPercent)],
        ['cpu_time', rounded(totals.cpuTimeS / 60)],
        ['cpu_num_threads', roundedSum(totals.threadCount)],
      ],
    },
    {
      group: 'memory',
      isActive: memoryMib !== 0,
      fields: [
        ['memory_percent', roundedSum(totals.memoryPercent)],
        ['memory_rss', pythonFloat(memoryMib)],
      ],
    },
    {
      group: 'io',
      isActive: pythonRound(totals.ioBytes, 2) !== 0,
      fields: [
        ['io_rw_counter', roundedSum(totals.ioBytes)],
        ['io_cycles_counter', roundedSum(totals.ioCalls)],
        ['disk_used', totals.diskUsedKib === null ? '0' : rounded(totals.diskUsedKib / 1024)],
      ],
    },
  ];
}

/** Content of `monitor_process_resource.status.json`, in the order given. */
export function renderProcessList(
  processes: readonly MonitorProcess[],
  live: ReadonlyMap<number, LiveProcess>,
): string {
  return `[${processes.map((process) => renderProcess(process, live.get(process.pid))).join(', ')}]`;
}

function renderProcess(process: MonitorProcess, live: LiveProcess | undefined): string {
  const mean = (sum: number) => rounded(sum / process.rowCount);
  const fields: Field[] = [
    ['pid', pythonFloat(process.pid)],
    ['cpu_percent', mean(process.cpuPercent)],
    ['cpu_time', rounded(process.cpuTimeS / 60)],
    ['cpu_num_threads', mean(process.maxThreadCount)],
    ['memory_percent', mean(process.memoryPercent)],
    ['memory_rss', rounded(process.rssBytes / MIB)],
    ['io_rw_counter', mean(process.ioBytes)],
    ['io_cycles_counter', mean(process.ioCalls)],
  ];
  if (live !== undefined) {
    fields.push(
      ['name', renderJsonText(live.name)],
      ['command', `[${live.command.map(renderJsonText).join(', ')}]`],
      ['user', renderJsonText(live.user)],
      ['date', renderJsonText(live.date)],
    );
  }
  return renderObject(fields);
}

/**
 * Start of a history file: an object whose list `data` holds the header.
 * @param createdMs milliseconds since the epoch
 */
export function renderHistoryStart(group: MonitorGroup, createdMs: number): string {
  const fields: Field[] = [
    ['date', pythonFloat(createdMs / 1000)],
    ['data', `[${renderJsonText(MONITOR_HEADERS[group])}]`],
  ];
  return renderObject(fields);
}

/** What replaces the last two bytes of a history file. */
export const HISTORY_END = ']}';

/** The text that, written over the end of a history file, adds a row to it. */
export function renderHistoryRow(row: string): string {
  return `,${renderJsonText(row)}${HISTORY_END}`;
}

/**
 * A whole history file from the rows that can still be read in a broken one.
 * @param text what the file holds
 */
export function repairHistory(group: MonitorGroup, text: string, createdMs: number): string {
  const start = renderHistoryStart(group, createdMs);
  const rows = [...text.matchAll(/"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d, [^"\\]*)"/g)];
  const kept = rows.map(([, row = '']) => `,${renderJsonText(row)}`).join('');
  return `${start.slice(0, -HISTORY_END.length)}${kept}${HISTORY_END}`;
}

function rounded(value: number): string {
  return pythonFloat(pythonRound(value, 2));
}

/** Upstream takes a sum of zero for a missing one and writes the integer 0. */
function roundedSum(value: number): string {
  return value === 0 ? '0' : rounded(value);
}

function renderObject(fields: readonly Field[]): string {
  return `{${fields.map(([key, value]) => `${renderJsonText(key)}: ${value}`).join(', ')}}`;
}

/** json.dumps of a text: everything beyond ASCII escaped by UTF-16 unit. */
function renderJsonText(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
