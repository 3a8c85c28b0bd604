/** What a request asks of the database is found by an index, however many instances there are. */
import Sqlite, { type Database } from 'better-sqlite3';
import { afterAll, expect, test } from 'vitest';
import { renderIndexes, renderSchema } from '../../../src/proxy/schema.ts';
import type { ProxyTables } from '../../../src/proxy/store.ts';
import { SqliteTables } from '../../../src/proxy/store-tables.ts';

const KEY = { reference: 'slappart0', computerReference: 'COMP-1' };
const SOFTWARE = { url: 'u', computerReference: 'COMP-1', requestedState: 'available' };
const ADDRESS = { ...KEY, partitionReference: 'slappart0', address: 'a', netmask: 'm' };
const SLAVE = { ...KEY, connectionXml: null, hostedBy: null, askedBy: null, requesterId: '' };

/** Statements of which a request makes one or a few. */
const OF_REQUESTS: Partial<Record<keyof ProxyTables, (tables: ProxyTables) => Promise<unknown>>> = {
  getConfig: (tables) => tables.getConfig('a'),
  putConfig: (tables) => tables.putConfig('a', 'b'),
  deleteConfig: (tables) => tables.deleteConfig('a'),
  getComputer: (tables) => tables.getComputer('COMP-1'),
  putComputer: (tables) => tables.putComputer({ reference: 'a', address: '', netmask: '' }),
  putSoftware: (tables) => tables.putSoftware(SOFTWARE),
  deleteSoftware: (tables) => tables.deleteSoftware('u', 'COMP-1'),
  renameSoftware: (tables) => tables.renameSoftware(SOFTWARE, 'v'),
  getPartition: (tables) => tables.getPartition(KEY),
  findInstance: (tables) => tables.findInstance('title', ''),
  findFreePartition: (tables) => tables.findFreePartition('COMP-1'),
  listChildren: (tables) => tables.listChildren('title'),
  listHosts: (tables) => tables.listHosts('COMP-1', 'u'),
  insertPartition: (tables) => tables.insertPartition(KEY),
  updatePartition: (tables) => tables.updatePartition(KEY, { title: 'title' }),
  deletePartition: (tables) => tables.deletePartition(KEY),
  listPartitionAddresses: (tables) => tables.listPartitionAddresses(KEY),
  insertAddress: (tables) => tables.insertAddress(ADDRESS),
  deleteAddresses: (tables) => tables.deleteAddresses(KEY),
  getSlave: (tables) => tables.getSlave(KEY),
  findSlave: (tables) => tables.findSlave('_title'),
  insertSlave: (tables) => tables.insertSlave(SLAVE),
  updateSlave: (tables) => tables.updateSlave(KEY, { hostedBy: 'slappart0' }),
  deleteSlave: (tables) => tables.deleteSlave(KEY),
  deleteSlavesOf: (tables) => tables.deleteSlavesOf(KEY),
  listConfig: (tables) => tables.listConfig('status:'),
  listSoftware: (tables) => tables.listSoftware('COMP-1'),
  listPartitions: (tables) => tables.listPartitions('COMP-1'),
  listAddresses: (tables) => tables.listAddresses('COMP-1'),
  putForwarded: (tables) => tables.putForwarded('a', 'b'),
  deleteForwarded: (tables) => tables.deleteForwarded('a', 'b'),
};

/** Statements that give everything, or of one computer what it has. */
const OF_WHOLE_TABLES = ['listComputers', 'listSlaves'];

const database = new Sqlite(':memory:');
afterAll(() => database.close());
database.exec(renderSchema('COMP-1') + renderIndexes(17));
const seen: string[] = [];
const recording = {
  prepare(statement: string) {
    seen.push(statement);
    return database.prepare(statement);
  },
} as Pick<Database, 'prepare'> as Database;

function planOf(statement: string): string[] {
  const values = Array.from(statement.matchAll(/\?/g), () => 'x');
  const rows = database.prepare(`EXPLAIN QUERY PLAN ${statement}`).all(...values);
  return (rows as Array<{ detail: string }>).map(({ detail }) => detail);
}

test.each(Object.entries(OF_REQUESTS))('%s looks rows up by an index', async (_name, call) => {
  seen.length = 0;
  await call(new SqliteTables(recording, 17));
  expect(seen).not.toEqual([]);
  const plans = seen.flatMap(planOf);
  expect(plans.filter((step) => /SCAN (?!CONSTANT)|TEMP B-TREE/.test(step))).toEqual([]);
});

/** Indexes of the same table that would fit too, but lead to most of its rows. */
test.each([
  ['findInstance', 'partition17_by_title'],
  ['findFreePartition', 'partition17_by_free'],
  ['listHosts', 'partition17_by_software'],
  ['getPartition', 'sqlite_autoindex_partition17_1'],
  ['updatePartition', 'sqlite_autoindex_partition17_1'],
  ['listPartitions', 'partition17_by_computer'],
  ['listSoftware', 'software17_by_computer'],
  ['listAddresses', 'partition_network17_by_computer'],
  ['listPartitionAddresses', 'partition_network17_by_owner'],
  ['deleteAddresses', 'partition_network17_by_owner'],
  ['getSlave', 'slave17_by_reference'],
  ['deleteSlavesOf', 'slave17_by_owner'],
] as const)('%s uses %s', async (name, index) => {
  seen.length = 0;
  await OF_REQUESTS[name]?.(new SqliteTables(recording, 17));
  expect(seen.flatMap(planOf)).toEqual([expect.stringContaining(`USING INDEX ${index} (`)]);
});

test('every statement is one or the other', () => {
  const own = new Set(['constructor', 'getVersion']);
  const names = Object.getOwnPropertyNames(SqliteTables.prototype).filter((name) => !own.has(name));
  expect(names.sort()).toEqual([...Object.keys(OF_REQUESTS), ...OF_WHOLE_TABLES].sort());
});
