/** Shared instances, called slaves on the wire (spec/proxy.md 7.3). */
import { decodeInstanceXml } from '../slap/instance-xml.ts';
import { encodeMarshal } from '../slap/marshal.ts';
import type { MarshalObject } from '../slap/marshal-value.ts';
import { type Clock, nextTimestamp } from './clock.ts';
import { parseSlaves, renderAbsentInstance, renderSharedInstance } from './documents.ts';
import type { Dictionary } from './form.ts';
import { type HttpProblem, notFound } from './http-problem.ts';
import { encodeParameters, type ProxyRequest } from './request-form.ts';
import type { PartitionRow, ProxyTables, SlaveKey, SlaveRow } from './store.ts';

/**
 * Adds, changes or removes a slave of the partition that can serve it.
 * @throws HttpProblem 404 when no partition can.
 */
export async function requestSlave(
  request: ProxyRequest,
  tables: ProxyTables,
  clock: Clock,
): Promise<MarshalObject> {
  const reference = slaveReference(request.title, request.requestedBy);
  const key = { reference, computerReference: request.computerId };
  const known = await tables.getSlave(key);
  if (request.state === 'destroyed') return destroySlave(known, request, tables, clock);
  const host = await findHost(known, request, tables);
  await leaveHost(known, host, tables, clock);
  await putEntry(renderEntry(reference, request), host, tables, clock);
  const slave = await putSlave({ ...key, hostedBy: host.reference }, known, request, tables);
  return renderSlave(host, slave, request, tables);
}

/** Answered as it was; nothing is looked for or stored where there is none. */
async function destroySlave(
  known: SlaveRow | null,
  request: ProxyRequest,
  tables: ProxyTables,
  clock: Clock,
): Promise<MarshalObject> {
  const { softwareRelease, softwareType } = request;
  if (known === null) return renderAbsentInstance(softwareRelease, softwareType);
  await leaveHost(known, null, tables, clock);
  await tables.deleteSlave(known);
  const { hostedBy, computerReference } = known;
  const host = await tables.getPartition({ reference: hostedBy ?? '', computerReference });
  if (host === null) return renderAbsentInstance(softwareRelease, softwareType);
  return renderSlave(host, known, request, tables);
}

async function renderSlave(
  host: PartitionRow,
  slave: SlaveRow,
  request: ProxyRequest,
  tables: ProxyTables,
): Promise<MarshalObject> {
  const parameters = decodeInstanceXml(encodeParameters(request.parameters));
  const addresses = await tables.listPartitionAddresses(host);
  const state = request.state === 'destroyed' ? 'destroyed' : 'started';
  return renderSharedInstance(host, slave, parameters, addresses, state);
}

/** The name of a slave in the database and on the wire. */
export function slaveReference(title: string, requestedBy: string): string {
  return `${requestedBy}_${title}`;
}

/** Title and root of a slave; without a note of who asked, the root ends at the first `_`. */
export function splitSlave({ reference, askedBy }: Pick<SlaveRow, 'reference' | 'askedBy'>): {
  readonly title: string;
  readonly requestedBy: string;
} {
  const isNoted = askedBy !== null && reference.startsWith(`${askedBy}_`);
  const end = isNoted ? askedBy.length : Math.max(0, reference.indexOf('_'));
  return { requestedBy: reference.slice(0, end), title: reference.slice(end + 1) };
}

/** The host that it has, when it still fits; else the first one that does. */
async function findHost(
  known: SlaveRow | null,
  request: ProxyRequest,
  tables: ProxyTables,
): Promise<PartitionRow> {
  const rows = await tables.listHosts(request.computerId, request.softwareRelease);
  const fitting = rows.filter((row) => isFitting(row, request));
  const host = fitting.find((row) => row.reference === known?.hostedBy) ?? fitting[0];
  if (host === undefined) throw noHost(request);
  return host;
}

function isFitting(row: PartitionRow, request: ProxyRequest): boolean {
  const { softwareType } = request;
  if (softwareType !== '' && typeName(row.softwareType) !== typeName(softwareType)) return false;
  if (request.hostGuid === null) return true;
  const prefix = `${request.computerId}-`;
  const isGuid = request.hostGuid.startsWith(prefix);
  return row.reference === (isGuid ? request.hostGuid.slice(prefix.length) : request.hostGuid);
}

/** The default type had another name in old software. */
function typeName(softwareType: string | null): string {
  const isDefault = softwareType === null || softwareType === '';
  return isDefault || softwareType === 'RootSoftwareInstance' ? 'default' : softwareType;
}

/** What the host sees of a slave; parameters keep their types and may replace the rest. */
function renderEntry(reference: string, request: ProxyRequest): Dictionary {
  return {
    slave_title: reference,
    slap_software_type: request.softwareType,
    slave_reference: reference,
    ...request.parameters,
  };
}

async function putEntry(
  entry: Dictionary,
  host: PartitionRow,
  tables: ProxyTables,
  clock: Clock,
): Promise<void> {
  const entries = parseSlaves(host.slaveInstanceList);
  const index = entries.findIndex((other) => isSameSlave(other, entry));
  const next = index < 0 ? [...entries, entry] : entries.with(index, entry);
  await storeEntries(next, host, tables, clock);
}

function isSameSlave(left: Dictionary, right: Dictionary): boolean {
  return left['slave_reference'] === right['slave_reference'];
}

async function storeEntries(
  entries: readonly Dictionary[],
  host: PartitionRow,
  tables: ProxyTables,
  clock: Clock,
): Promise<void> {
  const slaveInstanceList = encodeMarshal(entries);
  if (slaveInstanceList === host.slaveInstanceList) return;
  const timestamp = nextTimestamp(clock, host.timestamp);
  await tables.updatePartition(host, { slaveInstanceList, timestamp });
}

/** Removes a slave from the list of the host that it had, unless it stays there. */
async function leaveHost(
  known: SlaveRow | null,
  next: PartitionRow | null,
  tables: ProxyTables,
  clock: Clock,
): Promise<void> {
  if (known === null || known.hostedBy === null || known.hostedBy === next?.reference) return;
  const key = { reference: known.hostedBy, computerReference: known.computerReference };
  const host = await tables.getPartition(key);
  if (host === null) return;
  const entries = parseSlaves(host.slaveInstanceList);
  const left = entries.filter((entry) => entry['slave_reference'] !== known.reference);
  if (left.length !== entries.length) await storeEntries(left, host, tables, clock);
}

async function putSlave(
  key: SlaveKey & { readonly hostedBy: string },
  known: SlaveRow | null,
  request: ProxyRequest,
  tables: ProxyTables,
): Promise<SlaveRow> {
  const { requestedBy: askedBy, requesterId } = request;
  const row = { connectionXml: null, askedBy, ...known, ...key, requesterId };
  if (known === null) await tables.insertSlave(row);
  else if (known.hostedBy !== row.hostedBy || known.requesterId !== requesterId) {
    await tables.updateSlave(key, { hostedBy: row.hostedBy, requesterId });
  }
  return row;
}

function noHost(request: ProxyRequest): HttpProblem {
  const { title, softwareRelease, softwareType, computerId } = request;
  const wanted = `${softwareRelease} of type ${softwareType || 'any'} on ${computerId}`;
  return notFound(`No partition corresponding to slave request: ${title} (${wanted})`);
}
