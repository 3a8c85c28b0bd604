/**
 * Which addresses are everybody's and which are of this machine or its surroundings. Pure.
 * An IPv4 address is the IPv6 address that stands for it (`::ffff:a.b.c.d`), so that there is one
 * kind of number and no second way to write an address.
 */
import { IPV4_BITS, IPV6_BITS, parseIpv4, parseIpv6 } from '../model/ip-address.ts';

export interface Network {
  readonly address: bigint;
  readonly prefixLength: number;
}

const MAPPED = 0xffffn << 32n;
const MAPPED_LENGTH = IPV6_BITS - IPV4_BITS;

/** The number of an IPv4 or IPv6 address in text, null when it is none. */
export function parseAddress(text: string): bigint | null {
  const ipv4 = parseIpv4(text);
  return ipv4 === null ? parseIpv6(text) : MAPPED | BigInt(ipv4);
}

/** An address or `address/length`, host bits cleared; null for another text. */
export function parseNetwork(text: string): Network | null {
  const [base = '', lengthText, ...rest] = text.split('/');
  const address = parseAddress(base);
  if (address === null || rest.length > 0) return null;
  const bits = base.includes(':') ? IPV6_BITS : IPV4_BITS;
  if (lengthText !== undefined && !/^\d{1,3}$/.test(lengthText)) return null;
  const length = Number(lengthText ?? bits);
  if (length > bits) return null;
  const prefixLength = length + IPV6_BITS - bits;
  const hostBits = BigInt(IPV6_BITS - prefixLength);
  return { address: (address >> hostBits) << hostBits, prefixLength };
}

export function contains(network: Network, address: bigint): boolean {
  const hostBits = BigInt(IPV6_BITS - network.prefixLength);
  return address >> hostBits === network.address >> hostBits;
}

function holds(outer: Network, inner: Network): boolean {
  return inner.prefixLength >= outer.prefixLength && contains(outer, inner.address);
}

function networks(...texts: readonly string[]): readonly Network[] {
  return texts.flatMap((text) => parseNetwork(text) ?? []);
}

const IPV4: Network = { address: MAPPED, prefixLength: MAPPED_LENGTH };
/** What is assigned to be reached from everywhere, so far (RFC 4291 2.4, IANA). */
const GLOBAL_IPV6 = networks('2000::/3');
/** Registries of special addresses: RFC 6890, RFC 8190, RFC 9637; 6to4 leads to IPv4 again. */
const SPECIAL = networks(
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
);
const LOOPBACK = networks('127.0.0.0/8', '::1');
/** No single machine: where the kernel goes instead would surprise. */
const NOWHERE = networks('0.0.0.0/8', '224.0.0.0/4', '240.0.0.0/4', '::', 'ff00::/8');

export function isIpv4(address: bigint): boolean {
  return contains(IPV4, address);
}

/** Neither of this machine nor of a network that only some can reach. */
export function isPublic(address: bigint): boolean {
  if (SPECIAL.some((network) => contains(network, address))) return false;
  return isIpv4(address) || GLOBAL_IPV6.some((network) => contains(network, address));
}

export function isLoopback(address: bigint): boolean {
  return LOOPBACK.some((network) => contains(network, address));
}

/** The unspecified address, groups and broadcasts. */
export function isNowhere(address: bigint): boolean {
  return NOWHERE.some((network) => contains(network, address));
}

/** Whether no address of a network is public. */
export function isSpecial(network: Network): boolean {
  if (SPECIAL.some((special) => holds(special, network))) return true;
  if (isIpv4(network.address)) return false;
  return ![...GLOBAL_IPV6, IPV4].some((wide) => holds(wide, network) || holds(network, wide));
}
