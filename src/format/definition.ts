/** Definition files (spec/format.md 17): a computer written by hand, in and out. Pure. */
import { quote } from '../config/dialect.ts';
import { SlaposError } from '../errors/slapos-error.ts';
import {
  bareDevice,
  type Computer,
  type HostAddress,
  type Ipv6Range,
  type Partition,
} from '../model/computer.ts';
import {
  normalizeAddress,
  rangeFromNetwork,
  type StoredComputer,
  type StoredPartition,
} from './stored-computer.ts';

/** Sections by name, values without interpolation. */
export type DefinitionSections = ReadonlyMap<string, ReadonlyMap<string, string>>;

/**
 * @param amount How many partitions are read; more sections are left alone.
 * @throws SlaposError SLAPOS_ERR_STATE_FILE for a missing section or key or a bad address.
 */
export function parseDefinition(
  sections: DefinitionSections,
  amount: number,
  path: string,
): StoredComputer {
  const computer = new Section(sections, 'computer', path);
  const addressText = computer.find('address');
  const address = addressText === undefined ? undefined : parsePair(addressText, computer);
  const partitions: StoredPartition[] = [];
  for (let index = 0; index < amount; index += 1) {
    partitions.push(parsePartition(new Section(sections, `partition_${index}`, path)));
  }
  return {
    address: address?.address ?? null,
    netmask: address?.netmask ?? null,
    interfaces: null,
    softwareUser: computer.find('software_user') ?? null,
    softwareRoot: null,
    instanceRoot: null,
    publicIpv4Address: null,
    pythonVersion: null,
    partitions,
  };
}

function parsePartition(section: Section): StoredPartition {
  const range = section.find('ipv6_range');
  const reference = section.need('pathname');
  return {
    reference,
    userName: section.need('user'),
    addresses: words(section.need('address')).map((pair) => parsePair(pair, section)),
    ipv6Range: range === undefined ? null : parseRange(range, section),
    tap: bareDevice(section.need('network_interface')),
    tun: null,
    capabilities: parseCapabilities(section.find('capability_list')),
  };
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

function parseCapabilities(text: string | undefined): readonly string[] | null {
  if (text === undefined) return null;
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function parsePair(text: string, section: Section): HostAddress {
  const [address, netmask, ...more] = text.trim().split('/');
  if (address && netmask && more.length === 0) return normalizeAddress(address, netmask);
  throw section.error(`has ${quote(text)} where address/netmask is expected`);
}

function parseRange(text: string, section: Section): Ipv6Range {
  const range = rangeFromNetwork(text);
  if (range !== null) return range;
  throw section.error(`has ${quote(text)} where an IPv6 network is expected`);
}

class Section {
  readonly #name: string;
  readonly #path: string;
  readonly #values: ReadonlyMap<string, string>;

  constructor(sections: DefinitionSections, name: string, path: string) {
    this.#name = name;
    this.#path = path;
    const values = sections.get(name);
    if (values === undefined) throw this.error('is missing');
    this.#values = values;
  }

  find(key: string): string | undefined {
    return this.#values.get(key);
  }

  need(key: string): string {
    const value = this.find(key);
    if (value === undefined) throw this.error(`lacks '${key}'`);
    return value;
  }

  error(problem: string): SlaposError {
    return new SlaposError(
      'SLAPOS_ERR_STATE_FILE',
      `Section [${this.#name}] ${problem} in the definition file ${this.#path}.`,
      {
        hint: 'Write one [computer] section and one [partition_N] section for each partition.',
        context: { file: this.#path, section: this.#name },
      },
    );
  }
}

/** The text of an output definition file. */
export function renderDefinition(computer: Computer): string {
  const address =
    computer.address === null ? [] : [`address = ${computer.address}/${computer.netmask}`];
  const sections = [['[computer]', ...address], ...computer.partitions.map(renderPartition)];
  return sections.map((lines) => `${lines.join('\n')}\n`).join('\n');
}

function renderPartition(partition: Partition, index: number): string[] {
  const pairs = partition.addresses.map(({ address, netmask }) => `${address}/${netmask}`);
  const range = partition.ipv6Range === null ? [] : [`ipv6_range = ${partition.ipv6Range.network}`];
  return [
    `[partition_${index}]`,
    `address = ${pairs.join(' ')}`,
    ...range,
    `user = ${partition.user.name}`,
    `network_interface = ${partition.tap.name}`,
    `pathname = ${partition.reference}`,
  ];
}
