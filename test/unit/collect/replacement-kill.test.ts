/** `collector.db` after a death at each step of its replacement, whatever comes after that. */
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openSqliteStore } from '../../../src/collect/sqlite-store.ts';
import { databaseCopies } from '../../../src/host/folder/database-copy.ts';
import { loadNative } from '../../../src/host/native.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import {
  BEGIN_TEARING,
  type DatabaseFiles,
  leaveByKill,
  readDatabaseFiles,
  writeDatabaseFiles,
} from '../../support/killed-writer.ts';
import { copyDatabase } from '../../support/sqlite-moments.ts';

/** From the step of that number on nothing is changed any more: the process is dead. */
const life = vi.hoisted(() => ({
  stepCount: 0,
  lastStep: Number.POSITIVE_INFINITY,
  ended: '',
  onStep: (_name: string): void => {},
  step(name: string): void {
    life.stepCount += 1;
    life.onStep(name);
    if (life.stepCount <= life.lastStep) return;
    life.ended ||= name;
    throw new Error(`dead at ${name}`);
  },
}));

vi.mock('node:fs/promises', async (load) => {
  const files = await load<typeof import('node:fs/promises')>();
  type Call = (...values: unknown[]) => Promise<unknown>;
  const lively =
    (name: string, call: Call): Call =>
    async (...values) => {
      life.step(`${name} ${values.filter((value) => typeof value === 'string').join(' ')}`);
      return call(...values);
    };
  const changing = ['chmod', 'copyFile', 'link', 'mkdir', 'rename', 'rm', 'rmdir', 'truncate'];
  const open = async (path: string, ...rest: [string, number]) => {
    const handle = await files.open(path, ...rest);
    const calls = handle as unknown as Record<string, Call>;
    for (const name of ['chmod', 'chown', 'sync', 'truncate', 'write', 'writeFile']) {
      calls[name] = lively(`${name} ${path}`, (calls[name] as Call).bind(handle));
    }
    return handle;
  };
  const named = files as unknown as Record<string, Call>;
  const wrapped = changing.map((name) => [name, lively(name, named[name] as Call)]);
  return { ...files, ...Object.fromEntries(wrapped), open };
});

let folder: string;
let path: string;
/** Read locks that never end: OFD locks, which SQLite takes for those of another process. */
const held: number[] = [];
const SAMPLES = {
  disks: [{ device: '/dev/vda', mountpoint: '/', totalBytes: 3n, usedBytes: 1n, freeBytes: 2n }],
  temperatures: [],
  processes: [],
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-replaced-'));
  path = join(folder, 'collector.db');
});

afterEach(() => {
  life.onStep = () => {};
  releaseAll();
  rmSync(folder, { recursive: true });
});

function holdReadLock(): void {
  const fd = openSync(path, 'r');
  expect(loadNative().lockTry({ fd, isExclusive: false })).toBe(true);
  held.push(fd);
}

function releaseAll(): void {
  for (const fd of held.splice(0)) closeSync(fd);
}

/** A run that writes one row of that time; it ends when it cannot. */
async function collect(time: string): Promise<void> {
  const patience = { readersMs: 0, writersMs: 0 };
  const store = await openSqliteStore(path, { log: silentLogger, patience, ...databaseCopies() });
  try {
    await store.insertSamples({ date: '2026-11-20', time }, SAMPLES);
  } finally {
    await store.close();
  }
}

function write(sql: string): void {
  const database = new Sqlite(path, { timeout: 0 });
  try {
    database.exec(sql);
  } finally {
    database.close();
  }
}

const insertion = (time: string) =>
  `INSERT INTO disk VALUES ('/dev/vda', '/', '1', '1', '2026-11-20', '${time}', 0);`;

/** The times of all rows of a sound database. */
function timesIn(file: string): unknown[] {
  const database = new Sqlite(file);
  try {
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
    return database.prepare('SELECT time FROM disk ORDER BY time').pluck().all();
  } finally {
    database.close();
  }
}

/** What anybody would find who comes now and may write. */
function look(): unknown[] {
  const seen = join(folder, 'seen');
  const times = timesIn(copyDatabase(path, seen));
  rmSync(seen, { recursive: true });
  return times;
}

function readsAs(times: readonly unknown[]): boolean {
  try {
    expect(look()).toEqual(times);
    return true;
  } catch {
    return false;
  }
}

function restore(files: DatabaseFiles): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
  writeDatabaseFiles(path, files);
}

const wide = (time: string) =>
  Array.from({ length: 10 }, () => insertion(time).replace("'1'", 'zeroblob(3000)'));

const TEARING = `${BEGIN_TEARING}; UPDATE disk SET time = 'torn'`;
const SCENES: ReadonlyArray<readonly [name: string, leave: () => DatabaseFiles]> = [
  ['a whole file', () => readDatabaseFiles(path)],
  [
    'a file that a killed writer tore',
    () => leaveByKill(path, ...wide('wide'), TEARING, ...wide('torn')),
  ],
  [
    'a file with a write-ahead log',
    () => leaveByKill(path, 'PRAGMA journal_mode = WAL', 'DELETE FROM disk', insertion('log')),
  ],
];

/** Of what stands beside the file, not in the private folder. */
const REMOVAL = /^rm [^.]*\/collector\.db-/;
const JOURNAL_REMOVED = expect.stringMatching(/^rm [^.]*\/collector\.db-journal$/);

/** What comes before the next run; who holds locks then holds them on whatever has the name. */
const AFTERMATHS: ReadonlyArray<readonly [name: string, write: () => readonly string[]]> = [
  ['nothing', () => []],
  [
    'a write by another program',
    () => {
      releaseAll();
      write(insertion('other'));
      return ['other'];
    },
  ],
];

/** A run under a read lock: where it died, and the row that it said it had written. */
async function dieAt(step: number) {
  holdReadLock();
  Object.assign(life, { stepCount: 0, lastStep: step, ended: '' });
  const written = await collect('dead').then(
    () => ['dead'],
    () => [],
  );
  life.lastStep = Number.POSITIVE_INFINITY;
  return { place: life.ended, written };
}

describe.each(SCENES)('%s that is replaced by a run', (_, leave) => {
  let files: DatabaseFiles;
  let committed: unknown[];

  beforeEach(async () => {
    await collect('first');
    await collect('second');
    files = leave();
    committed = look();
    restore(new Map([...files].slice(0, 1)));
    expect(readsAs(committed)).toBe(files.size === 1);
  });

  test.each(AFTERMATHS)('which dies at any step, then %s', async (_, writeOther) => {
    const places: string[] = [];
    do {
      restore(files);
      const { place, written } = await dieAt(places.length);
      // A row of a run that died before it could say so may be there or not.
      const certain = (times: unknown[]) =>
        times.filter((time) => time !== 'dead' || written.length > 0);
      expect([place, certain(look())]).toEqual([place, [...written, ...committed].sort()]);
      const others = writeOther();
      holdReadLock();
      await collect('next');
      releaseAll();
      const all = [...written, ...committed, ...others, 'next'].sort();
      expect([place, certain(timesIn(path))]).toEqual([place, all]);
      places.push(place);
    } while (places.at(-1) !== '');
    expect(places).toContainEqual(expect.stringMatching(/^rename .*collector.db$/));
    expect(places).toContainEqual(JOURNAL_REMOVED);
  });
});

// Writers of a write-ahead log have their locks elsewhere (https://sqlite.org/wal.html).
test.each(SCENES.slice(0, 2))('%s lets nobody write while its journal goes', async (_, leave) => {
  await collect('first');
  leave();
  const committed = look();
  holdReadLock();
  const refusals: string[] = [];
  life.onStep = (name) => {
    if (!REMOVAL.test(name)) return;
    expect(() => write(insertion('other'))).toThrow(/locked/);
    refusals.push(name);
  };
  await collect('next');
  expect(refusals).toContainEqual(JOURNAL_REMOVED);
  expect(timesIn(path)).toEqual([...committed, 'next'].sort());
});
