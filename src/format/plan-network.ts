/** Addresses and routes, added where missing and taken away where replaced. Pure. */
import type { Computer, HostAddress, PartitionDevice } from '../model/computer.ts';
import { parseIpv4Netmask, parseIpv6Netmask } from '../model/ip-address.ts';
import type { RecordedAddresses } from './allocation-context.ts';
import { isTentative, type NetworkView } from './network-view.ts';
import type { FormatOptions } from './options.ts';
import { planObsolete } from './plan-obsolete.ts';
import { planRoutes, type WantedRoute } from './plan-routes.ts';
import type { Step } from './step.ts';
import { effectiveTapMode } from './tap-mode.ts';
import { rangeRoute, tapRoutes, type WantedAddress } from './wanted-routes.ts';

export const NONLOCAL_BIND = 'net.ipv6.ip_nonlocal_bind';

export interface NetworkInput {
  readonly options: FormatOptions;
  readonly computer: Computer;
  readonly network: NetworkView;
  readonly recorded: readonly RecordedAddresses[];
  readonly observed: { readonly nonlocalBind: string | undefined };
}

/**
 * Order (measured): what is obsolete goes first, then IPv6 of taps, IPv4, IPv6 of the interface,
 * routes, and one wait for duplicate address detection of everything together.
 */
export function planNetwork(input: NetworkInput): Step[] {
  const { options, computer, network } = input;
  if (!options.isNetworkAltered || computer.interface === null) return [];
  const isRouted = effectiveTapMode(options, network) === 'routed';
  const wanted = wantedAddresses(computer, isRouted);
  const routes = wantedRoutes(computer, isRouted);
  return [
    ...planObsolete(input.recorded, { computer, network, addresses: wanted, routes }),
    ...wanted.flatMap((address) => planAddress(address, network, computer.address)),
    ...planRoutes(routes, network),
    ...planNonlocalBind(input),
    ...planDad(wanted, network),
  ];
}

export function wantedAddresses(computer: Computer, isRouted: boolean): WantedAddress[] {
  const { partitions } = computer;
  const [name, ipv6Name] = [
    computer.interface?.name ?? '',
    computer.interface?.ipv6Interface ?? '',
  ];
  const taps = isRouted ? partitions.flatMap(({ tap }) => tapAddress(tap)) : [];
  const tuns = partitions.flatMap(({ tun }) => (tun === null ? [] : tunAddresses(tun)));
  const all = partitions.flatMap(({ addresses }) => addresses);
  const ipv4 = all.flatMap((address) => interfaceAddress(name, address, parseIpv4Netmask));
  const ipv6 = all.flatMap((address) => interfaceAddress(ipv6Name, address, parseIpv6Netmask));
  return distinct([...taps, ...tuns, ...ipv4, ...ipv6]);
}

/** Partitions of a network too small for them share an address. */
function distinct(addresses: readonly WantedAddress[]): WantedAddress[] {
  const byName = new Map(addresses.map((wanted) => [`${wanted.dev} ${wanted.address}`, wanted]));
  return [...byName.values()];
}

function interfaceAddress(
  dev: string,
  { address, netmask }: HostAddress,
  parseNetmask: (text: string) => number | null,
): WantedAddress[] {
  const isIpv6 = address.includes(':');
  if (isIpv6 !== (parseNetmask === parseIpv6Netmask)) return [];
  const prefixLength = parseNetmask(netmask) ?? (isIpv6 ? 128 : 32);
  return [{ dev, address, prefixLength, isTap: false }];
}

function tapAddress(tap: PartitionDevice): WantedAddress[] {
  if (tap.ipv6Address === '') return [];
  const prefixLength = parseIpv6Netmask(tap.ipv6Netmask) ?? 128;
  return [{ dev: tap.name, address: tap.ipv6Address, prefixLength, isTap: true }];
}

function tunAddresses(tun: PartitionDevice): WantedAddress[] {
  const ipv4 = parseIpv4Netmask(tun.ipv4Netmask);
  const ipv6 = parseIpv6Netmask(tun.ipv6Netmask);
  const common = { dev: tun.name, isTap: false };
  return [
    ...(tun.ipv4Address === '' || ipv4 === null
      ? []
      : [{ ...common, address: tun.ipv4Address, prefixLength: ipv4 }]),
    ...(tun.ipv6Address === '' || ipv6 === null
      ? []
      : [{ ...common, address: tun.ipv6Address, prefixLength: ipv6 }]),
  ];
}

/** @param own The computer's own address, which a partition may share: its length is the host's. */
/**
 * An address may stand with another length: a tun's network was larger before the node grew, a
 * prefix of the host has another length now. The computer's own is not ours to change.
 */
function planAddress(wanted: WantedAddress, network: NetworkView, own: string | null): Step[] {
  const { dev, address, prefixLength, isTap } = wanted;
  const found = network.findAll(dev, address);
  if (found.length > 0 && address === own) return [];
  const isResizable = address.includes(':') || network.link(dev)?.tunMode === 'tun';
  const wrong = isResizable ? found.filter((one) => one.prefixLength !== prefixLength) : [];
  const removals = wrong.map((one): Step => {
    const change = { op: 'addrDel' as const, dev, address, prefixLength: one.prefixLength };
    return { kind: 'address', change };
  });
  if (found.some((one) => one.prefixLength === prefixLength)) return removals;
  const change = { op: 'addrAdd' as const, dev, address, prefixLength };
  const add: Step = {
    kind: 'address',
    change: isTap ? { ...change, isNodad: true, isNoPrefixRoute: true } : change,
  };
  return [...removals, add];
}

function wantedRoutes(computer: Computer, isRouted: boolean): WantedRoute[] {
  return [
    ...(isRouted ? computer.partitions.flatMap(({ tap }) => tapRoutes(tap)) : []),
    ...computer.partitions.flatMap(rangeRoute),
  ];
}

function planNonlocalBind({ options, observed }: NetworkInput): Step[] {
  if (!options.hasIpv6Range || observed.nonlocalBind === '1') return [];
  return [{ kind: 'sysctl', name: NONLOCAL_BIND, value: '1' }];
}

/** Addresses of links without carrier stay tentative for ever and are not waited for. */
function planDad(wanted: readonly WantedAddress[], network: NetworkView): Step[] {
  const addresses = wanted.flatMap(({ dev, address, isTap }) => {
    if (isTap || !address.includes(':') || !network.detectsDuplicates(dev)) return [];
    const found = network.find(dev, address);
    return found === undefined || isTentative(found) ? [{ dev, address }] : [];
  });
  return addresses.length === 0 ? [] : [{ kind: 'awaitDad', addresses }];
}
