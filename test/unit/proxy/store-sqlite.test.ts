import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import type { ProxyTables } from '../../../src/proxy/store.ts';
import { openSqliteStore, openSqliteStoreReadOnly } from '../../../src/proxy/store-sqlite.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-store-'));
  path = join(folder, 'proxy.db');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Columns as upstream's version 17 has them (spec/proxy.md 3). */
const COLUMNS = {
  config17: 'name value',
  software17: 'url computer_reference requested_state',
  computer17: 'reference address netmask',
  partition17:
    'reference computer_reference slap_state software_release xml connection_xml slave_instance_list software_type partition_reference requested_by requested_state timestamp',
  slave17: 'reference computer_reference connection_xml hosted_by asked_by',
  partition_network17: 'partition_reference computer_reference reference address netmask',
  forwarded_partition_request17: 'partition_reference master_url',
};

test('the tables are those of version 17, with the default computer', async () => {
  await openSqliteStore(path, "COMP'1", silentLogger).close();
  const database = new Sqlite(path);
  for (const [table, columns] of Object.entries(COLUMNS)) {
    const found = database.pragma(`table_info(${table})`) as Array<{
      name: string;
      dflt_value: string | null;
    }>;
    expect(found.map((column) => column.name).join(' ')).toBe(columns);
    const computer = found.find((column) => column.name === 'computer_reference');
    if (computer !== undefined) expect(computer.dflt_value).toBe("'COMP''1'");
  }
  expect(
    database.prepare("SELECT count(*) FROM sqlite_master WHERE type='table'").pluck().get(),
  ).toBe(7);
  database.close();
});

test('a write-ahead log while it runs, a plain file after a clean stop', async () => {
  const store = openSqliteStore(path, 'C', silentLogger);
  await store.write((tables) => tables.putConfig('a', 'b'));
  expect(existsSync(`${path}-wal`)).toBe(true);
  await store.close();
  expect(existsSync(`${path}-wal`)).toBe(false);
  const database = new Sqlite(path, { readonly: true });
  expect(database.pragma('journal_mode', { simple: true })).toBe('delete');
  database.close();
});

test('a throw undoes the whole transaction and the next one works', async () => {
  const store = openSqliteStore(path, 'C', silentLogger);
  const failing = store.write(async (tables) => {
    await tables.putConfig('a', 'b');
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(await store.read((tables) => tables.getConfig('a'))).toBeNull();
  await store.write((tables) => tables.putConfig('a', 'c'));
  expect(await store.read((tables) => tables.getConfig('a'))).toBe('c');
  await store.close();
});

test('transactions that wait in the middle do not mix', async () => {
  const store = openSqliteStore(path, 'C', silentLogger);
  const append = (letter: string) => {
    return store.write(async (tables) => {
      const former = (await tables.getConfig('a')) ?? '';
      await new Promise((resolve) => setTimeout(resolve, 5));
      await tables.putConfig('a', former + letter);
    });
  };
  await Promise.all([...'abcdef'].map(append));
  expect(await store.read((tables) => tables.getConfig('a'))).toBe('abcdef');
  await store.close();
});

test('the version of a computer changes with what is written about it, and with what others write', async () => {
  const store = openSqliteStore(path, 'C', silentLogger);
  const version = () => store.read((tables) => tables.getVersion('C'));
  const seen = [await version()];
  const expectChange = async (work: (tables: ProxyTables) => Promise<void>, isOne: boolean) => {
    await store.write(work);
    const next = await version();
    expect(next !== seen.at(-1)).toBe(isOne);
    seen.push(next);
  };
  const row = { url: 'u', requestedState: 'available' };
  const key = { reference: 'p', computerReference: 'C' };
  const address = { reference: null, address: 'a', netmask: null };
  await expectChange((tables) => tables.putConfig('a', 'b'), false);
  await expectChange((tables) => tables.deleteConfig('a'), false);
  await expectChange((tables) => tables.putSoftware({ ...row, computerReference: 'D' }), false);
  await expectChange((tables) => tables.putSoftware({ ...row, computerReference: 'C' }), true);
  await expectChange((tables) => tables.insertPartition(key), true);
  await expectChange((tables) => tables.updatePartition(key, { title: 't' }), true);
  await expectChange((tables) => {
    return tables.insertAddress({ ...address, partitionReference: 'p', computerReference: 'C' });
  }, true);
  await expectChange((tables) => tables.deleteAddresses(key), true);
  await expectChange((tables) => tables.deletePartition(key), true);
  await expectChange((tables) => tables.deleteSoftware('u', 'D'), false);
  await expectChange((tables) => tables.deleteSoftware('u', 'C'), true);
  const other = new Sqlite(path);
  other.exec("INSERT INTO config17 VALUES ('x', 'y')");
  other.close();
  expect(new Set(seen)).not.toContain(await version());
  await store.close();
});

test.each([
  [18, /newer than 17 and 18 of slapos.core 1.26/],
  [19, /newer than 17 and 18/],
  [9, /those before 10 cannot be converted/],
])('a database of version %d is refused and not touched', async (version, reason) => {
  const database = new Sqlite(path);
  database.exec(`CREATE TABLE computer${version} (reference VARCHAR(255))`);
  database.close();
  const before = readFileSync(path);
  expect(() => openSqliteStore(path, 'C', silentLogger)).toThrow(reason);
  expect(() => openSqliteStoreReadOnly(path)).toThrow(reason);
  expect(readFileSync(path)).toEqual(before);
  expect(readdirSync(folder)).toEqual(['proxy.db']);
});

test('tables of two versions are refused', () => {
  const database = new Sqlite(path);
  database.exec('CREATE TABLE computer16 (reference); CREATE TABLE computer17 (reference)');
  database.close();
  expect(() => openSqliteStore(path, 'C', silentLogger)).toThrow(
    /several schema versions \(16, 17\)/,
  );
});

test('tables of other programs in the same file are left alone', async () => {
  const database = new Sqlite(path);
  database.exec("CREATE TABLE notes (text); INSERT INTO notes VALUES ('a'); CREATE TABLE log2 (x)");
  database.close();
  await openSqliteStore(path, 'C', silentLogger).close();
  const after = new Sqlite(path, { readonly: true });
  expect(after.prepare('SELECT text FROM notes').pluck().get()).toBe('a');
  after.close();
});

test('a new file is for its owner alone, an older one keeps its mode', async () => {
  await openSqliteStore(path, 'C', silentLogger).close();
  expect(statSync(path).mode & 0o777).toBe(0o600);
  chmodSync(path, 0o640);
  const store = openSqliteStore(path, 'C', silentLogger);
  await store.write((tables) => tables.putConfig('a', 'b'));
  expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o640);
  await store.close();
  expect(statSync(path).mode & 0o777).toBe(0o640);
});

test('a missing folder, a missing file and a file that is no database', async () => {
  const error = { code: 'SLAPOS_ERR_DATABASE' };
  expect(() => openSqliteStore(join(folder, 'no', 'x.db'), 'C', silentLogger)).toThrow(
    /unable to open database file \(ENOENT\)/,
  );
  expect(() => openSqliteStoreReadOnly(path)).toThrow(expect.objectContaining(error));
  expect(existsSync(path)).toBe(false);
  new Sqlite(path).close();
  expect(() => openSqliteStoreReadOnly(path)).toThrow(/no such table: computer17/);
  rmSync(path, { force: true });
  const { writeFileSync } = await import('node:fs');
  writeFileSync(path, 'x'.repeat(4096));
  expect(() => openSqliteStore(path, 'C', silentLogger)).toThrow(/not a database/);
});
