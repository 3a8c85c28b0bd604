/** `requestComputerPartition` (spec/proxy.md 7): instances of their own; slaves are in `slave.ts`. */
import type { MarshalObject } from '../slap/marshal-value.ts';
import { type Clock, nextTimestamp } from './clock.ts';
import { renderAbsentInstance, renderInstance } from './documents.ts';
import { notFound } from './http-problem.ts';
import {
  encodeParameters,
  filterText,
  findRequester,
  type ProxyRequest,
  type Requester,
  type WantedInstance,
} from './request-form.ts';
import { requestSlave, slaveReference } from './slave.ts';
import type { PartitionKey, PartitionRow, PartitionState, ProxyTables } from './store.ts';

export interface AllocationContext {
  readonly defaultComputerId: string;
  readonly clock: Clock;
}

/**
 * Allocates or updates an instance.
 * @param requester partition that asks, null for a user
 * @throws HttpProblem 404 when there is no requester, no free partition or no host.
 */
export async function allocateInstance(
  wanted: WantedInstance,
  requester: PartitionKey | null,
  tables: ProxyTables,
  { defaultComputerId, clock }: AllocationContext,
): Promise<MarshalObject> {
  const request = {
    ...wanted,
    ...(await findRequester(requester, tables)),
    computerId: filterText(wanted, 'computer_guid') ?? defaultComputerId,
    hostGuid: filterText(wanted, 'instance_guid'),
  };
  if (wanted.isShared) return requestSlave(request, tables, clock);
  return requestInstance(request, tables, clock);
}

/** Whether it is here already: then it is never forwarded. */
export async function isAllocated(
  wanted: WantedInstance,
  { requestedBy }: Requester,
  tables: ProxyTables,
  defaultComputerId: string,
): Promise<boolean> {
  const { title } = wanted;
  if (!wanted.isShared) return (await tables.findInstance(title, requestedBy)) !== null;
  const reference = slaveReference(title, requestedBy);
  const computerReference = filterText(wanted, 'computer_guid') ?? defaultComputerId;
  return (await tables.getSlave({ reference, computerReference })) !== null;
}

async function requestInstance(
  request: ProxyRequest,
  tables: ProxyTables,
  clock: Clock,
): Promise<MarshalObject> {
  const known = await tables.findInstance(request.title, request.requestedBy);
  if (known === null && request.state === 'destroyed') {
    return renderAbsentInstance(request.softwareRelease, request.softwareType);
  }
  const row = known ?? (await findPartition(request, tables));
  const changed = await applyRequest(row, request, tables, clock);
  return renderInstance(changed, await tables.listPartitionAddresses(row));
}

/** The first free partition of the computer. */
async function findPartition(request: ProxyRequest, tables: ProxyTables): Promise<PartitionRow> {
  const free = await tables.findFreePartition(request.computerId);
  if (free === null) throw notFound(`No free computer partition found for: ${request.title}`);
  return free;
}

/** Stores what the request changes, in a free partition all of it; only a change moves the timestamp. */
async function applyRequest(
  row: PartitionRow,
  request: ProxyRequest,
  tables: ProxyTables,
  clock: Clock,
): Promise<PartitionRow> {
  const { title, requestedBy } = request;
  const wanted = {
    slapState: 'busy',
    title,
    requestedBy,
    requestedState: await effectiveState({ ...row, requestedBy }, request, tables),
    softwareRelease: request.softwareRelease,
    softwareType: request.softwareType,
    xml: encodeParameters(request.parameters),
  };
  const { requesterId } = request;
  if (row.timestamp !== null && isSame(row, wanted)) {
    if (row.requesterId !== requesterId) await tables.updatePartition(row, { requesterId });
    return row;
  }
  const changes = { ...wanted, requesterId, timestamp: nextTimestamp(clock, row.timestamp) };
  await tables.updatePartition(row, changes);
  return { ...row, ...changes };
}

function isSame(row: PartitionRow, wanted: Partial<PartitionState>): boolean {
  return Object.entries(wanted).every(
    ([name, value]) => row[name as keyof PartitionState] === value,
  );
}

/**
 * A child follows its root into any state but `started`; without a state of its own it is
 * started again with it. A root without a state stays as it is.
 */
async function effectiveState(
  row: PartitionRow,
  request: ProxyRequest,
  tables: ProxyTables,
): Promise<string> {
  if (row.requestedBy === '') return request.state ?? row.requestedState;
  const root = await tables.findInstance(row.requestedBy, '');
  if (root !== null && root.requestedState !== 'started') return root.requestedState;
  return request.state ?? 'started';
}
