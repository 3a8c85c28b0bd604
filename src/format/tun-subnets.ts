/** The pieces of 172.16.0.0/12 that tuns get (spec/format.md 14, Tun). Pure. */
import type { Partition } from '../model/computer.ts';
import {
  IPV4_BITS,
  ipv4Network,
  parseIpv4,
  parseIpv4Netmask,
  renderIpv4,
  renderIpv4Netmask,
} from '../model/ip-address.ts';
import { type Ipv4Prefix, tunIpv4, tunIpv4Capacity } from './address.ts';

export interface TunIpv4 {
  readonly ipv4Address: string;
  readonly ipv4Netmask: string;
  readonly ipv4Network: string;
}

/**
 * A subnet for the tun of each partition, undefined for those without tun. Recorded subnets stay;
 * new ones lie in none of them. A node that grew may have none left: then the recorded ones are
 * narrowed to the size that the new number of partitions calls for, their addresses staying.
 */
export function tunSubnets(partitions: readonly Partition[]): ReadonlyArray<TunIpv4 | undefined> {
  const given = give(partitions, false) ?? give(partitions, true) ?? [];
  return given.map((subnet) => subnet && render(subnet));
}

function render({ address, prefixLength }: Ipv4Prefix): TunIpv4 {
  const text = renderIpv4(address);
  const netmask = renderIpv4Netmask(prefixLength);
  return { ipv4Address: text, ipv4Netmask: netmask, ipv4Network: `${text}/${netmask}` };
}

type Subnets = Array<Ipv4Prefix | undefined>;

/** Undefined when not every partition can have one. */
function give(partitions: readonly Partition[], isNarrowed: boolean): Subnets | undefined {
  const amount = partitions.length;
  const length = tunIpv4(0, amount).prefixLength;
  const taken: Span[] = [];
  const subnets: Subnets = partitions.map(({ tun }) => {
    const found = recorded(tun?.ipv4Address ?? '', tun?.ipv4Netmask ?? '');
    if (found === undefined) return undefined;
    const prefixLength = isNarrowed ? Math.max(found.prefixLength, length) : found.prefixLength;
    const subnet = { address: found.address, prefixLength };
    return take(taken, subnet) ? subnet : undefined;
  });
  for (const [index, { tun }] of partitions.entries()) {
    if (tun === null || subnets[index] !== undefined) continue;
    subnets[index] = free(taken, index, amount);
    if (subnets[index] === undefined) return undefined;
  }
  return subnets;
}

function recorded(addressText: string, netmask: string): Ipv4Prefix | undefined {
  const address = parseIpv4(addressText);
  const prefixLength = parseIpv4Netmask(netmask);
  return address === null || prefixLength === null ? undefined : { address, prefixLength };
}

function free(taken: Span[], index: number, amount: number): Ipv4Prefix | undefined {
  const regular = tunIpv4(index, amount);
  if (take(taken, regular)) return regular;
  for (let other = tunIpv4Capacity(amount) - 1; other >= 0; other -= 1) {
    const subnet = tunIpv4(other, amount);
    if (take(taken, subnet)) return subnet;
  }
  return undefined;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** False when the subnet meets one that is taken: older versions gave some of them twice. */
function take(taken: Span[], { address, prefixLength }: Ipv4Prefix): boolean {
  const start = ipv4Network(address, prefixLength);
  const end = start + 2 ** (IPV4_BITS - prefixLength);
  if (taken.some((span) => start < span.end && span.start < end)) return false;
  taken.push({ start, end });
  return true;
}
