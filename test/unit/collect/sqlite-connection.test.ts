import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RunSamples } from '../../../src/collect/sample.ts';
import { openSqliteStore } from '../../../src/collect/sqlite-store.ts';
import type { CollectStore } from '../../../src/collect/store.ts';
import { databaseCopies } from '../../../src/host/folder/database-copy.ts';
import { loadNative } from '../../../src/host/native.ts';
import { RecordingLog } from '../../support/collect-machine.ts';
import { BEGIN_TEARING, leaveByKill } from '../../support/killed-writer.ts';

let folder: string;
let path: string;
let log: RecordingLog;
const stamp = { date: '2026-11-20', time: '10:05:07' };
const samples: RunSamples = {
  disks: [{ device: '/dev/vda', mountpoint: '/', totalBytes: 3n, usedBytes: 1n, freeBytes: 2n }],
  temperatures: [],
  processes: [],
};
/** Read locks that never end: OFD locks, which SQLite takes for those of another process. */
const held: number[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-lock-'));
  path = join(folder, 'collector.db');
  log = new RecordingLog();
});

afterEach(() => {
  for (const fd of held.splice(0)) closeSync(fd);
  rmSync(folder, { recursive: true });
});

function open(patience = { readersMs: 50, writersMs: 400 }): Promise<CollectStore> {
  return openSqliteStore(path, { log, patience, ...databaseCopies() });
}

function lock(isExclusive: boolean): void {
  const fd = openSync(path, isExclusive ? 'r+' : 'r');
  expect(loadNative().lockTry({ fd, isExclusive })).toBe(true);
  held.push(fd);
}

/** Samples of the minutes 0 to 9 and a writer that was killed as it changed them all. */
function leaveHalfWritten(): void {
  const rows = Array.from(
    { length: 10 },
    (_, minute) =>
      `INSERT INTO disk VALUES ('/dev/vda', zeroblob(3000), '1', '1', '${stamp.date}', '${minute}', 0);`,
  );
  const tearing = `${BEGIN_TEARING}; UPDATE disk SET time = 'torn'`;
  leaveByKill(path, ...rows, tearing, ...rows);
}

function count(table: string): unknown {
  const reader = new Sqlite(path, { readonly: true });
  try {
    return reader.prepare(`SELECT count(*) FROM ${table}`).pluck().get();
  } finally {
    reader.close();
  }
}

async function create(): Promise<void> {
  await (await open()).close();
}

async function openWithSamples(): Promise<CollectStore> {
  const store = await open();
  await store.insertSamples(stamp, samples);
  return store;
}

describe('while somebody holds a read lock for ever', () => {
  test('samples are written all the same, and are there before the run ends', async () => {
    await create();
    lock(false);
    const store = await open();
    await store.insertSamples(stamp, samples);
    expect(count('disk')).toBe(1);
    await store.insertSamples({ ...stamp, time: '10:06:07' }, samples);
    await store.close();
    expect(count('disk')).toBe(2);
    expect(log.problems()).toEqual([expect.stringContaining('is kept locked')]);
  });

  test('what a run writes later is there at once too, should the run be killed', async () => {
    const store = await openWithSamples();
    lock(false);
    await store.markReported(stamp.date);
    expect(count('disk WHERE reported = 1')).toBe(1);
    await store.close();
  });

  test('sizes of folders are there half a minute later, however many were measured', async () => {
    const store = await openWithSamples();
    const measure = (name: string) => store.insertFolder(stamp, { partition: name, usedKib: 1 });
    lock(false);
    for (const name of ['slapuser0', 'slapuser1', 'slapuser2']) await measure(name);
    expect(count('folder')).toBe(0);
    expect(log.problems()).toHaveLength(1);
    const nowMs = performance.now();
    vi.spyOn(performance, 'now').mockImplementation(() => nowMs + 31_000);
    await measure('slapuser3');
    vi.restoreAllMocks();
    expect(count('folder')).toBe(4);
    await store.close();
  });

  test('who locks each new file too gains nothing', async () => {
    await create();
    for (let minute = 1; minute <= 5; minute += 1) {
      lock(false);
      const store = await open();
      await store.insertSamples({ ...stamp, time: `10:0${minute}:00` }, samples);
      lock(false);
      await store.insertFolder(stamp, { partition: 'slapuser0', usedKib: minute });
      await store.insertFolder(stamp, { partition: 'slapuser1', usedKib: minute });
      expect(await store.deleteReported(undefined)).toBe(0);
      await store.close();
      expect([count('disk'), count('folder')]).toEqual([minute, 2 * minute]);
    }
    const copies = log.problems().filter((line) => line.includes('is kept locked'));
    expect(copies.length).toBe(10);
  });

  test('reading alone makes no copy, nor does a run with nothing to delete', async () => {
    await create();
    lock(false);
    const inode = statSync(path).ino;
    const store = await open();
    await store.listDiskEntries(stamp.date);
    await store.deleteReported(undefined);
    await store.close();
    expect(statSync(path).ino).toBe(inode);
    expect(readdirSync(folder)).toEqual(['collector.db']);
  });

  test('the tables are made', async () => {
    new Sqlite(path).exec('CREATE TABLE other (x)').close();
    lock(false);
    await (await open()).close();
    expect([count('disk'), count('other')]).toEqual([0, 0]);
  });

  test('what a killed writer left half written is never read', async () => {
    await create();
    leaveHalfWritten();
    lock(false);
    const store = await open();
    expect(await store.listDiskEntries(stamp.date)).toHaveLength(10);
    await store.close();
    expect([count('disk'), count("disk WHERE time = 'torn'"), count('folder')]).toEqual([10, 0, 0]);
    expect(readdirSync(folder).sort()).toEqual(['.collector.db.private', 'collector.db']);
  });

  test('old rows are deleted and their number is told', async () => {
    const first = await open();
    await first.insertSamples(stamp, samples);
    await first.markReported(stamp.date);
    await first.close();
    lock(false);
    const store = await open();
    expect(await store.deleteReported(undefined)).toBe(1);
    await store.close();
    expect(count('disk')).toBe(0);
  });
});

/** Counts the turns that timers get on this thread. */
function countTicks() {
  let count = 0;
  let onTick = () => {};
  const timer = setInterval(() => {
    count += 1;
    onTick();
  }, 5);
  return {
    reach: (wanted: number) =>
      new Promise<void>((resolve) => {
        onTick = () => {
          if (count >= wanted) resolve();
        };
      }),
    stop: () => {
      clearInterval(timer);
      return count;
    },
  };
}

describe('while another program writes', () => {
  test('nothing is replaced, and after a while that is an error', async () => {
    await create();
    const store = await open();
    lock(true);
    const inode = statSync(path).ino;
    await expect(store.insertSamples(stamp, samples)).rejects.toMatchObject({
      code: 'SLAPOS_ERR_DATABASE',
      message: expect.stringContaining('database is locked'),
    });
    expect(statSync(path).ino).toBe(inode);
    await store.close();
  });

  test('timers have their turns before that error', async () => {
    await create();
    const store = await open({ readersMs: 60_000, writersMs: 1000 });
    lock(true);
    const ticks = countTicks();
    await store.insertSamples(stamp, samples).catch(() => {});
    expect(ticks.stop()).toBeGreaterThan(0);
    await store.close();
  });

  test('it is waited for', async () => {
    await create();
    const store = await open({ readersMs: 60_000, writersMs: 60_000 });
    lock(true);
    const written = store.insertSamples(stamp, samples);
    const ticks = countTicks();
    // The lock goes only when timers had their turns while the work waited.
    await ticks.reach(30);
    ticks.stop();
    for (const fd of held.splice(0)) closeSync(fd);
    await written;
    await store.close();
    expect(count('disk')).toBe(1);
    expect(log.problems()).toEqual([]);
  });
});
