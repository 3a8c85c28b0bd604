/** Databases of slapos.core 1.26, which are used as they are (docs/proxy.md). */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import { PROXY_TABLES } from '../../../src/proxy/schema.ts';
import type { ProxyStore } from '../../../src/proxy/store.ts';
import { openSqliteStore, openSqliteStoreReadOnly } from '../../../src/proxy/store-sqlite.ts';
import { encodeMarshal } from '../../../src/slap/marshal.ts';
import {
  computerDocument,
  type ProxyFixture,
  postForm,
  requestFields,
  startProxy,
} from '../../support/proxy-fixture.ts';

let folder: string;
let path: string;
let store: ProxyStore;
let proxy: ProxyFixture;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-18-'));
  path = join(folder, 'proxy.db');
  await openSqliteStore(path, 'COMP-1', silentLogger).close();
  makeVersion18();
  store = openSqliteStore(path, 'COMP-1', silentLogger);
  proxy = await startProxy({ store });
  await proxy.master.loadComputerConfiguration(computerDocument(3));
});
afterEach(async () => {
  await proxy.close();
  rmSync(folder, { recursive: true });
});

/** The tables of version 17 with what 18 adds and without what it drops. */
function makeVersion18(): void {
  const database = new Sqlite(path);
  const indexes = database
    .prepare("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    .pluck()
    .all() as string[];
  for (const index of indexes) database.exec(`DROP INDEX ${index}`);
  for (const table of PROXY_TABLES) database.exec(`ALTER TABLE ${table}17 RENAME TO ${table}18`);
  database.exec("ALTER TABLE partition18 ADD requester_id VARCHAR(255) NOT NULL DEFAULT ''");
  database.exec("ALTER TABLE slave18 ADD requester_id VARCHAR(255) NOT NULL DEFAULT ''");
  database.exec('ALTER TABLE slave18 DROP COLUMN asked_by');
  database.close();
}

async function ask(fields: Parameters<typeof requestFields>[0]): Promise<void> {
  const answer = await postForm(`${proxy.url}requestComputerPartition`, requestFields(fields));
  expect(answer).toMatchObject({ status: 200 });
}

async function publish(partition: string, value: string, slave = 'None'): Promise<void> {
  await postForm(`${proxy.url}setComputerPartitionConnectionXml`, {
    ...on(partition),
    connection_xml: encodeMarshal({ key: value }),
    slave_reference: slave,
  });
}

const on = (partition: string) => ({ computer_id: 'COMP-1', computer_partition_id: partition });
const rows = () => store.read((tables) => tables.listPartitions('COMP-1'));
const timestamps = async () => (await rows()).map((row) => row.timestamp);

test('stays version 18 and notes who requested', async () => {
  await ask({ partition_reference: 'root' });
  await ask({ partition_reference: 'child', ...on('slappart0') });
  await ask({ partition_reference: 'shared', shared_xml: true, ...on('slappart1') });
  expect((await rows()).map((row) => row.requesterId)).toEqual(['user', 'slappart0', '']);
  expect(await store.read((tables) => tables.listSlaves())).toMatchObject([
    { reference: 'root_shared', requesterId: 'slappart1', askedBy: null },
  ]);
  const reader = openSqliteStoreReadOnly(path);
  expect([store.schemaVersion, reader.schemaVersion]).toEqual([18, 18]);
  await reader.close();
});

test('new connection parameters have the requester processed again, the same ones not', async () => {
  await ask({ partition_reference: 'root' });
  await ask({ partition_reference: 'child', ...on('slappart0') });
  const before = await timestamps();
  await publish('slappart1', 'v');
  const after = await timestamps();
  expect(after[0]).not.toBe(before[0]);
  expect(after[1]).toBe(before[1]);
  await publish('slappart1', 'v');
  expect(await timestamps()).toEqual(after);
});

test('so do those of a shared instance', async () => {
  await ask({ partition_reference: 'root' });
  await ask({ partition_reference: 'child', ...on('slappart0') });
  await ask({ partition_reference: 'shared', shared_xml: true, ...on('slappart1') });
  const before = await timestamps();
  await publish('slappart0', 'v', 'root_shared');
  const after = await timestamps();
  expect(after[1]).not.toBe(before[1]);
  expect(after[0]).toBe(before[0]);
});

test('another requester takes the place of the first, and a freed partition has none', async () => {
  await ask({ partition_reference: 'root' });
  await ask({ partition_reference: 'child', ...on('slappart0') });
  await ask({ partition_reference: 'grandchild', ...on('slappart1') });
  await ask({ partition_reference: 'grandchild', ...on('slappart0') });
  expect((await rows())[2]?.requesterId).toBe('slappart0');
  await postForm(`${proxy.url}destroyedComputerPartition`, on('slappart2'));
  expect((await rows())[2]?.requesterId).toBe('');
});
