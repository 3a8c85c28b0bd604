/**
 * The address arithmetic of spec/format.md 10, 11 and 14. Pure; checked against
 * `test/fixtures/format-vectors.json`.
 */
import {
  IPV4_BITS,
  IPV6_BITS,
  ipv4Network,
  ipv6Network,
  isSameIpv6Network,
} from '../model/ip-address.ts';

export interface Ipv6Prefix {
  readonly address: bigint;
  readonly prefixLength: number;
}

export interface Ipv4Prefix {
  readonly address: number;
  readonly prefixLength: number;
}

/** Which quarter of a computer's network a sub-range lies in; partition addresses are in 0. */
export const RANGE_QUARTER = { partition: 1, tap: 2, tun: 3 } as const;
export type RangeOwner = keyof typeof RANGE_QUARTER;

const TUN_POOL: Ipv4Prefix = { address: 0xac100000, prefixLength: 12 };

/** True for the addresses that partitions may be numbered from: 2000::/3, fc00::/7, fec0::/10. */
export function isGlobalScope(address: bigint): boolean {
  const top = Number(address >> 118n);
  return top >> 7 === 0b001 || top >> 3 === 0b1111110 || top === 0b1111111011;
}

/**
 * The address of an interface that others are derived from: the one whose network contains
 * `preferred` (numerically smallest), else the smallest prefix length, then smallest address.
 * Undefined when no candidate is of global scope.
 */
export function chooseBase(
  candidates: readonly Ipv6Prefix[],
  preferred?: bigint,
): Ipv6Prefix | undefined {
  const usable = candidates.filter(({ address }) => isGlobalScope(address));
  if (preferred !== undefined) {
    const around = usable.filter((candidate) =>
      isSameIpv6Network(candidate.address, preferred, candidate.prefixLength),
    );
    if (around.length > 0) return smallest(around, () => 0);
  }
  return smallest(usable, (one, other) => one.prefixLength - other.prefixLength);
}

function smallest(
  prefixes: readonly Ipv6Prefix[],
  compare: (one: Ipv6Prefix, other: Ipv6Prefix) => number,
): Ipv6Prefix | undefined {
  const byAddress = (one: Ipv6Prefix, other: Ipv6Prefix) =>
    one.address < other.address ? -1 : Number(one.address > other.address);
  return prefixes.toSorted((one, other) => compare(one, other) || byAddress(one, other))[0];
}

/** Address number `index` in the network of `base`; small networks wrap around. */
export function partitionAddress(base: Ipv6Prefix, index: number): bigint {
  const hostBits = IPV6_BITS - base.prefixLength;
  const offset = partitionOffset(hostBits, BigInt(index));
  return ipv6Network(base.address, base.prefixLength) + offset;
}

function partitionOffset(hostBits: number, index: bigint): bigint {
  const size = 1n << BigInt(hostBits);
  if (index + 2n < size) return index + 2n;
  if (hostBits >= 2) return (index % (size - 2n)) + 2n;
  return hostBits === 1 ? index % 2n : 0n;
}

export type RangeError = 'prefix-too-long' | 'overflow-1-bit';

/** Sub-range number `index` of a quarter: a network of `prefixShift` more bits than the base. */
export function subRange(
  base: Ipv6Prefix,
  prefixShift: number,
  owner: RangeOwner,
  index: number,
): Ipv6Prefix | RangeError {
  const prefixLength = base.prefixLength + prefixShift;
  if (prefixLength >= IPV6_BITS) return 'prefix-too-long';
  const number = (BigInt(RANGE_QUARTER[owner]) << BigInt(prefixShift - 2)) + BigInt(index) + 1n;
  if (number >= 1n << BigInt(prefixShift)) return 'overflow-1-bit';
  const network = ipv6Network(base.address, base.prefixLength);
  return { address: network + (number << BigInt(IPV6_BITS - prefixLength)), prefixLength };
}

/** The last address of a network: what a tap carries itself. */
export function lastAddress(network: Ipv6Prefix): bigint {
  return network.address | ((1n << BigInt(IPV6_BITS - network.prefixLength)) - 1n);
}

/** The address behind the first of a network: a tap's gateway, a tun's own address. */
export function firstAddress(address: bigint, prefixLength: number): bigint {
  return ipv6Network(address, prefixLength) | 1n;
}

/** IPv4 of tun number `index` when 172.16.0.0/12 is cut for `amount` partitions. */
export function tunIpv4(index: number, amount: number): Ipv4Prefix {
  const prefixLength = TUN_POOL.prefixLength + Math.ceil(Math.log2(amount));
  const address = TUN_POOL.address + index * 2 ** (IPV4_BITS - prefixLength) + 1;
  return { address, prefixLength };
}

/** How many tuns {@link tunIpv4} can number for `amount` partitions. */
export function tunIpv4Capacity(amount: number): number {
  return 2 ** Math.ceil(Math.log2(amount));
}

/**
 * IPv4 addresses for the machines behind taps: the network of the gateway interface in ascending
 * order without its network address and the gateway's own. Undefined when there are too few.
 */
export function tapIpv4Pool(gateway: Ipv4Prefix, amount: number): readonly number[] | undefined {
  const network = ipv4Network(gateway.address, gateway.prefixLength);
  const end = network + 2 ** (IPV4_BITS - gateway.prefixLength);
  const pool: number[] = [];
  for (let address = network + 1; address < end && pool.length < amount; address += 1) {
    if (address !== gateway.address) pool.push(address);
  }
  return pool.length < amount ? undefined : pool;
}
