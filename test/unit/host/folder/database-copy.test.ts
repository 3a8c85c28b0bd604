import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  copyDatabase,
  type DatabaseCopy,
  hasJournal,
  listReadLockers,
  tidyDatabaseCopies,
} from '../../../../src/host/folder/database-copy.ts';
import { loadNative } from '../../../../src/host/native.ts';
import { BEGIN_TEARING, leaveByKill } from '../../../support/killed-writer.ts';

let folder: string;
let path: string;
let hidden: string;
const LATER = () => Date.now() + 61_000;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-copy-'));
  path = join(folder, 'some.db');
  hidden = join(folder, '.some.db.private');
  write(path, 'CREATE TABLE t (x); INSERT INTO t VALUES (1)');
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function write(file: string, sql: string): void {
  const database = new Sqlite(file, { timeout: 0 });
  try {
    database.exec(sql);
  } finally {
    database.close();
  }
}

function rows(file: string, readonly = true): unknown[] {
  const database = new Sqlite(file, { readonly });
  try {
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
    return database.prepare('SELECT x FROM t ORDER BY x').pluck().all();
  } finally {
    database.close();
  }
}

async function playBack(file: string): Promise<void> {
  rows(file, false);
}

async function copied(): Promise<DatabaseCopy> {
  const copy = await copyDatabase(path, playBack);
  if (copy === undefined) throw new Error('a writer is said to be at work');
  return copy;
}

/** What a writer leaves that is killed while it changes the file: that is half written. */
function leaveHotJournal(): void {
  const wide = (x: string) => `INSERT INTO u VALUES (${x}, zeroblob(3000));`.repeat(10);
  write(path, `CREATE TABLE u (x, y); ${wide('1')}`);
  const change = 'UPDATE t SET x = 7; UPDATE u SET x = 7';
  leaveByKill(path, `${BEGIN_TEARING}; ${change}; ${wide('7')}`);
}

function holdReadLock(file: string): () => void {
  const fd = openSync(file, 'r');
  expect(loadNative().lockTry({ fd, isExclusive: false })).toBe(true);
  return () => closeSync(fd);
}

describe('a database that somebody keeps locked', () => {
  test('is replaced by a copy with what was written there, mode and all', async () => {
    const release = holdReadLock(path);
    expect(() => write(path, 'INSERT INTO t VALUES (2)')).toThrow(/locked/);
    const copy = await copied();
    write(copy.path, 'INSERT INTO t VALUES (2)');
    expect(rows(path)).toEqual([1]);
    await copy.publish();
    expect(rows(path)).toEqual([1, 2]);
    expect(statSync(path).mode & 0o777).toBe(0o644);
    write(path, 'INSERT INTO t VALUES (3)');
    release();
  });

  test('is not to be written by others meanwhile, and is after that', async () => {
    const copy = await copied();
    expect(() => write(path, 'INSERT INTO t VALUES (2)')).toThrow(/locked/);
    await copy.publish();
    write(path, 'INSERT INTO t VALUES (3)');
    expect(rows(path)).toEqual([1, 3]);
  });

  test('is not copied while another writes', async () => {
    const fd = openSync(path, 'r+');
    expect(loadNative().lockTry({ fd, isExclusive: true })).toBe(true);
    expect(await copyDatabase(path, playBack)).toBeUndefined();
    closeSync(fd);
    await (await copied()).publish();
  });

  /** Takes the lock when another file has got the name. */
  const exchanging = {
    lockTry: () => {
      write(join(folder, 'other.db'), 'CREATE TABLE t (x); INSERT INTO t VALUES (9)');
      renameSync(join(folder, 'other.db'), path);
      return true;
    },
  };

  test('is not copied when another file takes its name before it is locked', async () => {
    expect(await copyDatabase(path, playBack, exchanging)).toBeUndefined();
    expect(readdirSync(folder)).toEqual(['some.db']);
    await (await copied()).publish();
    expect(rows(path)).toEqual([9]);
  });

  test('is copied where nobody else can enter', async () => {
    const copy = await copied();
    expect(copy.path.startsWith(`${hidden}/`)).toBe(true);
    expect(statSync(hidden).mode & 0o777).toBe(0o700);
    await copy.publish();
  });

  test('loses the journal of a killed writer, which is played back before anybody writes', async () => {
    leaveHotJournal();
    const copy = await copied();
    expect(existsSync(`${path}-journal`)).toBe(false);
    expect(rows(path)).toEqual([1]);
    write(copy.path, 'INSERT INTO t VALUES (2)');
    await copy.publish();
    expect(rows(path)).toEqual([1, 2]);
  });

  test.each([
    ['cannot be played back', () => Promise.reject(new Error('no room')), /no room/],
    ['was not played back', () => Promise.resolve(), /not whole without its journal/],
  ])('keeps a journal that %s, and may be written by others then', async (_, fail, message) => {
    leaveHotJournal();
    await expect(copyDatabase(path, fail)).rejects.toThrow(message);
    expect(await hasJournal(path)).toBe(true);
    write(path, 'INSERT INTO t VALUES (2)');
    expect(rows(path)).toEqual([1, 2]);
  });

  test('is not replaced by a copy that was written by halves', async () => {
    const copy = await copied();
    writeFileSync(`${copy.path}-journal`, 'half');
    await expect(copy.publish()).rejects.toThrow(/not whole without its journal/);
    write(path, 'INSERT INTO t VALUES (2)');
    expect(rows(path)).toEqual([1, 2]);
  });

  test('tells who holds it', async () => {
    const fd = openSync(path, 'r');
    const reader = new Sqlite(path, { readonly: true });
    reader.exec('BEGIN');
    reader.prepare('SELECT * FROM t').all();
    expect(await listReadLockers(path)).toEqual([process.pid]);
    reader.close();
    closeSync(fd);
  });
});

describe('what was replaced', () => {
  test('is read to the end by who has it open, and cut after a minute', async () => {
    const fd = openSync(path, 'r');
    const copy = await copied();
    write(copy.path, 'INSERT INTO t VALUES (2)');
    await copy.publish();
    await tidyDatabaseCopies(path, Date.now());
    expect(readFileSync(fd).length).toBeGreaterThan(0);
    await tidyDatabaseCopies(path, LATER());
    expect(readFileSync(fd).length).toBe(0);
    expect(rows(path)).toEqual([1, 2]);
    expect(readdirSync(folder)).toEqual(['some.db']);
    closeSync(fd);
  });
});

test('what was replaced before the clock was set back is cut too', async () => {
  const copy = await copied();
  await copy.publish();
  await tidyDatabaseCopies(path, Date.now() - 3_600_000);
  expect(readdirSync(folder)).toEqual(['some.db']);
});

describe('a journal', () => {
  test.each([
    ['with a header', 'd9', true],
    ['with a header of zeros, which a killed writer had not synced', '\0'.repeat(512), false],
    ['without content', '', false],
  ])('%s', async (_, content, isHot) => {
    expect(await hasJournal(path)).toBe(false);
    writeFileSync(`${path}-journal`, content);
    expect(await hasJournal(path)).toBe(isHot);
  });

  test('is looked for beside the file that a link names', async () => {
    leaveHotJournal();
    mkdirSync(join(folder, 'links'));
    symlinkSync(path, join(folder, 'links', 'some.db'));
    expect(await hasJournal(join(folder, 'links', 'some.db'))).toBe(true);
  });
});

describe('a replacement that was killed', () => {
  test('while it copied or wrote is forgotten', async () => {
    const copy = await copied();
    write(copy.path, 'INSERT INTO t VALUES (2)');
    writeFileSync(`${copy.path}-journal`, 'half');
    await tidyDatabaseCopies(path, Date.now());
    expect(rows(path)).toEqual([1]);
    expect(readdirSync(folder)).toEqual(['some.db']);
  });

  test('before the copy took the name leaves the file as it is', async () => {
    mkdirSync(hidden, { mode: 0o700 });
    linkSync(path, join(hidden, `replaced-${statSync(path).ino}`));
    await tidyDatabaseCopies(path, LATER());
    expect(rows(path)).toEqual([1]);
    expect(readdirSync(folder)).toEqual(['some.db']);
  });

  test('leaves nothing to do where there is no database', async () => {
    await tidyDatabaseCopies(join(folder, 'none.db'), Date.now());
  });
});
