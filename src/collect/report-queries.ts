/** The sums of the reports, asked of SQLite (spec/collect.md 8.4, 8.5). */
import type Database from 'better-sqlite3';
import type { DayConsumption, UserConsumption } from './consumption-xml.ts';
import type { MonitorProcess, MonitorTotals, MonitorWindow } from './monitor-json.ts';
import type { CollectUser } from './sample.ts';

type Averages = readonly [number | null, number | null];

/** Averages of a day. A partition's are over the moments at which it had a row, not over rows. */
export function readConsumption(
  database: Database.Database,
  date: string,
  users: readonly CollectUser[],
): DayConsumption {
  const system = database
    .prepare(
      `SELECT SUM(cpu_percent) / COUNT(cpu_percent), SUM(memory_used) / COUNT(memory_used)
       FROM system WHERE date = ?`,
    )
    .raw()
    .get(date) as Averages;
  const heating = database
    .prepare('SELECT zero_emission_ratio FROM heating ORDER BY date DESC, time DESC LIMIT 1')
    .pluck()
    .get() as number | null | undefined;
  const readUser = userConsumptionReader(database, date);
  return {
    cpuPercent: system[0],
    memoryBytes: system[1],
    zeroEmissionRatio: heating ?? null,
    users: users.map((user) => readUser(user.name)),
  };
}

function userConsumptionReader(
  database: Database.Database,
  date: string,
): (name: string) => UserConsumption {
  const processes = database.prepare(
    `SELECT SUM(cpu_percent) / COUNT(DISTINCT time), SUM(memory_rss) / COUNT(DISTINCT time) / 1048576
     FROM user WHERE partition = ? AND date = ?`,
  );
  const folder = database.prepare(
    'SELECT SUM(disk_used) / COUNT(DISTINCT time) / 1024 FROM folder WHERE partition = ? AND date = ?',
  );
  return (name) => {
    const [cpuPercent, memoryMib] = processes.raw().get(name, date) as Averages;
    const diskMib = folder.pluck().get(name, date) as number | null;
    return { name, cpuPercent, memoryMib, diskMib };
  };
}

const SUMS = `COUNT(pid) AS rowCount, TOTAL(cpu_percent) AS cpuPercent, TOTAL(cpu_time) AS cpuTimeS,
  TOTAL(memory_percent) AS memoryPercent, TOTAL(memory_rss) AS rssBytes,
  TOTAL(io_rw_counter) AS ioBytes, TOTAL(io_cycles_counter) AS ioCalls`;
const IN_WINDOW = 'WHERE partition = ? AND date = ? AND time BETWEEN ? AND ?';

export function readMonitorTotals(
  database: Pick<Database.Database, 'prepare'>,
  user: string,
  window: MonitorWindow,
): MonitorTotals {
  const { date, from, to } = window;
  const totals = database
    .prepare<string[], Omit<MonitorTotals, 'diskUsedKib'>>(
      `SELECT ${SUMS}, TOTAL(cpu_num_threads) AS threadCount FROM user ${IN_WINDOW}`,
    )
    .get(user, date, from, to);
  const diskUsedKib = database
    .prepare(`SELECT SUM(disk_used) FROM folder ${IN_WINDOW}`)
    .pluck()
    .get(user, date, from, to) as number | null;
  return { ...(totals as Omit<MonitorTotals, 'diskUsedKib'>), diskUsedKib };
}

export function readMonitorProcesses(
  database: Pick<Database.Database, 'prepare'>,
  user: string,
  window: MonitorWindow,
): MonitorProcess[] {
  return database
    .prepare<string[], MonitorProcess>(
      `SELECT pid, ${SUMS}, MAX(cpu_num_threads) AS maxThreadCount FROM user ${IN_WINDOW}
       GROUP BY pid ORDER BY SUM(cpu_percent) DESC`,
    )
    .all(user, window.date, window.from, window.to);
}
