/**
 * Reader of `slapos.xml` (spec/format.md 6): everything that an earlier run, ours or upstream's,
 * decided and that this one keeps. Accepts every legacy form and gives back one. Pure.
 */
import { SlaposError } from '../errors/slapos-error.ts';
import type { Ipv6Range } from '../model/computer.ts';
import { bareDevice, type HostAddress, type PartitionDevice } from '../model/computer.ts';
import {
  parseIpv4,
  parseIpv6,
  parseIpv6Cidr,
  parseIpv6Netmask,
  renderIpv6,
  renderIpv6Netmask,
} from '../model/ip-address.ts';
import { decodeMarshal } from '../slap/unmarshal.ts';
import { decodeStateLines } from './state-lines.ts';

/** What a state or definition file says of a partition. */
export interface StoredPartition {
  readonly reference: string;
  readonly userName: string;
  readonly addresses: readonly HostAddress[];
  readonly ipv6Range: Ipv6Range | null;
  readonly tap: PartitionDevice;
  readonly tun: PartitionDevice | null;
  readonly capabilities: readonly string[] | null;
}

/** The interfaces that carried the addresses of partitions. */
export interface StoredInterfaces {
  readonly ipv4: string;
  readonly ipv6: string;
}

/** What a state or definition file says of the computer; null where it says nothing. */
export interface StoredComputer {
  readonly address: string | null;
  readonly netmask: string | null;
  readonly interfaces: StoredInterfaces | null;
  readonly softwareUser: string | null;
  readonly softwareRoot: string | null;
  readonly instanceRoot: string | null;
  readonly publicIpv4Address: string | null;
  readonly pythonVersion: string | null;
  readonly partitions: readonly StoredPartition[];
}

/**
 * @param path Names the file in messages.
 * @throws SlaposError SLAPOS_ERR_STATE_FILE when the text is no computer.
 */
export function parseComputerXml(text: string, path: string): StoredComputer {
  const computer = new Entry(path, 'the computer', decode(text, path));
  return {
    address: computer.textOrNull('address', true),
    netmask: computer.textOrNull('netmask', true),
    interfaces: parseInterfaces(computer.entryOrNull('interface')),
    softwareUser: computer.textOrNull('software_user'),
    softwareRoot: computer.textOrNull('software_root'),
    instanceRoot: computer.textOrNull('instance_root'),
    publicIpv4Address: computer.textOrNull('public_ipv4_address'),
    pythonVersion: computer.textOrNull('python_version'),
    partitions: computer.list('partition_list').map((item, index) => {
      return parsePartition(new Entry(path, `partition ${index}`, item));
    }),
  };
}

function decode(text: string, path: string): unknown {
  try {
    return decodeStateLines(text) ?? decodeMarshal(text, path);
  } catch (cause) {
    throw stateError(path, 'is not a marshalled computer', cause);
  }
}

function stateError(path: string, problem: string, cause?: unknown): SlaposError {
  return new SlaposError('SLAPOS_ERR_STATE_FILE', `${path} ${problem}.`, {
    cause,
    hint: `Restore it from ${path}.zip, which holds its former contents, or move it away.`,
    context: { file: path },
  });
}

function parseInterfaces(entry: Entry | null): StoredInterfaces | null {
  const ipv4 = entry?.textOrNull('name');
  if (entry === null || !ipv4) return null;
  return { ipv4, ipv6: entry.textOrNull('ipv6_interface') || ipv4 };
}

function parsePartition(partition: Entry): StoredPartition {
  const reference = partition.text('reference');
  partition.require('path');
  const user = partition.entryOrNull('user', true);
  const tap = partition.entryOrNull('tap', true);
  const tun = partition.entryOrNull('tun');
  const range = partition.entryOrNull('ipv6_range');
  return {
    reference,
    userName: user === null ? 'root' : user.text('name'),
    addresses: partition.list('address_list').map((item, index) => {
      return parseAddress(new Entry(partition.path, `address ${index} of ${reference}`, item));
    }),
    ipv6Range: range === null || range.isEmpty ? null : parseRange(range),
    tap: tap === null ? bareDevice(reference) : parseDevice(tap),
    tun: tun === null ? null : parseDevice(tun),
    capabilities: partition.textsOrNull('capability_list'),
  };
}

function parseAddress(entry: Entry): HostAddress {
  return normalizeAddress(entry.text('addr'), entry.text('netmask'));
}

/** One canonical text for each address; a length instead of a netmask is written out. */
export function normalizeAddress(address: string, netmask: string): HostAddress {
  const ipv6 = parseIpv6(address);
  const prefixLength = ipv6 === null ? null : parseIpv6Netmask(netmask);
  if (ipv6 === null || prefixLength === null) return { address, netmask };
  return { address: renderIpv6(ipv6), netmask: renderIpv6Netmask(prefixLength) };
}

function parseRange(entry: Entry): Ipv6Range {
  const range = rangeFromNetwork(entry.text('network'));
  if (range !== null) return range;
  throw stateError(entry.path, `has a bad ipv6_range in ${entry.what}`);
}

/** The range that `address/length` names, or null when the text is no IPv6 network. */
export function rangeFromNetwork(network: string): Ipv6Range | null {
  const prefix = parseIpv6Cidr(network);
  if (prefix === null) return null;
  const address = renderIpv6(prefix.address);
  return {
    address,
    netmask: renderIpv6Netmask(prefix.prefixLength),
    network: `${address}/${prefix.prefixLength}`,
    prefixLength: prefix.prefixLength,
  };
}

function parseDevice(entry: Entry): PartitionDevice {
  const text = (key: string) => entry.textOrNull(key) ?? '';
  const ipv6 = normalizeAddress(text('ipv6_addr'), text('ipv6_netmask'));
  return {
    name: entry.text('name'),
    ipv4Address: text('ipv4_addr'),
    ipv4Netmask: text('ipv4_netmask'),
    ipv4Gateway: text('ipv4_gateway'),
    ipv4Network: text('ipv4_network'),
    ipv6Address: ipv6.address,
    ipv6Netmask: ipv6.netmask,
    ipv6Gateway: text('ipv6_gateway'),
    ipv6Network: text('ipv6_network'),
  };
}

/** Exactly one IPv4 and one IPv6 address, or none at all (spec/format.md 14). */
export function isCompleteAddressList(addresses: readonly HostAddress[]): boolean {
  const [ipv4, ipv6] = [parseIpv4, parseIpv6].map(
    (parse) => addresses.filter(({ address }) => parse(address) !== null).length,
  );
  return addresses.length === 0 || (addresses.length === 2 && ipv4 === 1 && ipv6 === 1);
}

/** A dictionary of the document, read key by key with messages that say where. */
class Entry {
  readonly path: string;
  readonly what: string;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(path: string, what: string, value: unknown) {
    this.path = path;
    this.what = what;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw stateError(path, `has no dictionary for ${what}`);
    }
    this.#values = value as Readonly<Record<string, unknown>>;
  }

  get isEmpty(): boolean {
    return Object.keys(this.#values).length === 0;
  }

  require(key: string): unknown {
    if (key in this.#values) return this.#values[key];
    throw stateError(this.path, `lacks '${key}' in ${this.what}`);
  }

  text(key: string): string {
    const value = this.require(key);
    if (typeof value === 'string') return value;
    throw stateError(this.path, `has no text for '${key}' in ${this.what}`);
  }

  textOrNull(key: string, isRequired = false): string | null {
    const value = isRequired ? this.require(key) : this.#values[key];
    return typeof value === 'string' ? value : null;
  }

  entryOrNull(key: string, isRequired = false): Entry | null {
    const value = isRequired ? this.require(key) : this.#values[key];
    return value === null || value === undefined
      ? null
      : new Entry(this.path, `${key} of ${this.what}`, value);
  }

  list(key: string): readonly unknown[] {
    const value = this.require(key);
    if (Array.isArray(value)) return value;
    throw stateError(this.path, `has no list for '${key}' in ${this.what}`);
  }

  textsOrNull(key: string): readonly string[] | null {
    const value = this.#values[key];
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : null;
  }
}
