import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Logger, silentLogger } from '../../../src/log/logger.ts';
import { createProxyServer } from '../../../src/proxy/server.ts';
import { findRoot, type OldInstance } from '../../../src/proxy/store-migration.ts';
import { openSqliteStore, openSqliteStoreReadOnly } from '../../../src/proxy/store-sqlite.ts';
import { createSlapClient } from '../../../src/slap/slap-client.ts';
import { OLD_VERSIONS, writeOldDatabase } from '../../support/old-proxy-database.ts';
import { instanceRequest } from '../../support/proxy-fixture.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-migration-'));
  path = join(folder, 'proxy.db');
});
afterEach(() => rmSync(folder, { recursive: true }));

function rowsOf(file: string, table: string): unknown[] {
  const database = new Sqlite(file, { readonly: true });
  const rows = database.prepare(`SELECT * FROM ${table}`).all();
  database.close();
  return rows;
}

function tablesOf(file: string): string[] {
  const database = new Sqlite(file, { readonly: true });
  const names = database
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    .pluck()
    .all() as string[];
  database.close();
  return names;
}

describe.each(OLD_VERSIONS)('version %d', (version) => {
  beforeEach(() => writeOldDatabase(path, version));

  test('becomes version 17 with its rows in their order', async () => {
    const store = openSqliteStore(path, 'COMP-1', silentLogger);
    await store.read(async (tables) => {
      const rows = await tables.listPartitions(null);
      expect(
        rows.map((row) => [row.reference, row.computerReference, row.title, row.requestedBy]),
      ).toEqual([
        ['slappart0', 'COMP-1', 'root', ''],
        ['slappart1', 'COMP-1', 'child', 'root'],
        ['slappart2', 'COMP-1', 'grandchild', 'root'],
        ['slappart3', 'COMP-1', 'other', ''],
        ['slappart4', 'COMP-1', 'child', 'other'],
        ['slappart5', 'COMP-1', null, ''],
      ]);
      expect(rows[2]).toMatchObject({
        requestedState: 'stopped',
        timestamp: version >= 14 ? 1500000002.25 : null,
        slapState: 'busy',
      });
      const states = (await tables.listSoftware('COMP-1')).map((row) => row.requestedState);
      expect(states).toEqual(['available', version >= 12 ? 'destroyed' : 'available']);
      expect(await tables.listComputers()).toEqual([
        { reference: 'COMP-1', address: '10.0.0.1', netmask: '255.255.255.0' },
      ]);
      expect(await tables.listSlaves()).toMatchObject([
        { reference: 'slappart0_shared', hostedBy: 'slappart3', computerReference: 'COMP-1' },
      ]);
      expect(await tables.listAddresses('COMP-1')).toHaveLength(6);
      const root = await tables.getConfig('local_software_release_root');
      expect(root).toBe(version >= 15 ? '/old' : null);
    });
    await store.close();
    const forwarded =
      version >= 11 ? [{ partition_reference: 'user_x', master_url: 'https://master/' }] : [];
    expect(rowsOf(path, 'forwarded_partition_request17')).toEqual(forwarded);
    expect(tablesOf(path).every((name) => name.endsWith('17'))).toBe(true);
    expect(tablesOf(path)).toHaveLength(7);
  });

  test('leaves a private dump that gives the old database back', async () => {
    const old = rowsOf(path, `partition${version}`);
    await openSqliteStore(path, 'COMP-1', silentLogger).close();
    const [dump, ...more] = readdirSync(folder).filter((name) => name.endsWith('.sql'));
    expect(more).toEqual([]);
    expect(dump).toMatch(
      new RegExp(`^proxy.db-backup-${version}to17-\\d{4}-\\d\\d-\\d\\dT[\\d:]{8}\\.\\d{6}\\.sql$`),
    );
    expect(statSync(join(folder, dump ?? '')).mode & 0o777).toBe(0o600);
    const restored = new Sqlite(join(folder, 'restored.db'));
    restored.exec(readFileSync(join(folder, dump ?? ''), 'utf8'));
    expect(restored.prepare(`SELECT * FROM partition${version}`).all()).toEqual(old);
    restored.close();
  });

  test('serves: the same instances are found again', async () => {
    const store = openSqliteStore(path, 'COMP-1', silentLogger);
    const server = createProxyServer({ store, log: silentLogger, defaultComputerId: 'COMP-1' });
    const master = createSlapClient({ masterUrl: `${await server.listen('127.0.0.1', 0)}/` });
    const ask = async (title: string, partitionId?: string) => {
      const requester =
        partitionId === undefined ? undefined : { computerId: 'COMP-1', partitionId };
      const changes = requester === undefined ? {} : { requester };
      const { partition } = await master.requestInstance(instanceRequest(title, changes));
      return partition?.partitionId;
    };
    const [first] = (await master.getFullComputerInformation('COMP-1')).partitions;
    const timestamp = version >= 14 ? '1500000000.25' : undefined;
    expect(first?.parameters?.['timestamp']).toBe(timestamp);
    expect(await ask('root')).toBe('slappart0');
    expect(await ask('child', 'slappart0')).toBe('slappart1');
    expect(await ask('grandchild', 'slappart1')).toBe('slappart2');
    expect(await ask('child', 'slappart3')).toBe('slappart4');
    expect(await ask('new')).toBe('slappart5');
    const { partitions } = await master.getFullComputerInformation('COMP-1');
    expect(partitions[0]?.parameters?.['ip_list']).toHaveLength(1);
    await master.close();
    await server.close();
  });
});

test('a second start finds nothing to convert', async () => {
  writeOldDatabase(path, 10);
  await openSqliteStore(path, 'COMP-1', silentLogger).close();
  await openSqliteStore(path, 'COMP-1', silentLogger).close();
  expect(readdirSync(folder).filter((name) => name.endsWith('.sql'))).toHaveLength(1);
});

test('show refuses an old database and converts nothing', () => {
  writeOldDatabase(path, 16);
  expect(() => openSqliteStoreReadOnly(path)).toThrow(/no such table: computer17.*version is 16/);
  expect(tablesOf(path)).toContain('partition16');
});

test('when converting fails, the old tables are as they were', () => {
  writeOldDatabase(path, 14);
  const database = new Sqlite(path);
  database.exec(
    'ALTER TABLE slave14 RENAME TO spare; CREATE VIEW slave14 AS SELECT 1 AS reference',
  );
  database.exec("CREATE TABLE config17_x (a); CREATE VIEW computer17 AS SELECT 'x' AS reference");
  const before = tablesOf(path);
  database.close();
  expect(() => openSqliteStore(path, 'COMP-1', silentLogger)).toThrow(/computer17/);
  expect(tablesOf(path)).toEqual(before);
});

test('an instance without a root is kept apart, and the log says so', async () => {
  writeOldDatabase(path, 13);
  const database = new Sqlite(path);
  database.exec(`UPDATE partition13 SET requested_by = 'slappart9' WHERE reference = 'slappart4';
    UPDATE partition13 SET requested_by = 'slappart2' WHERE reference = 'slappart1'`);
  database.close();
  const warnings: string[] = [];
  const log: Logger = { ...silentLogger, warning: (message) => warnings.push(message) };
  const store = openSqliteStore(path, 'COMP-1', log);
  const rows = await store.read((tables) => tables.listPartitions(null));
  expect(rows.map((row) => row.requestedBy)).toEqual([
    '',
    'slappart2',
    'slappart1',
    '',
    'slappart9',
    '',
  ]);
  expect(warnings).toHaveLength(3);
  expect(warnings[2]).toContain('child on slappart4 was requested by slappart9');
  await store.close();
});

test('a requester is looked for on its own computer first', () => {
  const row = (
    computerReference: string,
    reference: string,
    title: string,
    by = '',
  ): OldInstance => ({
    reference,
    computerReference,
    title,
    requestedBy: by,
  });
  const rows = [
    row('A', 'p0', 'a'),
    row('B', 'p0', 'b'),
    row('B', 'p1', 'c', 'p0'),
    row('C', 'p1', 'd', 'p0'),
  ];
  const found = rows.map((entry) => findRoot(entry, rows)?.title);
  expect(found).toEqual(['a', 'b', 'b', 'a']);
});
