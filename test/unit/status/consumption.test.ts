/** Consumption from the daemon, the database, or nowhere. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NodeSample } from '../../../src/collect/daemon/daemon-client.ts';
import { renderInsert, renderSchema } from '../../../src/collect/schema.ts';
import { GROWTH_QUERY } from '../../../src/status/collector-database.ts';
import { readNodeStatus } from '../../../src/status/read-status.ts';
import { readSeries } from '../../../src/status/series.ts';
import type { StatusHost } from '../../../src/status/sources.ts';
import { StatusSite } from '../../support/status-site.ts';

const NOW = Date.UTC(2026, 10, 21, 0, 0, 30);
const MINUTE = 60_000;
const counters = {
  cpuS: 1,
  readBytes: 1,
  writeBytes: 1,
  readCalls: 1,
  writeCalls: 1,
  netInBytes: 1,
  netOutBytes: 1,
};
const row = {
  cpu: 1.5,
  rssBytes: 2,
  processes: 3,
  threads: 4,
  readBytesPerS: 5,
  writeBytesPerS: 6,
  readCallsPerS: 7,
  writeCallsPerS: 8,
  netInBytesPerS: 9,
  netOutBytesPerS: 10,
};
const sample: NodeSample = {
  atMs: NOW - 1000,
  partitions: [{ partition: 'slappart0', ...row, counters }],
};

describe('consumption', () => {
  let site: StatusSite;
  let nowMs: number;

  beforeEach(() => {
    site = new StatusSite();
    nowMs = NOW;
    for (const name of ['slappart0', 'slappart1']) mkdirSync(site.path(name));
  });
  afterEach(() => site.remove());

  const host = (given: Partial<StatusHost> = {}): Partial<StatusHost> => ({
    nowMs: () => nowMs,
    findUserName: () => 'slapuser0',
    readSamples: async () => undefined,
    readSamplesOf: async () => undefined,
    ...given,
  });
  const openDatabase = () => {
    mkdirSync(site.path('var/data-log'), { recursive: true });
    const database = new Sqlite(site.path('var/data-log/collector.db'));
    for (const { statement } of renderSchema()) database.exec(statement);
    return database;
  };
  const stamp = (ageMs: number) => {
    const text = new Date(NOW - ageMs).toISOString();
    return [text.slice(0, 10), text.slice(11, 19)];
  };
  /** Two processes of one user and one of another at each of three minutes, over midnight. */
  const fill = (database: Sqlite.Database) => {
    const insert = database.prepare(renderInsert('user'));
    const folder = database.prepare(renderInsert('folder'));
    for (const ageMs of [3 * MINUTE, 2 * MINUTE, MINUTE]) {
      const io = 1e6 - ageMs;
      insert.run('slapuser0', 10, '10-1', 50, 9, 2, 0.1, 1000, io, 1, ...stamp(ageMs));
      insert.run('slapuser0', 11, `11-${ageMs}`, 25, 9, 3, 0.1, 500, io, 1, ...stamp(ageMs));
      insert.run('slapuser1', 12, '12-1', 10, 9, 1, 0.1, 700, io, 1, ...stamp(ageMs));
      folder.run('slapuser0', ageMs / 1000, ...stamp(ageMs));
    }
  };
  const consumptionOf = async (given?: Partial<StatusHost>) => {
    const status = await readNodeStatus(site.open(host(given)));
    return { ...status.consumption, of: status.partitions[0]?.consumption };
  };

  it('is the sum of the newest minute of the database', async () => {
    const database = openDatabase();
    fill(database);
    database.close();
    expect(await consumptionOf()).toEqual({
      isAvailable: true,
      reason: '',
      source: 'database',
      of: {
        atMs: NOW - MINUTE,
        cpu: 0.75,
        rssBytes: 1500,
        processes: 2,
        threads: 5,
        readBytesPerS: 0,
        writeBytesPerS: 0,
        netInBytesPerS: 0,
        netOutBytesPerS: 0,
        // Of the process that was there a minute before, too.
        ioBytesPerS: 1000,
        diskBytes: 60 * 1024,
      },
    });
  });

  it('is what the daemon says, with the size of the folder from the database', async () => {
    const readSamples = async () => sample;
    const { readCallsPerS: _, writeCallsPerS: __, ...told } = row;
    expect(await consumptionOf({ readSamples })).toEqual({
      isAvailable: true,
      reason: '',
      source: 'daemon',
      of: { atMs: NOW - 1000, ...told, diskBytes: null },
    });
    const database = openDatabase();
    fill(database);
    database.close();
    expect((await consumptionOf({ readSamples })).of).toMatchObject({ diskBytes: 60 * 1024 });
  });

  it('is not what a daemon said that takes no samples any more', async () => {
    const readSamples = async () => sample;
    nowMs = sample.atMs + 130_000;
    expect(await consumptionOf({ readSamples })).toMatchObject({ source: 'daemon' });
    nowMs += 1000;
    // The clock may have been set back.
    expect(
      await consumptionOf({ readSamples: async () => ({ ...sample, atMs: nowMs + 131_000 }) }),
    ).toMatchObject({ source: 'none' });
    const { of, reason, source } = await consumptionOf({ readSamples });
    expect([source, of]).toEqual(['none', null]);
    expect(reason).toMatch(
      /^The daemon of `slapos node collect` has taken no sample for 131 s .*exist\.$/,
    );
    const database = openDatabase();
    fill(database);
    database.close();
    const found = await consumptionOf({ readSamples });
    expect(found).toMatchObject({ source: 'database', reason: '', of: { processes: 2 } });
  });

  it('is that of the database for a partition that the daemon does not know', async () => {
    const database = openDatabase();
    fill(database);
    database.close();
    const readSamples = async () => ({ ...sample, partitions: [] });
    const sources = site.open(host({ readSamples }));
    const read = async () => (await readNodeStatus(sources)).partitions[0]?.consumption;
    expect(await read()).toMatchObject({ atMs: NOW - MINUTE, processes: 2 });
    nowMs += 20 * MINUTE;
    const late = { ...sample, atMs: nowMs, partitions: [] };
    expect((await consumptionOf({ readSamples: async () => late })).of).toBeNull();
  });

  it('reads of the database no more than what the daemon does not tell', async () => {
    const database = openDatabase();
    fill(database);
    database.exec('ALTER TABLE user RENAME TO elsewhere');
    const partitions = ['slappart0', 'slappart1'].map((partition) => ({
      partition,
      ...row,
      counters,
    }));
    const whole = { ...sample, partitions };
    let told: NodeSample | undefined = whole;
    const sources = site.open(host({ readSamples: async () => told }));
    const read = async () => {
      const { consumption, partitions } = await readNodeStatus(sources);
      return { source: consumption.source, of: partitions[0]?.consumption };
    };
    expect(await read()).toMatchObject({ source: 'daemon', of: { diskBytes: 60 * 1024 } });
    database.exec('ALTER TABLE elsewhere RENAME TO user');
    // The rest is read as soon as it is wanted, if nobody writes.
    told = undefined;
    database.exec('BEGIN EXCLUSIVE');
    expect(await read()).toMatchObject({ source: 'none', of: null });
    database.exec('COMMIT');
    nowMs += 6000;
    expect(await read()).toMatchObject({ source: 'database', of: { processes: 2 } });
    told = whole;
    await read();
    told = undefined;
    expect(await read()).toMatchObject({ source: 'database', of: { processes: 2 } });
    nowMs += 6000;
    told = whole;
    await read();
    told = undefined;
    expect(await read()).toMatchObject({ source: 'database', of: { processes: 2 } });
    database.close();
  });

  it('looks at the rows of two minutes alone for rates', () => {
    const database = openDatabase();
    fill(database);
    for (const statement of ['SELECT 1', 'ANALYZE']) {
      database.exec(statement);
      const plan = database
        .prepare<number[], { detail: string }>(`EXPLAIN QUERY PLAN ${GROWTH_QUERY}`)
        .all(7, 9, 4, 6);
      const byRow = 'SEARCH user USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)';
      const looks = plan.map(({ detail }) => detail).filter((detail) => detail.includes('user'));
      expect(looks).toEqual([byRow, byRow]);
    }
    database.close();
  });

  it('is none with the reason, and makes no file', async () => {
    expect(await consumptionOf()).toMatchObject({ source: 'none', of: null });
    expect(existsSync(site.path('var'))).toBe(false);
    site.write('var/data-log/collector.db', 'no database at all, but a text of some length');
    expect((await consumptionOf()).reason).toMatch(/collector\.db: file is not a database/);
    expect(readdirSync(site.path('var/data-log'))).toEqual(['collector.db']);
  });

  it('is none of an empty database, and of one with old rows', async () => {
    const database = openDatabase();
    expect((await consumptionOf()).reason).toContain('has no row of the last minutes');
    fill(database);
    database.close();
    nowMs = NOW + 20 * MINUTE;
    expect(await consumptionOf()).toMatchObject({ isAvailable: false, of: null });
  });

  it('is read again when the database changed, a few seconds later', async () => {
    const database = openDatabase();
    fill(database);
    const sources = site.open(host());
    const processes = async () =>
      (await readNodeStatus(sources)).partitions[0]?.consumption?.processes;
    expect(await processes()).toBe(2);
    const insert = database.prepare(renderInsert('user'));
    insert.run('slapuser0', 10, '10-1', 50, 9, 2, 0.1, 1000, 1e6, 1, ...stamp(0));
    expect(await processes()).toBe(2);
    nowMs += 6000;
    expect(await processes()).toBe(1);
    database.close();
  });

  it('waits for no writer, and keeps what was read before', async () => {
    const database = openDatabase();
    fill(database);
    const sources = site.open(host());
    const read = async () => (await readNodeStatus(sources)).consumption;
    database.exec('BEGIN EXCLUSIVE');
    expect(await read()).toMatchObject({ source: 'none', reason: expect.stringMatching(/locked/) });
    database.exec('COMMIT');
    nowMs += 6000;
    expect((await read()).source).toBe('database');
    database.exec('BEGIN EXCLUSIVE');
    // Something was written; what, nobody may see yet.
    utimesSync(site.path('var/data-log/collector.db'), 1, 1);
    nowMs += 6000;
    expect((await read()).source).toBe('database');
    database.exec('ROLLBACK');
    database.close();
  });

  it('changes nothing of the database', async () => {
    const database = openDatabase();
    fill(database);
    database.close();
    const file = site.path('var/data-log/collector.db');
    const before = readFileSync(file);
    chmodSync(file, 0o444);
    expect((await consumptionOf()).source).toBe('database');
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(readdirSync(site.path('var/data-log'))).toEqual(['collector.db']);
  });

  it('has series by minute, or of the daemon', async () => {
    const nothing = await readSeries(site.open(host()), 'slappart0');
    expect(nothing).toMatchObject({ resolution: 'minute', timesMs: [], values: {} });
    expect(nothing?.reason).toContain('collector.db');
    const database = openDatabase();
    fill(database);
    database.close();
    const sources = site.open(host());
    expect(await readSeries(sources, 'slappart0')).toEqual({
      partition: 'slappart0',
      resolution: 'minute',
      timesMs: [NOW - 3 * MINUTE, NOW - 2 * MINUTE, NOW - MINUTE],
      values: {
        cpu: [0.75, 0.75, 0.75],
        rssBytes: [1500, 1500, 1500],
        processes: [2, 2, 2],
        threads: [5, 5, 5],
      },
      reason: '',
    });
    const newer = await readSeries(sources, 'slappart0', NOW - 2 * MINUTE);
    expect(newer?.timesMs).toEqual([NOW - MINUTE]);
    for (const name of ['slappart0; DROP', '../slappart0', 'slapuser0']) {
      expect(await readSeries(sources, name)).toBeUndefined();
    }
  });

  it('has samples of the daemon as far back as they reach, and minutes beyond', async () => {
    const values = Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, [value, value]]),
    ) as never;
    let timesMs = [NOW - 1000, NOW];
    const readSamplesOf = async () => ({ partition: 'slappart0', timesMs, values });
    const sources = site.open(host({ readSamplesOf }));
    const told = async (sinceMs?: number) => {
      const series = await readSeries(sources, 'slappart0', sinceMs);
      return [series?.resolution, series?.timesMs];
    };
    // Without a database there is nothing better.
    expect(await told()).toEqual(['sample', timesMs]);
    const database = openDatabase();
    expect(await told(NOW - 60 * MINUTE)).toEqual(['sample', timesMs]);
    fill(database);
    database.close();
    const minutes = [NOW - 3 * MINUTE, NOW - 2 * MINUTE, NOW - MINUTE];
    expect(await told()).toEqual(['minute', minutes]);
    expect(await told(NOW - 6 * 60 * MINUTE)).toEqual(['minute', minutes]);
    expect(await told(NOW - 2 * MINUTE - 1000)).toEqual(['sample', timesMs]);
    expect(await readSeries(sources, 'slappart0', NOW - MINUTE)).toEqual({
      partition: 'slappart0',
      resolution: 'sample',
      timesMs,
      values: expect.objectContaining({ cpu: [1.5, 1.5], netOutBytesPerS: [10, 10] }),
      reason: '',
    });
    // A young daemon has a minute behind it, whose second began before the first sample.
    timesMs = [NOW - 3 * MINUTE + 500, NOW];
    expect(await told(NOW - 20 * MINUTE)).toEqual(['sample', timesMs]);
    timesMs = [NOW - 10 * MINUTE, NOW];
    expect(await told(NOW - 20 * MINUTE)).toEqual(['sample', timesMs]);
    timesMs = [];
    expect(await told(NOW - MINUTE)).toEqual(['sample', []]);
    expect(await told(NOW - 6 * 60 * MINUTE)).toEqual(['minute', minutes]);
  });
});
