/** What the parts of the allocation share while they hand out addresses. */
import { PlanError } from '../errors/slapos-error.ts';
import type { Computer, Partition } from '../model/computer.ts';
import { parseIpv4, parseIpv6, parseIpv6Cidr, parseIpv6Netmask } from '../model/ip-address.ts';
import type { BaseAddresses } from './base-address.ts';
import type { NetworkView } from './network-view.ts';
import type { FormatOptions } from './options.ts';
import type { Reservations } from './reservations.ts';
import type { StoredInterfaces } from './stored-computer.ts';

export interface AllocationInput {
  readonly options: FormatOptions;
  readonly network: NetworkView;
  /** Recorded by earlier runs, this computer's included: these addresses are ours. */
  readonly recorded: readonly RecordedAddresses[];
  /** Tells hosts with the same computer id apart: the text of /etc/machine-id. */
  readonly machineId: string;
  /** Addresses that some other machine answered for in this run. */
  readonly duplicates: ReadonlySet<string>;
}

/** The part of a state file that says which addresses are ours. */
export interface RecordedAddresses {
  /** The computer's own address then, which says what its prefix was. */
  readonly address: string | null;
  readonly netmask: string | null;
  /** Where the addresses of partitions were put then. */
  readonly interfaces: StoredInterfaces | null;
  readonly partitions: ReadonlyArray<
    Pick<Partition, 'reference' | 'addresses' | 'ipv6Range' | 'tap' | 'tun'>
  >;
}

export interface AllocationContext extends AllocationInput {
  readonly computer: Computer;
  readonly bases: BaseAddresses;
  readonly reservations: Reservations;
  readonly warnings: string[];
  /** References of partitions that have something in no current prefix: it is numbered anew. */
  readonly outdated: Set<string>;
  /** True when no state was found: regular addresses already on our devices are then ours. */
  readonly isFresh: boolean;
}

/**
 * The device that has an address which shall be on another one; undefined when there is none. An
 * interface that carried our addresses before does not count: from there it moves.
 */
export function foreignPlace(
  { network, recorded }: AllocationContext,
  device: string,
  address: string,
): string | undefined {
  return network.elsewhere(device, address, (other) =>
    recorded.some(({ interfaces: were }) => were?.ipv4 === other || were?.ipv6 === other),
  );
}

/** Takes an address, IPv4 or IPv6 by its text, out of what may be given. */
export function reserve(reservations: Reservations, address: string): void {
  const ipv4 = parseIpv4(address);
  if (ipv4 !== null) reservations.reserveIpv4(ipv4);
  const ipv6 = parseIpv6(address);
  if (ipv6 !== null) reservations.reserveIpv6(ipv6);
}

/** Reserves the network that an IPv6 address with netmask, or `address/length`, stands for. */
export function reserveNetwork(reservations: Reservations, address: string, netmask: string): void {
  const prefix = parseIpv6Cidr(`${address}/${parseIpv6Netmask(netmask) ?? ''}`);
  if (prefix !== null) reservations.reserveNetwork(prefix.address, prefix.prefixLength);
}

/** The interface whose prefix an allocation depends on, as the context of an error. */
export function prefixDevice({ computer }: AllocationContext): { readonly device?: string } {
  const device = computer.interface?.ipv6Interface;
  return device === undefined ? {} : { device };
}

/** @returns the error for a prefix in which sub-ranges cannot exist. */
export function prefixTooLong(context: AllocationContext, what: string, option: string): PlanError {
  const { address, netmask } = context.computer;
  const length = parseIpv6Netmask(netmask ?? '') ?? 0;
  const shift = context.options.ipv6PrefixShift;
  return new PlanError(
    'SLAPOS_ERR_PLAN_ADDRESS',
    `The prefix ${address}/${length} is too small for ${what}: ${length} + ipv6_prefixshift ` +
      `${shift} leaves no address.`,
    {
      hint: `Use a shorter prefix, a smaller ipv6_prefixshift, or set ${option} = false.`,
      context: { ...prefixDevice(context), address, prefixLength: length, prefixShift: shift },
    },
  );
}
