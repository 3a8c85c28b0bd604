/** What the user of a partition may ask of the JSON-RPC API under `peer_check`. Pure. */

import { rootTitle } from './documents.ts';
import { expectOwn, isOfTree, ownSlave, ownTitle, type StoreCheck } from './peer-rules.ts';
import { type PartitionScope, refused } from './peer-scope.ts';
import { type InstanceName, parseGuid, type RpcCall, renderGuid, textOf } from './rpc-method.ts';
import type { JsonObject } from './rpc-schema.ts';
import { slaveReference } from './slave.ts';
import type { PartitionRow, ProxyTables, SlaveRow } from './store.ts';

/** @throws HttpProblem 403; null when nothing is left to be checked. */
export type PeerRpcRule = (
  body: JsonObject,
  call: Pick<RpcCall, 'sender' | 'dictionary'>,
  scope: PartitionScope,
) => StoreCheck | null;

/** Whether it exists is not told. */
function notOwn(name: InstanceName, { uid }: PartitionScope) {
  return refused(`${renderGuid(name)} is not of uid ${uid}`);
}

function findOwn(
  name: InstanceName,
  scope: PartitionScope,
  tables: ProxyTables,
): Promise<PartitionRow | SlaveRow | null> {
  return name.isShared ? findServed(name, scope, tables) : findInstance(name, scope, tables);
}

async function findInstance(
  name: InstanceName,
  scope: PartitionScope,
  tables: ProxyTables,
): Promise<PartitionRow | null> {
  const row = await tables.findInstance(name.title, name.requestedBy);
  return row !== null && scope.owns(row) ? row : null;
}

/** A slave that an own partition serves. */
async function findServed(
  { requestedBy, title }: InstanceName,
  scope: PartitionScope,
  tables: ProxyTables,
): Promise<SlaveRow | null> {
  const row = await findSlave(slaveReference(title, requestedBy), tables);
  if (row === null || row.hostedBy === null) return null;
  const { computerReference, hostedBy: reference } = row;
  return scope.owns({ computerReference, reference }) ? row : null;
}

async function findSlave(reference: string, tables: ProxyTables): Promise<SlaveRow | null> {
  return (await tables.listSlaves()).find((row) => row.reference === reference) ?? null;
}

const own: PeerRpcRule = (body, _call, scope) => {
  const name = parseGuid(body);
  return async (tables) => {
    if ((await findOwn(name, scope, tables)) === null) throw notOwn(name, scope);
  };
};

/** Its own, what it serves, and what its tree requested. */
const readable: PeerRpcRule = (body, _call, scope) => {
  const name = parseGuid(body);
  return async (tables) => {
    if ((await findOwn(name, scope, tables)) !== null) return;
    if (!(await isRequested(name, scope, tables))) throw notOwn(name, scope);
  };
};

async function isRequested(
  name: InstanceName,
  scope: PartitionScope,
  tables: ProxyTables,
): Promise<boolean> {
  if (name.requestedBy === '' || !(await isMember(name.requestedBy, scope, tables))) return false;
  if (!name.isShared) return true;
  const slave = await findSlave(slaveReference(name.title, name.requestedBy), tables);
  return slave !== null && isOfTree(slave, name.requestedBy, tables);
}

/** Whether an own partition belongs to the tree of this root. */
async function isMember(
  root: string,
  scope: PartitionScope,
  tables: ProxyTables,
): Promise<boolean> {
  const first = await tables.findInstance(root, '');
  const rows = [...(first === null ? [] : [first]), ...(await tables.listChildren(root))];
  return rows.some((row) => scope.owns(row) && rootTitle(row) === root);
}

const tree: PeerRpcRule = (body, _call, scope) => {
  const name = { title: textOf(body, 'title'), requestedBy: '', isShared: false };
  return async (tables) => {
    if ((await findInstance(name, scope, tables)) === null) throw notOwn(name, scope);
  };
};

const partition: PeerRpcRule = (body, _call, scope) => {
  const computerReference = textOf(body, 'computer_guid');
  expectOwn({ computerReference, reference: textOf(body, 'compute_partition_id') }, scope);
  return null;
};

const report: PeerRpcRule = (body, call, scope) => {
  if (body['reported_state'] !== 'destroyed') return own(body, call, scope);
  throw refused(`uid ${scope.uid} may not report that an instance is destroyed: its node does`);
};

const rename: PeerRpcRule = (body, _call, scope) => {
  const name = parseGuid(body);
  return async (tables) => {
    const row = name.isShared ? null : await findInstance(name, scope, tables);
    if (row === null) throw notOwn(name, scope);
    await ownTitle(row, scope)(tables);
  };
};

const request: PeerRpcRule = (body, call, scope) => {
  const wanted = {
    title: textOf(body, 'title'),
    isShared: body['shared'] === true,
    filter: call.dictionary('sla_parameters'),
  };
  return ownSlave(wanted, expectOwn(call.sender, scope), scope);
};

/** What is not here is for trusted users only. */
export const PEER_RPC_RULES: Readonly<Record<string, PeerRpcRule>> = {
  'slapos.post.v0.software_instance': request,
  'slapos.get.v0.software_instance': readable,
  'slapos.get.v0.compute_partition': partition,
  'slapos.get.v0.instance_tree': tree,
  'slapos.get.v0.software_instance_certificate': own,
  'slapos.get.v0.hateoas_url': () => null,
  'slapos.allDocs.v0.instance_node_instance_list': own,
  'slapos.put.v0.software_instance_reported_state': report,
  'slapos.put.v0.software_instance_error': own,
  'slapos.put.v0.software_instance_bang': own,
  'slapos.put.v0.software_instance_title': rename,
  'slapos.put.v0.software_instance_connection_parameter': own,
};
