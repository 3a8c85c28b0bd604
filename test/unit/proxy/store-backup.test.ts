import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import { renderSqlDump } from '../../../src/proxy/sql-dump.ts';
import { backupStore, restoreStore } from '../../../src/proxy/store-backup.ts';
import { openSqliteStore } from '../../../src/proxy/store-sqlite.ts';
import { writeOldDatabase } from '../../support/old-proxy-database.ts';
import { beforeEachStatement, copyDatabase } from '../../support/sqlite-moments.ts';

let folder: string;
let path: string;
let backup: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-backup-'));
  path = join(folder, 'proxy.db');
  backup = join(folder, 'backup.db');
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = (file = path) => openSqliteStore(file, 'C', silentLogger);
const restore = (file = backup) => restoreStore(path, file, 'C', silentLogger);

async function write(name: string, value: string): Promise<void> {
  const store = open();
  await store.write((tables) => tables.putConfig(name, value));
  await store.close();
}

async function read(name: string): Promise<string | null> {
  const store = open();
  return store.read((tables) => tables.getConfig(name)).finally(() => store.close());
}

test('a copy of the running proxy has what was committed, in one private file', async () => {
  const store = open();
  await store.write((tables) => tables.putConfig('a', 'b'));
  await store.write((tables) => tables.insertPartition({ reference: 'p', computerReference: 'C' }));
  expect(await backupStore(path, backup)).toEqual({ schemaVersion: 17, partitionCount: 1 });
  await store.write((tables) => tables.putConfig('a', 'later'));
  await store.close();
  expect(statSync(backup).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder).toSorted()).toEqual(['backup.db', 'proxy.db']);
  const copy = open(backup);
  expect(await copy.read((tables) => tables.getConfig('a'))).toBe('b');
  await copy.close();
});

test('a restore brings back the content and keeps the former one as SQL text', async () => {
  await write('a', 'first');
  await backupStore(path, backup);
  await write('a', 'second');
  const { former, schemaVersion } = await restore();
  expect(schemaVersion).toBe(17);
  expect(await read('a')).toBe('first');
  expect(readFileSync(former ?? '', 'utf8')).toContain("'second'");
  await restore(former);
  expect(await read('a')).toBe('second');
});

test('an old database and the dump of its conversion can be restored', async () => {
  writeOldDatabase(backup, 10);
  expect(await restore()).toMatchObject({
    schemaVersion: 17,
    partitionCount: 6,
    former: undefined,
  });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const old = new Sqlite(backup);
  writeFileSync(join(folder, 'old.sql'), renderSqlDump(old));
  old.close();
  expect(await restore(join(folder, 'old.sql'))).toMatchObject({ partitionCount: 6 });
  const dumps = readdirSync(folder).filter((name) => name.includes('-backup-'));
  expect(dumps).toHaveLength(1);
});

test('a backup never replaces a file', async () => {
  await write('a', 'b');
  writeFileSync(backup, 'precious');
  await expect(backupStore(path, backup)).rejects.toMatchObject({
    code: 'SLAPOS_ERR_FILE',
    message: expect.stringContaining('file already exists'),
  });
  expect(readFileSync(backup, 'utf8')).toBe('precious');
  expect(readdirSync(folder)).toHaveLength(2);
});

test('nothing is restored under a running proxy', async () => {
  await write('a', 'first');
  await backupStore(path, backup);
  const store = open();
  await store.write((tables) => tables.putConfig('a', 'second'));
  await expect(restore()).rejects.toMatchObject({ code: 'SLAPOS_ERR_BUSY', exitCode: 10 });
  expect(await store.read((tables) => tables.getConfig('a'))).toBe('second');
  await store.close();
});

test.each<[string, string | Buffer, RegExp]>([
  ['text', 'hello', /near "hello": syntax error/],
  ['nothing', '', /no tables of slapproxy/],
  ['half a database', Buffer.from(`SQLite format 3\0${'x'.repeat(3000)}`), /not a database/],
  ['another database', 'CREATE TABLE x (a);', /no tables of slapproxy/],
  ['a newer one', 'CREATE TABLE computer19 (reference);', /version 19, newer/],
])('%s is no backup and changes nothing', async (_name, content, reason) => {
  await write('a', 'b');
  writeFileSync(backup, content);
  const before = readFileSync(path);
  await expect(restore()).rejects.toThrow(reason);
  await expect(restore()).rejects.toMatchObject({
    code: 'SLAPOS_ERR_DATABASE',
    hint: expect.stringMatching(/^(Give what|Use the program)/),
  });
  expect(readFileSync(path)).toEqual(before);
  expect(readdirSync(folder).toSorted()).toEqual(['backup.db', 'proxy.db']);
});

test('a missing backup, database or folder is named', async () => {
  await expect(restore(join(folder, 'no.db'))).rejects.toThrow(/no\.db/);
  await expect(backupStore(path, backup)).rejects.toThrow(/proxy\.db/);
  await write('a', 'b');
  await expect(backupStore(path, join(folder, 'no', 'b.db'))).rejects.toMatchObject({
    code: 'SLAPOS_ERR_FILE',
  });
  expect(existsSync(backup)).toBe(false);
});

test('a restore that is killed leaves the former content', async () => {
  await write('a', 'first');
  await backupStore(path, backup);
  await write('a', 'second');
  const copies: string[] = [];
  const copy = () => copies.push(copyDatabase(path, join(folder, `copy${copies.length}`)));
  await beforeEachStatement(copy, async () => {
    await restore();
  });
  expect(copies.length).toBeGreaterThan(5);
  for (const found of copies) {
    const store = open(found);
    expect(await store.read((tables) => tables.getConfig('a'))).toBe('second');
    await store.close();
  }
  expect(await read('a')).toBe('first');
});
