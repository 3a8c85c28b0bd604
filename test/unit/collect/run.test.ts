import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CollectHost } from '../../../src/collect/collect-host.ts';
import { runCollect } from '../../../src/collect/run.ts';
import type { CollectSettings } from '../../../src/collect/settings.ts';
import { CollectMachine } from '../../support/collect-machine.ts';

let machine: CollectMachine;

beforeEach(() => {
  machine = new CollectMachine();
});

afterEach(() => {
  machine.remove();
});

function collect(
  changes: { host?: Partial<CollectHost>; settings?: Partial<CollectSettings> } = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<number> {
  return runCollect({
    settings: { ...machine.settings, ...changes.settings },
    host: { ...machine.host, ...changes.host },
    log: machine.log,
    signal,
  });
}

function database(): Sqlite.Database {
  return new Sqlite(machine.path('var', 'data-log', 'collector.db'));
}

function query(sql: string): unknown[] {
  const reader = database();
  try {
    return reader.prepare(sql).raw().all();
  } finally {
    reader.close();
  }
}

function execute(sql: string): void {
  const writer = database();
  writer.exec(sql);
  writer.close();
}

function read(...names: string[]): string {
  return readFileSync(machine.path(...names), 'utf8');
}

const monitor = (partition: number, name: string) =>
  machine.path(`slappart${partition}`, '.slapgrid', 'monitor', name);

/** A `user` row of slapuser0 in the minute before the machine's clock. */
const ROW_OF_LAST_MINUTE =
  "INSERT INTO user VALUES ('slapuser0', 42, '42-1.0', 1.5, 120, 3, 4, 1048576, 10, 20, '2026-11-20', '10:04:01', 0)";

describe('one run', () => {
  test('stamps every row with the start, and measures processes over five seconds', async () => {
    machine.first = [{ pid: 42, uid: 5000, startTicks: 100, utimeTicks: 10, threads: 3 }];
    machine.second = [{ pid: 42, uid: 5000, startTicks: 100, utimeTicks: 260, threads: 3 }];
    expect(await collect()).toBe(0);
    expect(machine.log.problems()).toEqual([]);
    expect(
      query('SELECT partition, pid, cpu_percent, cpu_num_threads, date, time FROM user'),
    ).toEqual([['slapuser0', 42, 50, 3, '2026-11-20', '10:05:07']]);
    expect(query('SELECT date, time, reported FROM system')).toEqual([
      ['2026-11-20', '10:05:07', 0],
    ]);
    expect(query('SELECT count(*) FROM computer')).toEqual([[1]]);
  });

  test('makes its folders and files with the modes of the contract', async () => {
    mkdirSync(machine.path('var', 'data-log'), { recursive: true, mode: 0o700 });
    await collect();
    const mode = (...names: string[]) => statSync(machine.path('var', ...names)).mode & 0o777;
    expect(mode('data-log')).toBe(0o755);
    expect(mode('data-log', 'collector.db')).toBe(0o644);
    expect(mode('data-log', '.collect.lock')).toBe(0o600);
    expect(mode('data-log', 'system_loadavg.csv')).toBe(0o644);
    expect(mode('consumption-report', '2026-11-19.xml')).toBe(0o644);
    expect(mode('xml_report', 'COMP-1', '2026-11-18.xml')).toBe(0o644);
  });

  test('tells its steps as upstream does', async () => {
    await collect({ settings: { folder: { ...machine.settings.folder, isEnabled: false } } });
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

  test('leaves alone what another run is doing', async () => {
    const lock = () => ({ isHeld: false, holderPid: 77 }) as const;
    expect(await collect({ host: { lock } })).toBe(0);
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
    await expect(collect({ host: { sleep } }, controller.signal)).rejects.toBe(reason);
    expect(await collect()).toBe(0);
  });
});

describe('a part that fails', () => {
  test('does not stop the others; a mandatory one makes the run exit with 1', async () => {
    const observeProcesses = () => Promise.reject(new Error('no procfs'));
    expect(await collect({ host: { observeProcesses } })).toBe(1);
    expect(machine.log.problems()).toContain('ERROR Could not list the processes: no procfs');
    expect(query('SELECT count(*) FROM system')).toEqual([[1]]);
    expect(existsSync(machine.path('var', 'consumption-report', '2026-11-19.xml'))).toBe(true);
  });

  test('is only a warning for a CSV file, a sensor or the folder of a partition', async () => {
    mkdirSync(machine.path('var', 'data-log', 'system_loadavg.csv', 'x'), { recursive: true });
    const diskUsage = () => Promise.reject(new Error('disk on fire'));
    expect(await collect({ host: { diskUsage } })).toBe(0);
    expect(machine.log.problems()).toEqual([
      expect.stringMatching(/^WARNING Could not measure the folder of slapuser0: disk on fire/),
      expect.stringMatching(/^WARNING Could not measure the folder of slapuser1: disk on fire/),
      expect.stringMatching(/^WARNING Could not write the CSV files of today: /),
    ]);
  });

  test('with the database out of reach, exits with 1 and still says why', async () => {
    mkdirSync(machine.path('var', 'data-log', 'collector.db'), { recursive: true });
    expect(await collect()).toBe(1);
    expect(machine.log.problems()[0]).toMatch(/^ERROR Could not write the samples: Database /);
  });

  test('counters kept from us are told, and the rows are kept', async () => {
    const process = { pid: 42, uid: 5000, startTicks: 1, threads: 1 };
    machine.first = [process];
    const observe = machine.host.observeProcesses;
    const observeProcesses: CollectHost['observeProcesses'] = async (uids) => {
      const table = await observe(uids);
      return { ...table, sample: (index) => ({ ...table.sample(index), hasIo: false }) };
    };
    expect(await collect({ host: { observeProcesses } })).toBe(1);
    expect(machine.log.problems()).toContain(
      'ERROR You HAVE TO execute this script with root permission.',
    );
    expect(query('SELECT count(*) FROM user')).toEqual([[1]]);
  });
});

describe('a broken database', () => {
  const aside = 'collector.db.corrupt-20261120T100507Z';

  test('is put aside with its journal, and a new one takes the samples', async () => {
    mkdirSync(machine.path('var', 'data-log'), { recursive: true });
    writeFileSync(machine.path('var', 'data-log', 'collector.db'), 'no database '.repeat(1000));
    writeFileSync(machine.path('var', 'data-log', 'collector.db-journal'), 'old');
    expect(await collect()).toBe(0);
    expect(machine.log.problems()).toEqual([
      expect.stringMatching(/^ERROR The database is broken/),
    ]);
    expect(read('var', 'data-log', aside)).toContain('no database');
    expect(query('SELECT count(*) FROM system')).toEqual([[1]]);
  });

  test('broken in the middle of a table is noticed by the part that meets it', async () => {
    await collect();
    const path = machine.path('var', 'data-log', 'collector.db');
    const bytes = readFileSync(path);
    bytes.fill(0xa5, 4096);
    writeFileSync(path, bytes);
    expect(await collect()).toBe(0);
    expect(existsSync(machine.path('var', 'data-log', aside))).toBe(true);
    expect(query('SELECT count(*) FROM system')).toEqual([[1]]);
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
    await collect({ host: ofSize(kib) });
    expect(query('SELECT partition, disk_used FROM folder')).toEqual(rows);
    expect(readdirSync(machine.path('var', 'run'))).toEqual([]);
  });

  test('are measured again only after the time cycle', async () => {
    await collect({ host: ofSize(2000) });
    machine.nowMs += 600_000;
    await collect({ host: ofSize(2000) });
    expect(query('SELECT count(*) FROM folder')).toEqual([[2]]);
    expect(machine.log.lines).toContain(
      'INFO Time cycle is not over (85800 seconds remaining). No computation of disk usage on the partition slapuser0.',
    );
    machine.nowMs += 86_400_000;
    await collect({ host: ofSize(2000) });
    expect(query('SELECT count(*) FROM folder')).toEqual([[4]]);
  });

  test('count the links of DATA too', async () => {
    const diskLinkedUsage: CollectHost['diskLinkedUsage'] = async (path) => ({
      bytes: path.endsWith('slappart0/DATA') ? 3080 * 1024 : 0,
      entries: 0,
      failures: 0,
    });
    await collect({ host: { ...ofSize(20), diskLinkedUsage } });
    expect(query('SELECT partition, disk_used FROM folder')).toEqual([['slapuser0', 3100]]);
  });

  test('wait while the process of the pid file lives', async () => {
    mkdirSync(machine.path('var', 'run'), { recursive: true });
    writeFileSync(pidFile(), String(process.ppid));
    await collect({ host: ofSize(2000) });
    expect(query('SELECT partition FROM folder').flat()).toEqual(['slapuser1']);
    expect(machine.log.problems()).toEqual([
      `WARNING Process ${process.ppid} still in progress. Try later.`,
    ]);
  });

  test.each(['', 'garbage', '999999999', '-1'])(
    'do not wait for a pid file with %j',
    async (text) => {
      mkdirSync(machine.path('var', 'run'), { recursive: true });
      writeFileSync(pidFile(), text);
      await collect({ host: ofSize(2000) });
      expect(query('SELECT count(*) FROM folder')).toEqual([[2]]);
    },
  );
});

describe('monitor files', () => {
  test('hold the minute before, and grow by one row a minute', async () => {
    await collect();
    execute(ROW_OF_LAST_MINUTE);
    expect(await collect()).toBe(0);
    const data = JSON.parse(readFileSync(monitor(0, 'monitor_resource_process.data.json'), 'utf8'));
    expect(data.data).toEqual([
      'date, total process, CPU percent, CPU time, CPU threads',
      '2026-11-20 10:04:00, 1, 1.5, 2.0, 3.0',
    ]);
    await collect();
    const text = readFileSync(monitor(0, 'monitor_resource_memory.data.json'), 'utf8');
    expect(text).toMatch(/"date, memory used percent, memory used","2026.*","2026.*"\]\}$/);
    expect(readFileSync(monitor(1, 'monitor_resource.status.json'), 'utf8')).toBe('{}');
    expect(readdirSync(machine.path('slappart1', '.slapgrid', 'monitor'))).toEqual([
      'monitor_resource.status.json',
    ]);
    expect(statSync(monitor(0, 'monitor_resource_io.data.json')).mode & 0o777).toBe(0o644);
  });

  test('name the processes that are still there, of that user alone', async () => {
    machine.first = [
      { pid: 42, uid: 5000, startTicks: 100, threads: 1 },
      { pid: 43, uid: 5001, startTicks: 100, threads: 1 },
    ];
    await collect();
    execute(ROW_OF_LAST_MINUTE);
    execute(ROW_OF_LAST_MINUTE.replace('42,', '43,'));
    await collect();
    const path = monitor(0, 'monitor_process_resource.status.json');
    const list = JSON.parse(readFileSync(path, 'utf8')) as Array<{ pid: number }>;
    const [own, foreign] = [42, 43].map((pid) => list.find((entry) => entry.pid === pid));
    expect(own).toMatchObject({ command: ['/bin/program', '42'], user: 'slapuser0' });
    expect(foreign).not.toHaveProperty('command');
  });

  test('are left out where a partition has no .slapgrid', async () => {
    rmSync(machine.path('slappart1'), { recursive: true });
    rmSync(machine.path('slappart0', '.slapgrid'), { recursive: true });
    expect(await collect()).toBe(0);
    expect(machine.log.problems()).toEqual([]);
    expect(existsSync(machine.path('slappart0', '.slapgrid'))).toBe(false);
  });

  test.each(['', '{"date": 1.0, "data": ["date, total', '[]'])(
    'broken as %j are mended',
    async (text) => {
      await collect();
      execute(ROW_OF_LAST_MINUTE);
      const path = monitor(0, 'monitor_resource_process.data.json');
      writeFileSync(path, text);
      await collect();
      expect(JSON.parse(readFileSync(path, 'utf8')).data).toHaveLength(2);
    },
  );

  test('never follow a link of the partition', async () => {
    await collect();
    execute(ROW_OF_LAST_MINUTE);
    const victim = machine.path('victim');
    writeFileSync(victim, '{"date": 1.0, "data": []}');
    for (const name of ['monitor_resource_process.data.json', 'monitor_resource_io.data.json']) {
      symlinkSync(victim, monitor(0, name));
    }
    rmSync(monitor(0, 'monitor_resource.status.json'));
    symlinkSync(victim, monitor(0, 'monitor_resource.status.json'));
    mkdirSync(machine.path('elsewhere'));
    rmSync(machine.path('slappart1', '.slapgrid'), { recursive: true });
    symlinkSync(machine.path('elsewhere'), machine.path('slappart1', '.slapgrid'));
    await collect();
    expect(readFileSync(victim, 'utf8')).toBe('{"date": 1.0, "data": []}');
    expect(statSync(monitor(0, 'monitor_resource.status.json')).isFile()).toBe(true);
    expect(readdirSync(machine.path('elsewhere'))).toEqual([]);
  });
});

describe('past days', () => {
  const old = (date: string) =>
    `INSERT INTO system VALUES (0.1, 10, 100, 100, 10, 1, 2, 12, 1, 1, '${date}', 'TIME', 0)`;
  const members = (day: string) =>
    spawnSync('tar', ['-tzf', machine.path('var', 'data-log', `${day}.tar.gz`)])
      .stdout.toString()
      .trim()
      .split('\n');

  test('are dumped, packed and, when old, deleted', async () => {
    await collect();
    execute(old('1983-01-10'));
    execute(old('2026-11-19'));
    expect(await collect()).toBe(0);
    expect(members('1983-01-10')).toEqual([
      '1983-01-10/',
      '1983-01-10/dump_computer.csv',
      '1983-01-10/dump_disk.csv',
      '1983-01-10/dump_folder.csv',
      '1983-01-10/dump_heating.csv',
      '1983-01-10/dump_system.csv',
      '1983-01-10/dump_temperature.csv',
      '1983-01-10/dump_user.csv',
    ]);
    const archive = machine.path('var', 'data-log', '1983-01-10.tar.gz');
    const dump = spawnSync('tar', ['-xOzf', archive, '1983-01-10/dump_system.csv']);
    expect(dump.stdout.toString()).toBe(
      '0.1,10.0,100.0,100.0,10.0,1.0,2.0,12.0,1.0,1.0,1983-01-10,TIME,0\r\n',
    );
    expect(existsSync(machine.path('var', 'data-log', '1983-01-10'))).toBe(false);
    expect(query("SELECT date, reported FROM system WHERE time = 'TIME'")).toEqual([
      ['2026-11-19', 1],
    ]);
  });

  test('keep a folder of dumps that an interrupted run left, until it is packed', async () => {
    mkdirSync(machine.path('var', 'data-log', '2026-11-01'), { recursive: true });
    writeFileSync(machine.path('var', 'data-log', '2026-11-01', 'dump_user.csv'), 'x\r\n');
    expect(await collect()).toBe(0);
    expect(members('2026-11-01')).toEqual(['2026-11-01/', '2026-11-01/dump_user.csv']);
  });

  test('with a date that is no date touch nothing outside', async () => {
    await collect();
    execute(old('../../escape'));
    expect(await collect()).toBe(0);
    expect(existsSync(machine.path('escape'))).toBe(false);
  });

  test('get their consumption report once, and none after an upload', async () => {
    mkdirSync(machine.path('var', 'consumption-report'), { recursive: true });
    writeFileSync(machine.path('var', 'consumption-report', '2026-11-18.xml.uploaded'), '');
    await collect();
    const name = ['2026-11-19.xml'];
    expect(readdirSync(machine.path('var', 'xml_report', 'COMP-1'))).toEqual(name);
    expect(read('var', 'consumption-report', '2026-11-19.xml')).toContain(
      '<quantity>-1</quantity>',
    );
    rmSync(machine.path('var', 'xml_report', 'COMP-1', '2026-11-19.xml'));
    await collect();
    expect(readdirSync(machine.path('var', 'xml_report', 'COMP-1'))).toEqual([]);
  });
});
