import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CollectHost } from '../../../src/collect/collect-host.ts';
import type { CollectStore } from '../../../src/collect/store.ts';
import { SlaposError } from '../../../src/errors/slapos-error.ts';
import { CollectMachine } from '../../support/collect-machine.ts';

let machine: CollectMachine;

beforeEach(() => {
  machine = new CollectMachine();
});

afterEach(() => {
  machine.remove();
});

function read(...names: string[]): string {
  return readFileSync(machine.path(...names), 'utf8');
}

describe('one run', () => {
  test('stamps every row with the start, and measures processes over five seconds', async () => {
    machine.first = [{ pid: 42, uid: 5000, startTicks: 100, utimeTicks: 10, threads: 3 }];
    machine.second = [{ pid: 42, uid: 5000, startTicks: 100, utimeTicks: 260, threads: 3 }];
    expect(await machine.collect()).toBe(0);
    expect(machine.log.problems()).toEqual([]);
    expect(
      machine.query('SELECT partition, pid, cpu_percent, cpu_num_threads, date, time FROM user'),
    ).toEqual([['slapuser0', 42, 50, 3, '2026-11-20', '10:05:07']]);
    expect(machine.query('SELECT date, time, reported FROM system')).toEqual([
      ['2026-11-20', '10:05:07', 0],
    ]);
    expect(machine.query('SELECT count(*) FROM computer')).toEqual([[1]]);
  });

  test('makes its folders and files with the modes of the contract', async () => {
    mkdirSync(machine.path('var', 'data-log'), { recursive: true, mode: 0o700 });
    await machine.collect();
    const mode = (...names: string[]) => statSync(machine.path('var', ...names)).mode & 0o777;
    expect(mode('data-log')).toBe(0o755);
    expect(mode('data-log', 'collector.db')).toBe(0o644);
    expect(mode('data-log', '.collect.lock')).toBe(0o600);
    expect(mode('data-log', 'system_loadavg.csv')).toBe(0o644);
    expect(mode('consumption-report', '2026-11-19.xml')).toBe(0o644);
    expect(mode('xml_report', 'COMP-1', '2026-11-18.xml')).toBe(0o644);
  });

  test('tells its steps as upstream does', async () => {
    await machine.collect({
      settings: { folder: { ...machine.settings.folder, isEnabled: false } },
    });
    expect(machine.log.lines.filter((line) => line.startsWith('INFO'))).toEqual([
      'INFO Collecting data...',
      'INFO Inserting computer information into database...',
      'INFO Done.',
      'INFO Inserting user information into database...',
      'INFO Done.',
      'INFO Writing csv, XML and JSON files...',
      'INFO Done.',
      'INFO Finished collecting.',
      `INFO ${'='.repeat(80)}`,
    ]);
  });

  test('waits for no measure when the run before left what it saw', async () => {
    machine.first = [{ pid: 42, uid: 5000, startTicks: 100, utimeTicks: 10 }];
    machine.second = [{ pid: 42, uid: 5000, startTicks: 100, utimeTicks: 260 }];
    await machine.collect();
    const sleep = () => Promise.reject(new Error('waited'));
    const monotonicMs = () => 65_000;
    machine.first = [
      { pid: 42, uid: 5000, startTicks: 100, utimeTicks: 860 },
      { pid: 43, uid: 5001, startTicks: 6300, utimeTicks: 50 },
    ];
    machine.nowMs += 60_000;
    expect(await machine.collect({ host: { sleep, monotonicMs } })).toBe(0);
    expect(machine.log.problems()).toEqual([]);
    expect(
      machine.query("SELECT partition, cpu_percent FROM user WHERE time = '10:06:07'"),
    ).toEqual([
      ['slapuser0', 10],
      ['slapuser1', 25],
    ]);
    expect(machine.query('SELECT count(*) FROM system')).toEqual([[2]]);
  });

  test('leaves alone what another run is doing', async () => {
    const lock = () => ({ isHeld: false, holderPid: 77 }) as const;
    expect(await machine.collect({ host: { lock } })).toBe(0);
    expect(machine.log.lines.at(-1)).toBe(
      'INFO Another slapos node collect is running (pid 77): nothing to do.',
    );
    expect(existsSync(machine.path('var', 'data-log', 'collector.db'))).toBe(false);
  });

  test('ends with the reason of the signal, and gives the lock back', async () => {
    const controller = new AbortController();
    const reason = new Error('stopped');
    const sleep = async () => {
      controller.abort(reason);
      throw reason;
    };
    await expect(machine.collect({ host: { sleep } }, controller.signal)).rejects.toBe(reason);
    expect(await machine.collect()).toBe(0);
  });
});

describe('a part that fails', () => {
  test('does not stop the others; a mandatory one makes the run exit with 1', async () => {
    const observeProcesses = () => Promise.reject(new Error('no procfs'));
    expect(await machine.collect({ host: { observeProcesses } })).toBe(1);
    expect(machine.log.problems()).toContain('ERROR Could not list the processes: no procfs');
    expect(machine.query('SELECT count(*) FROM system')).toEqual([[1]]);
    expect(existsSync(machine.path('var', 'consumption-report', '2026-11-19.xml'))).toBe(true);
  });

  test('is only a warning for a CSV file, a sensor or the folder of a partition', async () => {
    mkdirSync(machine.path('var', 'data-log', 'system_loadavg.csv', 'x'), { recursive: true });
    const diskUsage = () => Promise.reject(new Error('disk on fire'));
    expect(await machine.collect({ host: { diskUsage } })).toBe(0);
    expect(machine.log.problems()).toEqual([
      expect.stringMatching(/^WARNING Could not measure the folder of slapuser0: disk on fire/),
      expect.stringMatching(/^WARNING Could not measure the folder of slapuser1: disk on fire/),
      expect.stringMatching(/^WARNING Could not write the CSV files of today: /),
    ]);
  });

  test('with the database out of reach, exits with 1 and still says why', async () => {
    mkdirSync(machine.path('var', 'data-log', 'collector.db'), { recursive: true });
    expect(await machine.collect()).toBe(1);
    expect(machine.log.problems()[0]).toMatch(/^ERROR Could not write the samples: Database /);
  });

  test('counters kept from us are told, and the rows are kept', async () => {
    const process = { pid: 42, uid: 5000, startTicks: 1, threads: 1 };
    machine.first = [process];
    const observe = machine.host.observeProcesses;
    const observeProcesses: CollectHost['observeProcesses'] = async (uids) => {
      const table = await observe(uids);
      return { ...table, u8: (index, field) => (field === 'hasIo' ? 0 : table.u8(index, field)) };
    };
    expect(await machine.collect({ host: { observeProcesses } })).toBe(1);
    expect(machine.log.problems()).toContain(
      'ERROR You HAVE TO execute this script with root permission.',
    );
    expect(machine.query('SELECT count(*) FROM user')).toEqual([[1]]);
  });
});

describe('a broken database', () => {
  const aside = 'collector.db.corrupt-20261120T100507Z';

  test('is put aside with its journal, and a new one takes the samples', async () => {
    mkdirSync(machine.path('var', 'data-log'), { recursive: true });
    writeFileSync(machine.path('var', 'data-log', 'collector.db'), 'no database '.repeat(1000));
    writeFileSync(machine.path('var', 'data-log', 'collector.db-journal'), 'old');
    expect(await machine.collect()).toBe(0);
    expect(machine.log.problems()).toEqual([
      expect.stringMatching(/^ERROR The database is broken/),
    ]);
    expect(read('var', 'data-log', aside)).toContain('no database');
    expect(machine.query('SELECT count(*) FROM system')).toEqual([[1]]);
  });

  test('stays where a read only failed, which SQLite tells alike', async () => {
    await machine.collect();
    let failures = 1;
    const { openStore } = machine.host;
    const failing: CollectHost['openStore'] = async (path, log) => {
      const store = await openStore(path, log);
      if (failures-- === 0) return store;
      const cause = Object.assign(new Error('malformed'), { code: 'SQLITE_CORRUPT' });
      const error = new SlaposError('SLAPOS_ERR_DATABASE', 'malformed', { cause });
      const insertSamples = () => Promise.reject(error);
      return Object.assign(Object.create(store) as CollectStore, {
        insertSamples,
        close: () => store.close(),
      });
    };
    machine.nowMs += 60_000;
    expect(await machine.collect({ host: { openStore: failing } })).toBe(0);
    expect(machine.log.problems()).toEqual([]);
    expect(readdirSync(machine.path('var', 'data-log'))).not.toContainEqual(
      expect.stringContaining('corrupt'),
    );
    expect(machine.query('SELECT count(*) FROM system')).toEqual([[2]]);
  });

  /** Leaves an index of past days as it was before the days of its rows changed. */
  function makeIndexStale(): void {
    const path = machine.path('var', 'data-log', 'collector.db');
    const inSchema = (sql: string) => {
      const database = new Sqlite(path).unsafeMode();
      database.pragma('writable_schema = ON');
      database.exec(sql);
      database.close();
    };
    const name = "name = 'system_date_reported_index'";
    machine.execute(`CREATE TABLE kept AS SELECT * FROM sqlite_master WHERE ${name}`);
    inSchema(`DELETE FROM sqlite_master WHERE ${name}`);
    machine.execute("UPDATE system SET date = '2026-11-18'");
    inSchema('INSERT INTO sqlite_master SELECT * FROM kept; DROP TABLE kept');
  }

  test('of which only an index is wrong gets that anew, and keeps its samples', async () => {
    await machine.collect();
    machine.execute("UPDATE system SET date = '2026-11-17'");
    makeIndexStale();
    expect(machine.query('PRAGMA quick_check')).toEqual([['ok']]);
    machine.nowMs += 60_000;
    expect(await machine.collect()).toBe(0);
    expect(machine.log.problems()).toEqual([expect.stringMatching(/^WARNING Indexes of the/)]);
    expect(machine.query('PRAGMA integrity_check')).toEqual([['ok']]);
    expect(await machine.collect()).toBe(0);
    expect(machine.query('SELECT date, reported FROM system ORDER BY date')).toEqual([
      ['2026-11-18', 1],
      ['2026-11-20', 0],
      ['2026-11-20', 0],
    ]);
    expect(readdirSync(machine.path('var', 'data-log'))).not.toContain(aside);
  });

  test('is put aside where it is still wrong after that', async () => {
    await machine.collect();
    const { openStore } = machine.host;
    const cause = Object.assign(new Error('malformed'), { code: 'SQLITE_CORRUPT_INDEX' });
    const error = new SlaposError('SLAPOS_ERR_DATABASE', 'malformed', { cause });
    const isAside = () => existsSync(machine.path('var', 'data-log', aside));
    const failing: CollectHost['openStore'] = async (path, log) => {
      const store = await openStore(path, log);
      if (isAside()) return store;
      return Object.assign(Object.create(store) as CollectStore, {
        insertSamples: () => Promise.reject(error),
        mend: async () => 'mended' as const,
        close: () => store.close(),
      });
    };
    expect(await machine.collect({ host: { openStore: failing } })).toBe(0);
    expect(isAside()).toBe(true);
    expect(machine.query('SELECT count(*) FROM system')).toEqual([[1]]);
  });

  test('broken in the middle of a table is noticed by the part that meets it', async () => {
    await machine.collect();
    const path = machine.path('var', 'data-log', 'collector.db');
    const bytes = readFileSync(path);
    bytes.fill(0xa5, 4096);
    writeFileSync(path, bytes);
    expect(await machine.collect()).toBe(0);
    expect(existsSync(machine.path('var', 'data-log', aside))).toBe(true);
    expect(machine.query('SELECT count(*) FROM system')).toEqual([[1]]);
  });
});

describe('folder sizes', () => {
  const pidFile = () => machine.path('var', 'run', 'slapuser0_disk_size.pid');
  const ofSize = (kib: number): Partial<CollectHost> => ({
    diskUsage: async () => ({ bytes: kib * 1024, entries: 1, failures: 0 }),
    diskLinkedUsage: async () => ({ bytes: 0, entries: 0, failures: 0 }),
  });

  test.each([
    [1024, []],
    [
      1025,
      [
        ['slapuser0', 1025],
        ['slapuser1', 1025],
      ],
    ],
  ])('of %d KiB', async (kib, rows) => {
    await machine.collect({ host: ofSize(kib) });
    expect(machine.query('SELECT partition, disk_used FROM folder')).toEqual(rows);
    expect(readdirSync(machine.path('var', 'run'))).toEqual([]);
  });

  test('are measured again only after the time cycle', async () => {
    await machine.collect({ host: ofSize(2000) });
    machine.nowMs += 600_000;
    await machine.collect({ host: ofSize(2000) });
    expect(machine.query('SELECT count(*) FROM folder')).toEqual([[2]]);
    expect(machine.log.lines).toContain(
      'INFO Time cycle is not over (85800 seconds remaining). No computation of disk usage on the partition slapuser0.',
    );
    machine.nowMs += 86_400_000;
    await machine.collect({ host: ofSize(2000) });
    expect(machine.query('SELECT count(*) FROM folder')).toEqual([[4]]);
  });

  test('are measured once where an earlier clock was ahead on the same day', async () => {
    const settings = { folder: { ...machine.settings.folder, cycleS: 3600 } };
    const collectAt = (nowMs: number) => {
      machine.nowMs = nowMs;
      return machine.collect({ host: ofSize(2000), settings });
    };
    const nowMs = machine.nowMs;
    await collectAt(nowMs + 5 * 3_600_000);
    for (const minute of [0, 1, 2]) await collectAt(nowMs + minute * 60_000);
    expect(machine.query('SELECT count(*) FROM folder')).toEqual([[4]]);
  });

  test('that are small are left alone for a while by who runs every minute', async () => {
    const smallFolders = new Map<string, number>();
    const walked: string[] = [];
    const diskUsage: CollectHost['diskUsage'] = async (path) => {
      walked.push(path);
      return { bytes: 1024, entries: 1, failures: 0 };
    };
    const collect = async (sinceMs: number, cycleS = 86_400) => {
      machine.nowMs += sinceMs;
      walked.length = 0;
      const settings = { folder: { ...machine.settings.folder, cycleS } };
      await machine.collect({ host: { diskUsage }, settings, smallFolders });
      return walked.length;
    };
    expect(await collect(0)).toBe(2);
    expect(await collect(60_000)).toBe(0);
    expect(await collect(60_000, 0)).toBe(2);
    expect(await collect(60_000, 60)).toBe(2);
    expect(await collect(540_000)).toBe(0);
    expect(await collect(60_000)).toBe(2);
  });

  test('count the links of DATA too', async () => {
    const diskLinkedUsage: CollectHost['diskLinkedUsage'] = async (path) => ({
      bytes: path.endsWith('slappart0/DATA') ? 3080 * 1024 : 0,
      entries: 0,
      failures: 0,
    });
    await machine.collect({ host: { ...ofSize(20), diskLinkedUsage } });
    expect(machine.query('SELECT partition, disk_used FROM folder')).toEqual([['slapuser0', 3100]]);
  });

  test('are what the quota says, where there is one, and links elsewhere', async () => {
    const settings = { folder: { ...machine.settings.folder, isQuotaUsed: true } };
    const diskQuota: CollectHost['diskQuota'] = async (path) => {
      if (path.endsWith('1')) throw new Error('ESRCH');
      return { bytes: 5000 * 1024 - 1, uid: 5000 };
    };
    const diskLinkedUsage: CollectHost['diskLinkedUsage'] = async (_, apartFrom) => ({
      bytes: apartFrom.endsWith('slappart0') ? 100 * 1024 : 0,
      entries: 0,
      failures: 0,
    });
    await machine.collect({ settings, host: { ...ofSize(2000), diskQuota, diskLinkedUsage } });
    expect(machine.query('SELECT partition, disk_used FROM folder')).toEqual([
      ['slapuser0', 5100],
      ['slapuser1', 2000],
    ]);
    expect(machine.log.lines).toContain(
      'INFO No quota of slapuser1 to be had, its folder is walked: ESRCH',
    );
  });

  test('wait while the process of the pid file lives', async () => {
    mkdirSync(machine.path('var', 'run'), { recursive: true });
    writeFileSync(pidFile(), String(process.ppid));
    await machine.collect({ host: ofSize(2000) });
    expect(machine.query('SELECT partition FROM folder').flat()).toEqual(['slapuser1']);
    expect(machine.log.problems()).toEqual([
      `WARNING Process ${process.ppid} still in progress. Try later.`,
    ]);
  });

  test.each(['', 'garbage', '999999999', '-1'])(
    'do not wait for a pid file with %j',
    async (text) => {
      mkdirSync(machine.path('var', 'run'), { recursive: true });
      writeFileSync(pidFile(), text);
      await machine.collect({ host: ofSize(2000) });
      expect(machine.query('SELECT count(*) FROM folder')).toEqual([[2]]);
    },
  );
});
