/** The IPv4 and IPv6 address of each partition (spec/format.md 13 and 14, Addresses). Pure. */
import { PlanError } from '../errors/slapos-error.ts';
import type { HostAddress, Partition } from '../model/computer.ts';
import {
  IPV4_BITS,
  IPV6_BITS,
  ipv6Network,
  isSameIpv6Network,
  parseIpv4,
  parseIpv4Cidr,
  parseIpv6,
  parseIpv6Netmask,
  renderIpv4,
  renderIpv6,
  renderIpv6Netmask,
} from '../model/ip-address.ts';
import { type Ipv6Prefix, partitionAddress } from './address.ts';
import { type AllocationContext, foreignPlace, prefixDevice } from './allocation-context.ts';
import { drawFree } from './draw.ts';
import { isDuplicate } from './network-view.ts';

const HOST_NETMASK = '255.255.255.255';
/** Upstream's replacement for a taken address ends in one group of 1 to this. */
const DRAWN_SPAN = 65000;

export function allocateAddresses(
  partitions: readonly Partition[],
  context: AllocationContext,
): Partition[] {
  const ipv4 = new Ipv4Allocator(context);
  const ipv6 = new Ipv6Allocator(context);
  const kept = partitions.map((partition) => ({
    ipv4: ipv4.keep(partition),
    ipv6: ipv6.keep(partition),
  }));
  return partitions.map((partition, index) => {
    const one = kept[index]?.ipv4 ?? ipv4.give(partition);
    const other = kept[index]?.ipv6 ?? ipv6.give(partition, index);
    const isIpv4First = parseIpv6(partition.addresses[0]?.address ?? '') === null;
    return { ...partition, addresses: isIpv4First ? [one, other] : [other, one] };
  });
}

class Ipv4Allocator {
  readonly #context: AllocationContext;
  readonly #pool: { readonly network: number; readonly prefixLength: number };

  constructor(context: AllocationContext) {
    this.#context = context;
    const pool = parseIpv4Cidr(context.computer.interface?.ipv4LocalNetwork ?? '');
    if (pool === null) {
      throw new PlanError('SLAPOS_ERR_PLAN_ADDRESS', 'ipv4_local_network is not set.', {
        hint: 'Set it in [slapformat], for instance ipv4_local_network = 10.0.0.0/16.',
      });
    }
    this.#pool = pool;
  }

  keep(partition: Partition): HostAddress | undefined {
    const stored = partition.addresses.find(({ address }) => parseIpv4(address) !== null);
    if (stored === undefined) return undefined;
    const problem = this.#problemOf(stored);
    if (problem === undefined) {
      this.#context.reservations.giveIpv4(parseIpv4(stored.address) as number);
      return stored;
    }
    this.#context.warnings.push(`${partition.reference}: ${stored.address} ${problem}.`);
    return undefined;
  }

  #problemOf({ address }: HostAddress): string | undefined {
    const { computer, reservations } = this.#context;
    const other = foreignPlace(this.#context, computer.interface?.name ?? '', address);
    if (other !== undefined) return `is on ${other}, another address is given`;
    const isFree = reservations.isIpv4Free(parseIpv4(address) as number);
    return isFree ? undefined : 'is taken, another address is given';
  }

  give(partition: Partition): HostAddress {
    const { computer, machineId, reservations } = this.#context;
    const { network, prefixLength } = this.#pool;
    const number = drawFree(
      ['ipv4', machineId, computer.reference, partition.reference],
      2 ** (IPV4_BITS - prefixLength),
      (candidate) => this.#isFree(network + candidate),
    );
    if (number === undefined) throw this.#exhausted(partition);
    reservations.giveIpv4(network + number);
    return { address: renderIpv4(network + number), netmask: HOST_NETMASK };
  }

  #isFree(address: number): boolean {
    const { network, prefixLength } = this.#pool;
    const isEnd = (address & 0xff) === 0 || (address & 0xff) === 0xff;
    const last = network + 2 ** (IPV4_BITS - prefixLength) - 1;
    const isReserved = prefixLength < 31 && (isEnd || address === network || address === last);
    if (isReserved) return false;
    return this.#context.reservations.isIpv4Free(address) || this.#isAdopted(address);
  }

  /** On a fresh host an address of ours may be left from a state file that was removed. */
  #isAdopted(address: number): boolean {
    const { isFresh, network, computer, reservations } = this.#context;
    if (!isFresh || reservations.isIpv4Given(address)) return false;
    return network.find(computer.interface?.name ?? '', renderIpv4(address), 32) !== undefined;
  }

  #exhausted(partition: Partition): PlanError {
    const { network, prefixLength } = this.#pool;
    return new PlanError(
      'SLAPOS_ERR_PLAN_ADDRESS',
      `ipv4_local_network ${renderIpv4(network)}/${prefixLength} has no free address for ` +
        `${partition.reference}.`,
      { hint: 'Set ipv4_local_network to a larger network.' },
    );
  }
}

class Ipv6Allocator {
  readonly #context: AllocationContext;
  readonly #device: string;

  constructor(context: AllocationContext) {
    this.#context = context;
    this.#device = context.computer.interface?.ipv6Interface ?? '';
  }

  keep(partition: Partition): HostAddress | undefined {
    const stored = partition.addresses.find(({ address }) => parseIpv6(address) !== null);
    if (stored === undefined) return undefined;
    const address = parseIpv6(stored.address) as bigint;
    if (!this.#isCurrent(stored, address)) {
      this.#context.outdated.add(partition.reference);
      return undefined;
    }
    const problem = this.#problemOf(stored, address);
    if (problem === undefined) {
      this.#context.reservations.giveIpv6(address);
      return stored;
    }
    this.#context.warnings.push(`${partition.reference}: ${stored.address} ${problem}.`);
    return undefined;
  }

  #isCurrent({ netmask }: HostAddress, address: bigint): boolean {
    const base = this.#context.bases.choose(address);
    return (
      isSameIpv6Network(base.address, address, base.prefixLength) &&
      parseIpv6Netmask(netmask) === base.prefixLength
    );
  }

  #problemOf(stored: HostAddress, address: bigint): string | undefined {
    const { bases, network, computer, reservations } = this.#context;
    const base = bases.choose(address);
    const present = network.find(this.#device, stored.address);
    if (present !== undefined && isDuplicate(present)) return 'is used by another machine';
    const other = foreignPlace(this.#context, this.#device, stored.address);
    if (other !== undefined && present === undefined) return `is on ${other}`;
    if (reservations.isIpv6Given(address) && !this.#isCrowded(base)) return 'is given twice';
    const isOwn = stored.address === computer.address;
    return isOwn || reservations.isIpv6Free(address) ? undefined : 'is taken';
  }

  give(partition: Partition, index: number): HostAddress {
    const base = this.#context.bases.choose();
    const regular = partitionAddress(base, index);
    const address = this.#isUsable(regular, base) ? regular : this.#drawn(partition, base, regular);
    this.#context.reservations.giveIpv6(address);
    return { address: renderIpv6(address), netmask: renderIpv6Netmask(base.prefixLength) };
  }

  #isUsable(address: bigint, base: Ipv6Prefix): boolean {
    const { reservations, network, isFresh, duplicates } = this.#context;
    const text = renderIpv6(address);
    if (duplicates.has(text)) return false;
    if (this.#isCrowded(base)) return true;
    if (reservations.isIpv6Given(address)) return false;
    if (reservations.isIpv6Free(address)) return true;
    const present = network.find(this.#device, text, base.prefixLength);
    const isAdopted = isFresh && text !== this.#context.computer.address;
    return isAdopted && present !== undefined && !isDuplicate(present);
  }

  /** A network too small for every partition to have an address of its own: they share. */
  #isCrowded(base: Ipv6Prefix): boolean {
    const { partitions } = this.#context.computer;
    return 2n ** BigInt(IPV6_BITS - base.prefixLength) < BigInt(partitions.length) + 3n;
  }

  #drawn(partition: Partition, base: Ipv6Prefix, taken: bigint): bigint {
    const { computer, machineId, warnings } = this.#context;
    const hostBits = IPV6_BITS - base.prefixLength;
    const span = Math.min(DRAWN_SPAN, 2 ** hostBits - 2);
    const start = ipv6Network(base.address, Math.max(base.prefixLength, IPV6_BITS - 16)) + 1n;
    const number = drawFree(
      ['ipv6', machineId, computer.reference, partition.reference],
      span,
      (candidate) => this.#isUsable(start + BigInt(candidate), base),
    );
    if (number === undefined) throw this.#exhausted(partition, base);
    const address = start + BigInt(number);
    warnings.push(
      `${partition.reference}: ${renderIpv6(taken)} is taken, ${renderIpv6(address)} is given.`,
    );
    return address;
  }

  #exhausted(partition: Partition, base: Ipv6Prefix): PlanError {
    return new PlanError(
      'SLAPOS_ERR_PLAN_ADDRESS',
      `The network of ${renderIpv6(base.address)}/${base.prefixLength} has no free address for ` +
        `${partition.reference}.`,
      { hint: 'Give the interface a shorter prefix.', context: prefixDevice(this.#context) },
    );
  }
}
