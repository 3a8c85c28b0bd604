/**
 * The computer as documents: `slapos.xml`, what is posted to the Master, `.slapos-resource` and
 * `computer_json` (spec/format.md 15, 16). Pure; byte-stable with upstream.
 */
import type {
  Computer,
  HostAddress,
  Ipv6Range,
  Partition,
  PartitionDevice,
} from '../model/computer.ts';
import { encodeMarshal } from '../slap/marshal.ts';
import type { MarshalValue } from '../slap/marshal-value.ts';
import { partitionFragment } from './partition-fragment.ts';

/** A document of nested values, keys as on disk. Every container is made afresh. */
type Document = { readonly [key: string]: DocumentValue };
type DocumentValue = string | number | boolean | null | readonly DocumentValue[] | Document;

/** The text of `slapos.xml`. */
export function renderComputerXml(computer: Computer): string {
  return encodeMarshal(marshalDocument(computer), { indent: true });
}

/** The document of `loadComputerConfigurationFromXML`. */
export function renderComputerPost(computer: Computer): string {
  return encodeMarshal(marshalDocument(computer));
}

function marshalDocument({ partitions, ...computer }: Computer): MarshalValue {
  const document = computerDocument({ ...computer, partitions: [] });
  if (partitions.length === 0) return document;
  return { ...document, partition_list: [partitionFragment(partitions, partitionDocument)] };
}

/** The text of `.slapos-resource`, without a final newline. */
export function renderPartitionResource(partition: Partition): string {
  return renderJson(partitionDocument(partition), 4);
}

/** The text of the file that `computer_json` names. */
export function renderComputerJson(computer: Computer): string {
  return renderJson(computerDocument(computer), 2);
}

/** JSON as Python writes it: ASCII only. Every document below has its keys in order. */
function renderJson(document: Document, indent: number): string {
  return JSON.stringify(document, null, indent).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function computerDocument(computer: Computer): Document {
  return {
    address: computer.address,
    instance_root: computer.instanceRoot,
    instance_storage_home: computer.instanceStorageHome,
    interface: computer.interface && {
      ipv4_local_network: computer.interface.ipv4LocalNetwork,
      ipv6_interface: computer.interface.ipv6Interface,
      ipv6_prefixshift: computer.interface.ipv6PrefixShift,
      name: computer.interface.name,
    },
    ipv6_interface: computer.ipv6Interface,
    netmask: computer.netmask,
    os_type: computer.osType,
    partition_has_ipv6_range: computer.hasIpv6Range,
    partition_list: computer.partitions.map(partitionDocument),
    public_ipv4_address: computer.publicIpv4Address,
    python_version: computer.pythonVersion,
    reference: computer.reference,
    slapos_version: computer.slaposVersion,
    software_root: computer.softwareRoot,
    software_user: computer.softwareUser,
    tap_gateway_interface: computer.tapGatewayInterface,
    tap_ipv6: computer.isTapIpv6,
  };
}

function partitionDocument(partition: Partition): Document {
  return {
    address_list: partition.addresses.map(addressDocument),
    ...(partition.capabilities === null ? {} : { capability_list: [...partition.capabilities] }),
    external_storage_list: [...partition.externalStorages],
    ipv6_range: partition.ipv6Range === null ? {} : rangeDocument(partition.ipv6Range),
    path: partition.path,
    reference: partition.reference,
    tap: deviceDocument(partition.tap),
    tun: partition.tun === null ? null : deviceDocument(partition.tun),
    user: {
      additional_group_list: [...partition.user.groups],
      name: partition.user.name,
      path: partition.user.home,
      shell: partition.user.shell,
    },
  };
}

function addressDocument(address: HostAddress): Document {
  return { addr: address.address, netmask: address.netmask };
}

function rangeDocument(range: Ipv6Range): Document {
  return {
    ...addressDocument(range),
    network: range.network,
    prefixlen: range.prefixLength,
  };
}

function deviceDocument(device: PartitionDevice): Document {
  return {
    ipv4_addr: device.ipv4Address,
    ipv4_gateway: device.ipv4Gateway,
    ipv4_netmask: device.ipv4Netmask,
    ipv4_network: device.ipv4Network,
    ipv6_addr: device.ipv6Address,
    ipv6_gateway: device.ipv6Gateway,
    ipv6_netmask: device.ipv6Netmask,
    ipv6_network: device.ipv6Network,
    name: device.name,
  };
}
