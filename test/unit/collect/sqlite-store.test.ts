import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { renderCsvRow } from '../../../src/collect/csv.ts';
import type { RunSamples, UserRow } from '../../../src/collect/sample.ts';
import { TABLES, type TableName } from '../../../src/collect/schema.ts';
import { openSqliteStore } from '../../../src/collect/sqlite-store.ts';
import { type CollectStore, isCorruption } from '../../../src/collect/store.ts';
import { databaseCopies } from '../../../src/host/folder/database-copy.ts';
import { silentLogger } from '../../../src/log/logger.ts';

const network = {
  inBytes: 10,
  inErrors: 1,
  inDropped: 2,
  outBytes: 12,
  outErrors: 1,
  outDropped: 1,
};
const system = {
  loadAverage: 0.1,
  cpuPercent: 10,
  memoryUsedBytes: 100,
  memoryFreeBytes: 100,
  network,
};
const nothing: RunSamples = { disks: [], temperatures: [], processes: [] };
const today = '2026-11-20';

function userRow(changes: Partial<UserRow> = {}): UserRow {
  return {
    partition: 'slapuser0',
    pid: 1363,
    process: '1363-1700000000.5',
    cpuPercent: 1,
    cpuTimeS: 2,
    threadCount: 3,
    memoryPercent: 4,
    rssBytes: 100 * 2 ** 20,
    ioBytes: 6,
    ioCalls: 7,
    ...changes,
  };
}

function openStore(file: string): Promise<CollectStore> {
  return openSqliteStore(file, { log: silentLogger, ...databaseCopies() });
}

let folder: string;
let path: string;
let store: CollectStore;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-collect-'));
  path = join(folder, 'collector.db');
  store = await openStore(path);
});

afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

function query(sql: string, values: readonly string[] = []): unknown[] {
  const reader = new Sqlite(path, { readonly: true });
  try {
    return reader
      .prepare(sql)
      .raw()
      .all(...values);
  } finally {
    reader.close();
  }
}

async function dump(table: TableName, date: string): Promise<string> {
  let text = '';
  for await (const rows of store.dumpTable(table, date)) text += rows.map(renderCsvRow).join('');
  return text;
}

describe('a fresh database', () => {
  test('has exactly the tables of the contract, in order, and their indexes', () => {
    expect(
      query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid").flat(),
    ).toEqual(['user', 'folder', 'computer', 'system', 'disk', 'temperature', 'heating']);
    expect(
      query("SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY rowid").flat(),
    ).toEqual([
      'user_partition_date_time',
      ...TABLES.map(({ name }) => `${name}_date_reported_index`),
    ]);
  });
  test('keeps a rollback journal', () => {
    expect(query('PRAGMA journal_mode')).toEqual([['delete']]);
  });
  test('opens again, and creates again what was dropped', async () => {
    const other = new Sqlite(path);
    other.exec('DROP INDEX user_partition_date_time; DROP TABLE heating; CREATE TABLE mine (x)');
    other.close();
    const again = await openStore(path);
    await again.close();
    expect(query('SELECT count(*) FROM heating')).toEqual([[0]]);
    expect(
      query("SELECT count(*) FROM sqlite_master WHERE name = 'user_partition_date_time'"),
    ).toEqual([[1]]);
  });
});

test('the newest folder row is found from the newest day on, not by sorting all of them', async () => {
  await store.insertFolder({ date: today, time: '10:00:01' }, { partition: 'a', usedKib: 1 });
  const prepare = vi.spyOn(Sqlite.prototype, 'prepare');
  const stamp = await store.findFolderStamp('a', { date: today, time: '10:00:01' });
  const texts = prepare.mock.calls.map(([text]) => text);
  const asked = texts.find((text) => text.includes('FROM folder')) ?? '';
  prepare.mockRestore();
  expect(stamp).toEqual({ date: today, time: '10:00:01' });
  const plan = query(`EXPLAIN QUERY PLAN ${asked}`, asked.match(/\?/g)?.fill('x'));
  expect(plan.map((row) => (row as unknown[]).at(-1))).toEqual([
    'SEARCH folder USING INDEX folder_date_reported_index (date<?)',
    'USE TEMP B-TREE FOR LAST TERM OF ORDER BY',
  ]);
});

describe('insertSamples', () => {
  test('stores each value under its declared type', async () => {
    await store.insertSamples(
      { date: today, time: '10:00:01' },
      {
        computer: { coreCount: 2, memoryBytes: 1024, diskList: '/dev/vda=4096' },
        system,
        disks: [
          {
            device: '/dev/vda',
            mountpoint: '/',
            totalBytes: 4096n,
            usedBytes: 10n,
            freeBytes: 11n,
          },
        ],
        temperatures: [{ sensorId: 'coretemp-isa-0000 Core 0:', celsius: 45, alarm: 1 }],
        processes: [userRow()],
      },
    );
    await store.insertFolder(
      { date: today, time: '10:00:01' },
      { partition: 'slapuser0', usedKib: 3080 },
    );
    const at = `${today},10:00:01,0\r\n`;
    expect(await dump('user', today)).toBe(
      `slapuser0,1363.0,1363-1700000000.5,1.0,2.0,3.0,4.0,104857600.0,6.0,7.0,${at}`,
    );
    expect(await dump('computer', today)).toBe(`2.0,0.0,0,1024.0,0,/dev/vda=4096,${at}`);
    expect(await dump('system', today)).toBe(
      `0.1,10.0,100.0,100.0,10.0,1.0,2.0,12.0,1.0,1.0,${at}`,
    );
    expect(await dump('disk', today)).toBe(`/dev/vda,10,11,/,${at}`);
    expect(await dump('temperature', today)).toBe(`coretemp-isa-0000 Core 0:,45.0,1,${at}`);
    expect(await dump('folder', today)).toBe(`slapuser0,3080.0,${at}`);
    expect(await dump('heating', today)).toBe('');
    expect(query('SELECT typeof(used), typeof(free) FROM disk')).toEqual([['text', 'text']]);
  });

  test('is all or nothing', async () => {
    const broken = userRow({ partition: {} as unknown as string });
    const samples = { ...nothing, system, processes: [userRow(), broken] };
    await expect(
      store.insertSamples({ date: today, time: '10:00:01' }, samples),
    ).rejects.toMatchObject({ code: 'SLAPOS_ERR_DATABASE' });
    expect(query('SELECT count(*) FROM system')).toEqual([[0]]);
  });
});

describe('reports', () => {
  test('average a partition over moments, not over rows', async () => {
    const mib = 2 ** 20;
    const first = [userRow(), userRow({ pid: 2, cpuPercent: 2, rssBytes: 50 * mib })];
    const second = [userRow({ cpuPercent: 3, rssBytes: 90 * mib })];
    await store.insertSamples({ date: today, time: '10:00:01' }, { ...nothing, processes: first });
    await store.insertSamples(
      { date: today, time: '10:01:01' },
      { ...nothing, system, processes: second },
    );
    await store.insertFolder(
      { date: today, time: '10:00:01' },
      { partition: 'slapuser0', usedKib: 3080 },
    );
    const users = [
      { name: 'slapuser0', path: '/p' },
      { name: 'slapuser1', path: '/q' },
    ];
    expect(await store.readConsumption(today, users)).toEqual({
      cpuPercent: 10,
      memoryBytes: 100,
      zeroEmissionRatio: null,
      users: [
        { name: 'slapuser0', cpuPercent: 3, memoryMib: 120, diskMib: 3.0078125 },
        { name: 'slapuser1', cpuPercent: null, memoryMib: null, diskMib: null },
      ],
    });
  });

  test('take the newest heating row, whatever the order of the rows', async () => {
    const other = new Sqlite(path);
    const insert = other.prepare(
      "INSERT INTO heating VALUES ('m', 's', 40, 70, 420, ?, ?, '10:00:00', 0)",
    );
    insert.run(100, '2026-11-19');
    insert.run(0, '2026-11-01');
    other.close();
    expect(await store.readConsumption(today, [])).toMatchObject({ zeroEmissionRatio: 100 });
  });

  test('of a minute see its rows alone', async () => {
    const window = { date: today, from: '10:00:00', to: '10:00:59' };
    const rows = [userRow(), userRow({ pid: 7, cpuPercent: 9, threadCount: 1 })];
    await store.insertSamples({ date: today, time: '10:00:59' }, { ...nothing, processes: rows });
    await store.insertSamples({ date: today, time: '10:01:00' }, { ...nothing, processes: rows });
    expect(await store.readMonitorTotals('slapuser0', window)).toMatchObject({
      rowCount: 2,
      cpuPercent: 10,
      threadCount: 4,
      diskUsedKib: null,
    });
    expect(await store.listMonitorProcesses('slapuser0', window)).toMatchObject([
      { pid: 7, rowCount: 1, maxThreadCount: 1 },
      { pid: 1363, rowCount: 1, maxThreadCount: 3 },
    ]);
    expect(await store.readMonitorTotals('slapuser1', window)).toMatchObject({
      rowCount: 0,
      ioBytes: 0,
    });
  });
});

describe('packing and retention', () => {
  const insertOn = (date: string) =>
    store.insertSamples({ date, time: '10:00:01' }, { ...nothing, system, processes: [userRow()] });

  test('days are listed until they are marked', async () => {
    for (const date of [today, '2026-11-18', '2026-11-19', '1983-01-10']) await insertOn(date);
    expect(await store.listUnreportedDays(today)).toEqual([
      '1983-01-10',
      '2026-11-18',
      '2026-11-19',
    ]);
    await store.markReported('1983-01-10');
    expect(await store.listUnreportedDays(today)).toEqual(['2026-11-18', '2026-11-19']);
    expect(await dump('system', '1983-01-10')).toContain(',1\r\n');
  });

  test('only packed rows outside the days to keep are deleted, never heating', async () => {
    for (const date of ['2026-11-05', '2026-11-06', '2026-11-21']) {
      await insertOn(date);
      await store.markReported(date);
    }
    await insertOn('2026-11-04');
    const other = new Sqlite(path);
    other.exec(
      "INSERT INTO heating VALUES ('m', 's', 40, 70, 420, 100, '2000-01-01', '10:00:00', 1)",
    );
    other.close();
    expect(await store.deleteReported({ oldest: '2026-11-06', newest: today })).toBe(4);
    expect(query('SELECT date FROM system ORDER BY date').flat()).toEqual([
      '2026-11-04',
      '2026-11-06',
    ]);
    expect(await store.deleteReported(undefined)).toBe(2);
    expect(query('SELECT date FROM user').flat()).toEqual(['2026-11-04']);
    expect(query('SELECT count(*) FROM heating')).toEqual([[1]]);
  });

  test('a file that is mostly free shrinks', async () => {
    const processes = Array.from({ length: 2000 }, (_, pid) => userRow({ pid }));
    await store.insertSamples(
      { date: '2026-01-01', time: '10:00:01' },
      { ...nothing, system, processes },
    );
    await store.markReported('2026-01-01');
    const before = readFileSync(path).length;
    await store.deleteReported(undefined);
    expect(readFileSync(path).length).toBeLessThan(before / 2);
  });

  test('a dump goes on over portions', async () => {
    const processes = Array.from({ length: 12_001 }, (_, pid) => userRow({ pid }));
    await store.insertSamples({ date: '2026-01-01', time: '10:00:01' }, { ...nothing, processes });
    await insertOn('2026-01-02');
    const lines = (await dump('user', '2026-01-01')).trimEnd().split('\r\n');
    expect(lines.length).toBe(12_001);
    expect(lines[12_000]).toContain('slapuser0,12000.0,');
  });
});

describe('a broken file', () => {
  test('is told from other failures', async () => {
    const broken = join(folder, 'broken.db');
    writeFileSync(broken, 'This is no database. '.repeat(100));
    const error = await openStore(broken).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: 'SLAPOS_ERR_DATABASE' });
    expect(isCorruption(error)).toBe(true);
    const missing = await openStore('/nonexistent/x.db').catch((failure: unknown) => failure);
    expect(isCorruption(missing)).toBe(false);
  });
});
