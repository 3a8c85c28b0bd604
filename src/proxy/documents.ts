/** The documents that the proxy answers with, from its rows (spec/slap-protocol.md 1.5). Pure. */
import { pythonFloat } from '../model/python-number.ts';
import { MarshalObject, MarshalTuple } from '../slap/marshal-value.ts';
import { decodeMarshal } from '../slap/unmarshal.ts';
import type { Dictionary } from './form.ts';
import type { RenderPartition } from './partition-texts.ts';
import type { AddressRow, PartitionKey, PartitionRow, SlaveRow, SoftwareRow } from './store.ts';
import { readStoredXml } from './stored-xml.ts';

export interface ComputerRows {
  readonly software: readonly SoftwareRow[];
  readonly partitions: readonly PartitionRow[];
  readonly addresses: readonly AddressRow[];
}

/**
 * The whole computer, as `getFullComputerInformation` gives it.
 * @param render gives each partition, by default {@link renderPartition}
 */
export function renderComputer(
  computerId: string,
  { software, partitions, addresses }: ComputerRows,
  render: RenderPartition = renderPartition,
): MarshalObject {
  const byPartition = groupAddresses(addresses);
  return new MarshalObject('Computer', [computerId], {
    _computer_id: computerId,
    _computer_partition_list: partitions.map((row) => {
      return render(row, byPartition.get(row.reference) ?? []);
    }),
    _software_release_list: software.map((row) => {
      return renderSoftwareRelease(row.url, row.computerReference, {
        _requested_state: row.requestedState ?? 'available',
      });
    }),
  });
}

/** Addresses of a computer by partition. */
export function groupAddresses(
  addresses: readonly AddressRow[],
): ReadonlyMap<string, readonly AddressRow[]> {
  const groups = new Map<string, AddressRow[]>();
  for (const address of addresses) {
    const group = groups.get(address.partitionReference);
    if (group === undefined) groups.set(address.partitionReference, [address]);
    else group.push(address);
  }
  return groups;
}

function renderSoftwareRelease(url: string, computerId: string, more: Dictionary): MarshalObject {
  return new MarshalObject('SoftwareRelease', [url, computerId], {
    _computer_guid: computerId,
    ...more,
    _software_instance_list: [],
    _software_release: url,
  });
}

/** One partition; a free one has no parameters and is to be `destroyed`. */
export function renderPartition(
  row: PartitionRow,
  addresses: readonly AddressRow[],
): MarshalObject {
  const { computerReference, reference } = row;
  return new MarshalObject('ComputerPartition', [computerReference, reference, null], {
    _computer_id: computerReference,
    _instance_guid: instanceGuid(row),
    _partition_id: reference,
    _request_dict: null,
    ...(row.softwareRelease === null || row.softwareRelease === ''
      ? { _need_modification: 0, _requested_state: 'destroyed', _software_release_document: null }
      : renderUsed(row, row.softwareRelease, addresses)),
  });
}

function renderUsed(row: PartitionRow, url: string, addresses: readonly AddressRow[]): Dictionary {
  return {
    _need_modification: 1,
    _requested_state: row.requestedState,
    _software_release_document: renderSoftwareRelease(url, row.computerReference, {}),
    _connection_dict: readStoredXml(row.connectionXml),
    _parameter_dict: {
      ...readStoredXml(row.xml),
      full_address_list: [],
      instance_title: row.title,
      ip_list: renderAddresses(addresses),
      root_instance_title: rootTitle(row),
      slap_computer_id: row.computerReference,
      slap_computer_partition_id: row.reference,
      slap_software_release_url: url,
      slap_software_type: row.softwareType,
      slave_instance_list: parseSlaves(row.slaveInstanceList),
      ...renderTimestamp(row.timestamp),
    },
  };
}

/** The answer to a request for an instance of its own. */
export function renderInstance(row: PartitionRow, addresses: readonly AddressRow[]): MarshalObject {
  return new MarshalObject('SoftwareInstance', [], {
    ...renderLocation(row, addresses),
    _connection_dict: readStoredXml(row.connectionXml),
    _instance_guid: instanceGuid(row),
    _parameter_dict: {
      ...renderTimestamp(row.timestamp),
      ...readStoredXml(row.xml),
    },
    _requested_state: row.requestedState,
    connection_xml: row.connectionXml,
    slap_software_release_url: row.softwareRelease,
    slap_software_type: row.softwareType,
  });
}

/**
 * The answer to a request for a shared instance: its guid is not told. Its state is, other than by
 * slapproxy: upstream's clients that miss it fetch the host, and take its connection for the slave's.
 */
export function renderSharedInstance(
  host: PartitionRow,
  slave: SlaveRow,
  parameters: Readonly<Record<string, string | null>>,
  addresses: readonly AddressRow[],
  requestedState: 'started' | 'destroyed',
): MarshalObject {
  return new MarshalObject('SoftwareInstance', [], {
    ...renderLocation(host, addresses),
    _connection_dict: readStoredXml(slave.connectionXml),
    _parameter_dict: parameters,
    _requested_state: requestedState,
    slap_software_release_url: host.softwareRelease,
    slap_software_type: host.softwareType,
  });
}

/** The answer to a request to destroy what does not exist: no partition was taken. */
export function renderAbsentInstance(softwareRelease: string, softwareType: string): MarshalObject {
  const nowhere = { computerReference: '', reference: '' };
  return new MarshalObject('SoftwareInstance', [], {
    ...renderLocation(nowhere, []),
    _connection_dict: {},
    _parameter_dict: {},
    _requested_state: 'destroyed',
    slap_software_release_url: softwareRelease,
    slap_software_type: softwareType,
  });
}

function renderLocation(key: PartitionKey, addresses: readonly AddressRow[]): Dictionary {
  return {
    ip_list: renderAddresses(addresses),
    slap_computer_id: key.computerReference,
    slap_computer_partition_id: key.reference,
    // Upstream's own placeholder: clients copy it and nobody reads it.
    slap_server_url: 'slap_server_url',
  };
}

/** Pairs of interface and address, which recipes unpack by two. */
export function renderAddresses(addresses: readonly AddressRow[]): MarshalTuple[] {
  return addresses.map((row) => new MarshalTuple([row.reference, row.address]));
}

/** Reads column `slave_instance_list`. */
export function parseSlaves(text: string | null): readonly Dictionary[] {
  if (text === null || text === '') return [];
  return decodeMarshal(text, 'The list of slaves in the database') as unknown as Dictionary[];
}

/** What the requester of a slave gave, without what the proxy added. */
export function ownParameters(entry: Dictionary): Dictionary {
  const { slave_title, slave_reference, slap_software_type, ...parameters } = entry;
  return parameters;
}

export function instanceGuid(key: PartitionKey): string {
  return `${key.computerReference}-${key.reference}`;
}

/** Title of the root of the tree that an instance belongs to. */
export function rootTitle(row: PartitionRow): string {
  return row.requestedBy === '' ? (row.title ?? '') : row.requestedBy;
}

/** Instances of databases before version 14 have none until they are requested again. */
function renderTimestamp(seconds: number | null): Dictionary {
  return seconds === null ? {} : { timestamp: pythonFloat(seconds) };
}
