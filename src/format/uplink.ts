/**
 * What a port of the bridge carries and has to give to the bridge: its addresses and routes, and the
 * operations that bring them over and back. Pure.
 */
import type {
  NativeAddress,
  NativeLink,
  NativeRoute,
  NetlinkOperation,
} from '../host/network/native-network.ts';
import { ipv4Network, parseIpv4, renderIpv4 } from '../model/ip-address.ts';
import type { NetworkView } from './network-view.ts';
import { besideAdvertised } from './router-advert.ts';
import type { AddressChange, RouteChange } from './step.ts';

/** An address of the port, as it will be made again. */
export interface MovedAddress extends Omit<AddressChange, 'op' | 'dev' | 'label'> {
  /** Behind the name of the device in its label, such as `:web`. */
  readonly labelSuffix?: string;
  /** The bridge had it before, too. */
  readonly isShared?: true;
}

/** A route that goes with those addresses. */
export interface MovedRoute extends Omit<RouteChange, 'op' | 'dev'> {
  /** Null: leads over the port, and then over the bridge. Else it stays and only is made again. */
  readonly dev: string | null;
  readonly isShared?: true;
}

export interface PortContent {
  readonly addresses: readonly MovedAddress[];
  readonly routes: readonly MovedRoute[];
}

export const SCOPE_LINK = 253;
const PROTOCOL_KERNEL = 2;
const MAIN_TABLE = 254;
const TYPE_UNICAST = 1;
const RTNH_F_ONLINK = 4;
const LABEL_LIMIT = 15;
/** IFA_F_* of rtnetlink(7). */
const IFA_F_TEMPORARY = 0x01;
const IFA_F_NODAD = 0x02;
const IFA_F_DADFAILED = 0x08;
const IFA_F_TENTATIVE = 0x40;
const IFA_F_NOPREFIXROUTE = 0x200;
export const IFA_F_MANAGETEMPADDR = 0x100;
/** Those that the kernel takes from user space: also home address and autojoin. */
const IFA_SETTABLE = IFA_F_NODAD | 0x10 | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | 0x400;

/** True for what moves: not link-local IPv6, nor what privacy extensions draw anew on the bridge. */
export function isMovable({ family, scope, flags }: NativeAddress): boolean {
  return family === 4 || (scope !== SCOPE_LINK && (flags & IFA_F_TEMPORARY) === 0);
}

/** An address as it is made again, on whatever device. */
export function movedAddress(found: NativeAddress, dev: string): MovedAddress {
  const { address, prefixLength, family, scope, peer, broadcast, label, metric } = found;
  const { preferredSeconds, validSeconds } = found;
  // It has been found to be free on this link: nobody is to wait for that again.
  const isUnsure = (found.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) !== 0;
  const isNodad = family === 6 && !isUnsure;
  const flags = (found.flags & IFA_SETTABLE) | (isNodad ? IFA_F_NODAD : 0);
  const labelSuffix = label?.startsWith(`${dev}:`) ? label.slice(dev.length) : undefined;
  return {
    address,
    prefixLength,
    ...(flags === 0 ? {} : { flags }),
    ...(family === 6 ? {} : { scope }),
    ...definedOf({ peer, broadcast, metric, preferredSeconds, validSeconds, labelSuffix }),
  };
}

function movedRoute(found: NativeRoute, dev: string | null): MovedRoute {
  const { family, destination, prefixLength, gateway, table, type, metric, protocol } = found;
  const { scope, tos, preferredSource, expiresSeconds, attributes } = found;
  const flags = (found.flags ?? 0) & RTNH_F_ONLINK;
  return {
    dev,
    family,
    destination,
    prefixLength,
    ...(gateway === '' ? {} : { gateway }),
    table,
    type,
    metric,
    protocol,
    scope: scope ?? 0,
    ...(flags === 0 ? {} : { flags }),
    ...definedOf({ tos, preferredSource, expiresSeconds, attributes }),
  };
}

function definedOf<Fields extends object>(fields: Fields) {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof Fields]?: NonNullable<Fields[Key]> };
}

/** The routes that go with a port: over it, or with one of its addresses as source. */
export function portRoutes(port: NativeLink, network: NetworkView): readonly NativeRoute[] {
  const addresses = network.addressesOf(port.name).filter(isMovable);
  const own = new Set(addresses.map(({ address }) => address));
  const networks = new Set(addresses.flatMap(ipv4NetworksOf));
  return network.routes.filter((route) => {
    if (route.ifindex !== port.ifindex) return own.has(route.preferredSource ?? '');
    if (route.protocol !== PROTOCOL_KERNEL) return true;
    return !isLinkOwn(route) && !networks.has(`${route.destination}/${route.prefixLength}`);
  });
}

/** The kernel's own link-local and multicast routes of every device. */
function isLinkOwn({ family, destination }: NativeRoute): boolean {
  return family === 6 && (destination === 'fe80::' || destination === 'ff00::');
}

/**
 * Destinations of the IPv4 routes that the kernel makes by itself with the address and takes with
 * it. Those of IPv6 addresses move like others: it may leave one, without end or with a new one,
 * when several addresses share the prefix (check_cleanup_prefix_route of Linux).
 */
function ipv4NetworksOf({ family, address, peer, prefixLength, flags }: NativeAddress): string[] {
  if (family === 6 || (flags & IFA_F_NOPREFIXROUTE) !== 0) return [];
  const network = (text: string) => `${ipv4NetworkText(text, prefixLength)}/${prefixLength}`;
  return [`${address}/32`, network(address), ...(peer === undefined ? [] : [network(peer)])];
}

function ipv4NetworkText(address: string, prefixLength: number): string {
  const parsed = parseIpv4(address);
  return parsed === null ? address : renderIpv4(ipv4Network(parsed, prefixLength));
}

export function portContent(port: NativeLink, bridge: string, network: NetworkView): PortContent {
  const onBridge = presentOn(bridge, network);
  const addresses = network.addressesOf(port.name).filter(isMovable);
  return {
    addresses: addresses.map((found) => {
      const moved = movedAddress(found, port.name);
      return onBridge.has(addressKey(moved)) ? { ...moved, isShared: true as const } : moved;
    }),
    routes: portRoutes(port, network).map((found) => {
      const isOwn = found.ifindex === port.ifindex;
      const moved = movedRoute(found, isOwn ? null : network.deviceName(found.ifindex));
      return isOwn && onBridge.has(routeKey(moved)) ? { ...moved, isShared: true as const } : moved;
    }),
  };
}

/** Keys of the addresses and routes of a device, the routes as if they were a port's. */
export function presentOn(device: string, network: NetworkView): ReadonlySet<string> {
  const link = network.link(device);
  const routes = network.routes.filter(({ ifindex }) => ifindex === link?.ifindex);
  return new Set([
    ...network.addressesOf(device).map(addressKey),
    ...routes.map((route) => routeKey(movedRoute(route, null))),
  ]);
}

export function addressKey(one: { readonly address: string; readonly prefixLength: number }) {
  return `${one.address}/${one.prefixLength}`;
}

export function routeKey(route: MovedRoute): string {
  const { dev, family, destination, prefixLength, gateway = '', table, type, metric, tos } = route;
  return [dev, family, destination, prefixLength, gateway, table, type, metric, tos ?? 0].join(' ');
}

/** The default gateways that the main table prefers, one for each family. */
export function defaultGateways(routes: readonly MovedRoute[]): string[] {
  return [4, 6].flatMap((wanted) => {
    const found = routes.filter(({ family, prefixLength, table, type, gateway }) => {
      const isDefault = prefixLength === 0 && table === MAIN_TABLE && type === TYPE_UNICAST;
      return family === wanted && isDefault && gateway !== undefined;
    });
    const best = found.toSorted((one, other) => (one.metric ?? 0) - (other.metric ?? 0))[0];
    return best?.gateway === undefined ? [] : [best.gateway];
  });
}

export function addressOn(dev: string, moved: MovedAddress, op: AddressChange['op']) {
  const { labelSuffix, isShared: _, ...facts } = moved;
  if (op === 'addrDel') {
    const { address, prefixLength, peer } = facts;
    // With this flag the temporary addresses made from it go, too.
    const flags = (facts.flags ?? 0) & IFA_F_MANAGETEMPADDR;
    const rest = definedOf({ peer, flags: flags === 0 ? undefined : flags });
    return { op, dev, address, prefixLength, ...rest };
  }
  const label = `${dev}${labelSuffix ?? ''}`;
  const isLabelled = labelSuffix !== undefined && label.length <= LABEL_LIMIT;
  return { op, dev, ...facts, ...(isLabelled ? { label } : {}) };
}

/** @param device of the routes that lead over the port or the bridge. */
export function routeOn(device: string, moved: MovedRoute, op: RouteChange['op']): RouteChange {
  const { dev, isShared: _, ...facts } = moved;
  return { op, dev: dev ?? device, ...facts };
}

interface Transfer {
  readonly source: string;
  readonly target: string;
  readonly removed: PortContent;
  readonly added: PortContent;
}

/**
 * Routes go first and come last: the kernel takes those whose source address vanishes, and makes
 * none whose gateway is not on the link. An address is never on both devices: the kernel of some
 * versions takes the routes of the one with the other. Secondary addresses go before primary ones.
 */
export function transferOperations(transfer: Transfer): NetlinkOperation[] {
  const { source, target, removed, added } = transfer;
  return [
    ...removed.routes.map((route) => routeOn(source, route, 'routeDel')),
    ...removed.addresses.toReversed().map((one) => addressOn(source, one, 'addrDel')),
    ...inKernelOrder(added.addresses).map((one) => addressOn(target, one, 'addrAdd')),
    ...directFirst(added.routes).map((route) => {
      return routeOn(target, besideAdvertised(route), 'routeAppend');
    }),
  ];
}

/**
 * The kernel lists the newest IPv6 address first and prefers it as a source among equals; of IPv4
 * ones the first of a network is the primary one.
 */
function inKernelOrder(addresses: readonly MovedAddress[]): MovedAddress[] {
  const isIpv6 = ({ address }: MovedAddress) => address.includes(':');
  return [...addresses.filter((one) => !isIpv6(one)), ...addresses.filter(isIpv6).toReversed()];
}

function directFirst(routes: readonly MovedRoute[]): MovedRoute[] {
  const isDirect = ({ gateway }: MovedRoute) => gateway === undefined;
  return [...routes.filter(isDirect), ...routes.filter((route) => !isDirect(route))];
}
