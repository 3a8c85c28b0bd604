/**
 * The prefixes that the host had when earlier runs numbered its partitions, and what is left in
 * them: upstream follows a change of prefix with the addresses alone. Pure.
 */
import { RTPROT_SLAPOS } from '../host/network/native-network.ts';
import type { Computer } from '../model/computer.ts';
import {
  ipv6Network,
  isSameIpv6Network,
  parseIpv6,
  parseIpv6Netmask,
  renderIpv6,
} from '../model/ip-address.ts';
import type { Ipv6Prefix } from './address.ts';
import type { RecordedAddresses } from './allocation-context.ts';
import type { NetworkView } from './network-view.ts';
import type { WantedRoute } from './plan-routes.ts';

type Recorded = Pick<RecordedAddresses, 'address' | 'netmask'>;

/** Prefixes of recorded computers that are not the prefix of the computer now. */
export function formerPrefixes(recorded: readonly Recorded[], computer: Computer): Ipv6Prefix[] {
  const now = prefixOf(computer);
  return recorded.flatMap((one) => {
    const before = prefixOf(one);
    return before === undefined || isOverlapping(before, now) ? [] : [before];
  });
}

/** The network of a computer's own address; undefined when it has none. */
export function prefixOf({ address, netmask }: Recorded): Ipv6Prefix | undefined {
  const value = parseIpv6(address ?? '');
  const prefixLength = parseIpv6Netmask(netmask ?? '');
  if (value === null || prefixLength === null) return undefined;
  return { address: ipv6Network(value, prefixLength), prefixLength };
}

function isOverlapping(one: Ipv6Prefix, other: Ipv6Prefix | undefined): boolean {
  if (other === undefined) return false;
  const shorter = Math.min(one.prefixLength, other.prefixLength);
  return isSameIpv6Network(one.address, other.address, shorter);
}

interface Left {
  readonly routes: readonly WantedRoute[];
  readonly addresses: ReadonlyArray<{ readonly dev: string; readonly address: string }>;
}

/** Routes under our protocol number, and addresses of our own devices, inside the prefixes. */
export function leftInPrefixes(
  prefixes: readonly Ipv6Prefix[],
  { computer, network }: { readonly computer: Computer; readonly network: NetworkView },
): Left {
  if (prefixes.length === 0) return { routes: [], addresses: [] };
  const isInside = (text: string) => {
    const value = parseIpv6(text);
    return value !== null && prefixes.some((one) => contains(one, value));
  };
  const devices = computer.partitions.flatMap(({ tap, tun }) => [
    tap.name,
    ...(tun === null ? [] : [tun.name]),
  ]);
  return {
    routes: network.routes
      .filter(({ protocol, destination }) => protocol === RTPROT_SLAPOS && isInside(destination))
      .map(({ ifindex, ...route }) => ({ ...route, dev: network.deviceName(ifindex) })),
    addresses: devices.flatMap((dev) =>
      network
        .addressesOf(dev)
        .filter(({ address }) => isInside(address))
        .map(({ address }) => ({ dev, address })),
    ),
  };
}

function contains({ address, prefixLength }: Ipv6Prefix, value: bigint): boolean {
  return isSameIpv6Network(address, value, prefixLength);
}

/**
 * One line that says what a change of the host's prefix does, none without one.
 * @param before What was recorded last.
 * @param renumbered References of the partitions that are numbered anew.
 */
export function renumberingNotes(
  before: Recorded | undefined,
  computer: Computer,
  renumbered: readonly string[],
): string[] {
  const [first, last] = [renumbered[0], renumbered.at(-1)];
  if (first === undefined || last === undefined) return [];
  const [old, now] = [before && prefixOf(before), prefixOf(computer)];
  const who = first === last ? first : `${renumbered.length} partitions, ${first} to ${last},`;
  const isPrefixChange = old !== undefined && now !== undefined && !isSame(old, now);
  const how = isPrefixChange
    ? `from ${renderPrefix(old)} to ${renderPrefix(now)}`
    : 'out of a prefix that the host no longer has';
  return [`renumber ${who} ${how}: address, range, tap and tun together`];
}

function isSame(one: Ipv6Prefix, other: Ipv6Prefix): boolean {
  return one.address === other.address && one.prefixLength === other.prefixLength;
}

function renderPrefix({ address, prefixLength }: Ipv6Prefix): string {
  return `${renderIpv6(address)}/${prefixLength}`;
}
