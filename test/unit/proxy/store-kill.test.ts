/** The database after a SIGKILL at every statement of every kind of request. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import { renderSqlDump } from '../../../src/proxy/sql-dump.ts';
import { openSqliteStore } from '../../../src/proxy/store-sqlite.ts';
import { encodeMarshal } from '../../../src/slap/marshal.ts';
import { writeOldDatabase } from '../../support/old-proxy-database.ts';
import {
  computerDocument,
  type ProxyFixture,
  postForm,
  requestFields,
  startProxy,
} from '../../support/proxy-fixture.ts';
import { beforeEachStatement, copyDatabase } from '../../support/sqlite-moments.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-kill-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What the next process finds. */
function contentOf(path: string): string {
  const database = new Sqlite(path);
  try {
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
    return renderSqlDump(database);
  } finally {
    database.close();
  }
}

const on = (partition: string) => ({ computer_id: 'COMP-1', computer_partition_id: partition });

/** A tree of two, a slave of it, and two more partitions. */
async function furnish(proxy: ProxyFixture): Promise<void> {
  const ask = (fields: Parameters<typeof requestFields>[0]) =>
    postForm(`${proxy.url}requestComputerPartition`, requestFields(fields));
  await proxy.master.loadComputerConfiguration(computerDocument(4));
  await ask({ partition_reference: 'root' });
  await ask({ partition_reference: 'child', ...on('slappart0') });
  await ask({ partition_reference: 'shared', shared_xml: true, software_type: 'default' });
}

const REQUESTS: ReadonlyArray<readonly [string, Readonly<Record<string, string>>]> = [
  ['requestComputerPartition', requestFields({ partition_reference: 'new', ...on('slappart0') })],
  ['requestComputerPartition', requestFields({ partition_reference: 'root', state: 'stopped' })],
  [
    'requestComputerPartition',
    requestFields({ partition_reference: 'shared', shared_xml: true, state: 'destroyed' }),
  ],
  ['requestComputerPartition', requestFields({ partition_reference: 'more', shared_xml: true })],
  ['loadComputerConfigurationFromXML', { xml: computerDocument(3) }],
  ['destroyedComputerPartition', on('slappart0')],
  ['destroyedComputerPartition', on('slappart1')],
  ['softwareInstanceBang', { ...on('slappart1'), message: '' }],
  ['softwareInstanceRename', { ...on('slappart0'), new_name: 'renamed' }],
  [
    'setComputerPartitionConnectionXml',
    { ...on('slappart1'), connection_xml: encodeMarshal({ a: 'b' }), slave_reference: 'None' },
  ],
  ['supplySupply', { url: 'u', computer_id: 'COMP-1', state: 'available' }],
];

test.each(REQUESTS)('%s %#: all of it or nothing', async (endpoint, fields) => {
  const proxy = await startProxy();
  try {
    await furnish(proxy);
    const before = contentOf(copyDatabase(proxy.database, join(folder, 'before')));
    const copies: string[] = [];
    const copy = () => copies.push(copyDatabase(proxy.database, join(folder, `${copies.length}`)));
    await beforeEachStatement(copy, async () => {
      expect((await postForm(proxy.url + endpoint, fields)).status).toBe(200);
    });
    const after = contentOf(copyDatabase(proxy.database, join(folder, 'after')));
    expect(after).not.toBe(before);
    expect(copies.length).toBeGreaterThan(2);
    // The last statement is COMMIT: until then nothing of the request is there.
    for (const path of copies) expect(contentOf(path)).toBe(before);
  } finally {
    await proxy.close();
  }
});

test('the conversion of an old database: the old tables or the new ones', async () => {
  const path = join(folder, 'old.db');
  writeOldDatabase(path, 12);
  const before = contentOf(path);
  const copies: string[] = [];
  const copy = () => copies.push(copyDatabase(path, join(folder, `${copies.length}`)));
  await beforeEachStatement(copy, async () => {
    await openSqliteStore(path, 'COMP-1', silentLogger).close();
  });
  const after = contentOf(path);
  expect(copies.length).toBeGreaterThan(30);
  for (const [index, found] of copies.entries()) {
    const content = contentOf(found);
    if (content !== before) expect(tablesIn(content)).toEqual(tablesIn(after));
    if (index % 5 > 0) continue;
    await openSqliteStore(found, 'COMP-1', silentLogger).close();
    expect(contentOf(found)).toBe(after);
  }
});

function tablesIn(dump: string): string[] {
  return dump.split('\n').filter((line) => line.startsWith('CREATE TABLE'));
}
