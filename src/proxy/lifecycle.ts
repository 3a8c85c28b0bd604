/** What happens to an instance after it was requested (spec/proxy.md 8). */
import { comparePythonStrings } from '../slap/python-text.ts';
import { type Clock, nextTimestamp } from './clock.ts';
import { parseSlaves, rootTitle } from './documents.ts';
import { type Dictionary, expectDictionary, type Form } from './form.ts';
import { badRequest, notFound } from './http-problem.ts';
import { encodeParameters } from './request-form.ts';
import { forgetReport, ofPartition } from './status.ts';
import type { AddressRow, PartitionKey, PartitionRow, ProxyTables, SlaveRow } from './store.ts';

/** @throws HttpProblem 404 when there is no such partition. */
export async function expectPartition(
  key: PartitionKey,
  tables: ProxyTables,
): Promise<PartitionRow> {
  const row = await tables.getPartition(key);
  if (row === null) throw notFound(unknownPartition(key));
  return row;
}

function unknownPartition(key: PartitionKey): string {
  return `Unknown partition '${key.reference}' on '${key.computerReference}'`;
}

const FREE = {
  slapState: 'free',
  softwareRelease: null,
  xml: null,
  connectionXml: null,
  slaveInstanceList: null,
  softwareType: null,
  title: null,
  requestedBy: '',
  requesterId: '',
  requestedState: 'started',
} as const;

/**
 * Frees a partition that the node has emptied. A root waits for its children, which are asked to
 * go first. Always a success: the text tells what was done.
 */
export async function destroyPartition(key: PartitionKey, tables: ProxyTables): Promise<string> {
  const row = await tables.getPartition(key);
  if (row === null) return unknownPartition(key);
  const children = row.requestedBy === '' ? await childrenOf(row, tables) : [];
  if (children.length === 0) {
    await tables.updatePartition(row, FREE);
    await tables.deleteSlavesOf(row);
    await forgetReport(ofPartition(row), tables);
    return 'OK';
  }
  for (const child of children)
    await tables.updatePartition(child, { requestedState: 'destroyed' });
  const names = children
    .map((child) => child.title ?? '')
    .sort(comparePythonStrings)
    .join(', ');
  return `Not destroying yet because this partition has child partitions: ${names}`;
}

async function childrenOf(root: PartitionRow, tables: ProxyTables): Promise<PartitionRow[]> {
  return root.title === null || root.title === '' ? [] : tables.listChildren(root.title);
}

/** The root of the tree of an instance and everything requested under it. */
async function listTree(row: PartitionRow, tables: ProxyTables): Promise<PartitionRow[]> {
  const title = rootTitle(row);
  if (title === '') return [row];
  const root = await tables.findInstance(title, '');
  const children = await tables.listChildren(title);
  return root === null ? children : [root, ...children];
}

/** Has every instance of the tree processed again. */
export async function bangInstance(
  key: PartitionKey,
  tables: ProxyTables,
  clock: Clock,
): Promise<string> {
  const row = await tables.getPartition(key);
  if (row === null || row.title === null) return 'OK';
  for (const member of await listTree(row, tables)) {
    await tables.updatePartition(member, { timestamp: nextTimestamp(clock, member.timestamp) });
  }
  return 'OK';
}

/**
 * Gives an instance another title; its children keep belonging to it.
 * @throws HttpProblem 400 when another instance of the tree has that title.
 */
export async function renameInstance(
  key: PartitionKey,
  title: string,
  tables: ProxyTables,
): Promise<string> {
  const row = await tables.getPartition(key);
  if (row === null || row.title === null) return unknownPartition(key);
  const other = await tables.findInstance(title, row.requestedBy);
  if (other !== null && row.title !== title) throw badRequest(`Title ${title} is already used.`);
  const children = row.requestedBy === '' ? await childrenOf(row, tables) : [];
  for (const child of children) await tables.updatePartition(child, { requestedBy: title });
  await tables.updatePartition(row, { title });
  return 'done';
}

/**
 * Publishes connection parameters of an instance or of one of its slaves. An unknown target is
 * silently accepted, as upstream does: the node reports after the instance may be gone.
 */
export async function reportConnection(
  form: Form,
  tables: ProxyTables,
  clock: Clock,
): Promise<string> {
  const key = form.partition();
  const what = 'Field connection_xml';
  const connection = expectDictionary(form.marshalled('connection_xml'), what);
  encodeParameters(connection);
  const reference = form.optional('slave_reference');
  const host = await tables.getPartition(key);
  // What a free partition has would be its next instance's.
  if (host === null || host.title === null) return 'done';
  const target = reference === null ? host : await findOwnSlave(host, reference, tables);
  if (target !== null) await publishConnection(target, connection, tables, clock);
  return 'done';
}

/** A slave that the host serves; for others' slaves it may not speak. */
async function findOwnSlave(
  host: PartitionRow,
  reference: string,
  tables: ProxyTables,
): Promise<SlaveRow | null> {
  const entries = parseSlaves(host.slaveInstanceList);
  if (!entries.some((entry) => entry['slave_reference'] === reference)) return null;
  const slave = await tables.getSlave({ reference, computerReference: host.computerReference });
  if (slave !== null && slave.hostedBy !== host.reference) {
    await tables.updateSlave(slave, { hostedBy: host.reference });
  }
  return slave;
}

/**
 * Stores connection parameters. The partition that requested the instance is processed again,
 * where the database tells which (version 18).
 */
export async function publishConnection(
  target: PartitionRow | SlaveRow,
  connection: Dictionary,
  tables: ProxyTables,
  clock: Clock,
): Promise<void> {
  const connectionXml = encodeParameters(connection);
  if ('hostedBy' in target) await tables.updateSlave(target, { connectionXml });
  else await tables.updatePartition(target, { connectionXml });
  if (target.connectionXml !== connectionXml) await touchRequester(target, tables, clock);
}

async function touchRequester(
  { requesterId: reference, computerReference }: PartitionKey & { readonly requesterId: string },
  tables: ProxyTables,
  clock: Clock,
): Promise<void> {
  if (reference === '') return;
  const row = await tables.getPartition({ reference, computerReference });
  if (row === null || row.title === null) return;
  await tables.updatePartition(row, { timestamp: nextTimestamp(clock, row.timestamp) });
}

/** Addresses of every partition of the tree; none once the instance is to be destroyed. */
export async function listTreeAddresses(
  key: PartitionKey,
  tables: ProxyTables,
): Promise<AddressRow[]> {
  const row = await expectPartition(key, tables);
  if (row.title === null || row.requestedState === 'destroyed') return [];
  const addresses: AddressRow[] = [];
  for (const member of await listTree(row, tables)) {
    addresses.push(...(await tables.listPartitionAddresses(member)));
  }
  return addresses;
}
