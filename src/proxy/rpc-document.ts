/** Instances as the JSON-RPC API shows them (spec/slap-protocol.md 6.1, INSTANCE). */
import { type MarshalObject, MarshalTuple } from '../slap/marshal-value.ts';
import { ownParameters, parseSlaves, rootTitle } from './documents.ts';
import type { Dictionary } from './form.ts';
import { forbidden } from './http-problem.ts';
import type { WantedInstance } from './request-form.ts';
import { renderGuid } from './rpc-method.ts';
import { fromMarshal, type JsonObject, type JsonValue } from './rpc-schema.ts';
import { splitSlave } from './slave.ts';
import type { PartitionRow, ProxyTables, SlaveRow } from './store.ts';
import { readStoredXml } from './stored-xml.ts';

/** What a proxy has nothing to say about. */
const UNKNOWN = { full_ip_list: [], sla_parameters: {}, access_status_message: '' };

export async function renderPartitionRow(
  row: PartitionRow,
  tables: ProxyTables,
): Promise<JsonObject> {
  const { title, requestedBy } = row;
  const addresses = await tables.listPartitionAddresses(row);
  return {
    title: title ?? '',
    instance_guid: renderGuid({ title: title ?? '', requestedBy, isShared: false }),
    software_release_uri: row.softwareRelease ?? '',
    software_type: row.softwareType ?? '',
    state: row.requestedState,
    connection_parameters: readStoredXml(row.connectionXml),
    parameters: readStoredXml(row.xml),
    shared: false,
    root_instance_title: rootTitle(row),
    ip_list: addresses.map(({ reference, address }) => [reference, address]),
    computer_guid: row.computerReference,
    compute_partition_id: row.reference,
    processing_timestamp: Math.trunc(row.timestamp ?? 0),
    ...UNKNOWN,
  };
}

/**
 * A shared instance, by its row and its entry in the list of its host.
 * @param name what was asked for, for the message
 * @throws HttpProblem 403 when its host is gone.
 */
export async function renderSlaveRow(
  row: SlaveRow,
  name: string,
  tables: ProxyTables,
): Promise<JsonObject> {
  const { computerReference } = row;
  const host = await tables.getPartition({ reference: row.hostedBy ?? '', computerReference });
  const entry = parseSlaves(host?.slaveInstanceList ?? null).find((other) => {
    return other['slave_reference'] === row.reference;
  });
  if (host === null || entry === undefined) {
    throw forbidden(`No partition hosting ${name} found.`);
  }
  const { title, requestedBy } = splitSlave(row);
  return {
    title,
    instance_guid: renderGuid({ title, requestedBy, isShared: true }),
    software_release_uri: host.softwareRelease ?? '',
    software_type: host.softwareType ?? '',
    state: 'started',
    connection_parameters: readStoredXml(row.connectionXml),
    parameters: fromMarshal(ownParameters(entry)),
    shared: true,
    root_instance_title: requestedBy || title,
    ip_list: [],
    computer_guid: host.computerReference,
    compute_partition_id: host.reference,
    processing_timestamp: Math.trunc(host.timestamp ?? 0),
    ...UNKNOWN,
  };
}

/** The shared instances that a partition serves. */
export async function renderSlaveEntries(
  host: PartitionRow,
  tables: ProxyTables,
): Promise<JsonObject[]> {
  const list: JsonObject[] = [];
  for (const entry of parseSlaves(host.slaveInstanceList)) {
    const reference = String(entry['slave_reference']);
    const { computerReference } = host;
    const row = await tables.getSlave({ reference, computerReference });
    const { title, requestedBy } = splitSlave(row ?? { reference, askedBy: null });
    list.push({
      title,
      instance_guid: renderGuid({ title, requestedBy, isShared: true }),
      software_type: fromMarshal(entry['slap_software_type'] ?? ''),
      state: 'started',
      parameters: fromMarshal(ownParameters(entry)),
      compute_partition_id: host.reference,
    });
  }
  return list;
}

/** The answer to a request, which comes as the XML API gives it. */
export function renderAnswer(
  { className, attributes }: MarshalObject,
  wanted: WantedInstance,
  requestedBy: string,
): JsonObject {
  const { title, isShared } = wanted;
  const isOurs = className === 'SoftwareInstance';
  const { timestamp, ...parameters } = attributes['_parameter_dict'] as Dictionary;
  const hasTimestamp = isOurs && !isShared && typeof timestamp === 'string';
  return {
    title,
    instance_guid: renderGuid({ title, requestedBy, isShared }),
    software_release_uri: text(attributes['slap_software_release_url']) || wanted.softwareRelease,
    software_type: text(attributes['slap_software_type']) || wanted.softwareType,
    state: isShared ? 'started' : text(attributes['_requested_state']) || 'started',
    connection_parameters: fromMarshal(attributes['_connection_dict'] ?? {}),
    // Only an instance of its own has a timestamp among them that is no parameter.
    parameters: fromMarshal(isShared ? (attributes['_parameter_dict'] ?? {}) : parameters),
    shared: isShared,
    root_instance_title: requestedBy || title,
    ip_list: pairs(attributes['ip_list']),
    computer_guid: text(attributes['slap_computer_id']),
    compute_partition_id:
      text(attributes['slap_computer_partition_id']) || text(attributes['_partition_id']),
    processing_timestamp: hasTimestamp ? Math.trunc(Number(timestamp)) || 0 : 0,
    ...UNKNOWN,
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function pairs(value: unknown): JsonValue[] {
  if (!Array.isArray(value)) return [];
  return value.map((pair) => (pair instanceof MarshalTuple ? pair.items.map(fromMarshal) : []));
}
