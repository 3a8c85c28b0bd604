/** `requestComputerPartition` (spec/proxy.md 7): instances of their own; slaves are in `slave.ts`. */
import type { MarshalObject } from '../slap/marshal-value.ts';
import { type Clock, nextTimestamp } from './clock.ts';
import { renderAbsentInstance, renderInstance } from './documents.ts';
import type { Form } from './form.ts';
import { notFound } from './http-problem.ts';
import {
  encodeParameters,
  type ProxyRequest,
  parseRequest,
  type RequestContext,
} from './request-form.ts';
import { requestSlave } from './slave.ts';
import type { PartitionRow, PartitionState, ProxyTables } from './store.ts';

/**
 * Allocates or updates an instance.
 * @throws HttpProblem 400 for a bad field, 404 when there is no requester, no free partition, no
 *   host or no such external Master.
 */
export async function requestPartition(
  form: Form,
  tables: ProxyTables,
  context: RequestContext,
): Promise<MarshalObject> {
  const request = await parseRequest(form, tables, context);
  const isShared = form.has('shared_xml') && form.marshalled('shared_xml') === true;
  if (isShared) return requestSlave(request, tables, context.clock);
  return requestInstance(request, tables, context.clock);
}

async function requestInstance(
  request: ProxyRequest,
  tables: ProxyTables,
  clock: Clock,
): Promise<MarshalObject> {
  let row = await tables.findInstance(request.title, request.requestedBy);
  if (row === null) {
    if (request.state === 'destroyed') {
      return renderAbsentInstance(request.softwareRelease, request.softwareType);
    }
    row = await allocate(request, tables);
  }
  const changed = await applyRequest(row, request, tables, clock);
  return renderInstance(changed, await tables.listPartitionAddresses(row));
}

/** Takes the first free partition of the computer. */
async function allocate(request: ProxyRequest, tables: ProxyTables): Promise<PartitionRow> {
  const free = await tables.findFreePartition(request.computerId);
  if (free === null) throw notFound(`No free computer partition found for: ${request.title}`);
  const changes = { slapState: 'busy', title: request.title, requestedBy: request.requestedBy };
  await tables.updatePartition(free, changes);
  return { ...free, ...changes };
}

/** Stores what the request changes; only a change moves the timestamp. */
async function applyRequest(
  row: PartitionRow,
  request: ProxyRequest,
  tables: ProxyTables,
  clock: Clock,
): Promise<PartitionRow> {
  const wanted = {
    requestedState: await effectiveState(row, request, tables),
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
