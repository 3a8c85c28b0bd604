/**
 * Routes that came with a router advertisement (RFC 4861), and who goes on listening to those. Pure.
 */
import type { StepOf } from './step.ts';

interface AnyRoute {
  readonly family: 4 | 6;
  readonly protocol?: number;
  readonly metric?: number;
}

/** RTPROT_RA. */
const PROTOCOL_RA = 9;
/** What the kernel gives such routes (IP6_RT_PRIO_USER), and the next one. */
const KERNEL_METRIC = 1024;
const BESIDE_METRIC = 1025;

const isAdvertised = ({ family, protocol }: AnyRoute): boolean =>
  family === 6 && protocol === PROTOCOL_RA;

/**
 * Such a route as we may add it. One like the kernel's own would stand in the way of it: the kernel
 * then gives up on the whole advertisement, and the addresses that it is to renew expire
 * (ndisc_router_discovery of Linux).
 */
export function besideAdvertised<Route extends AnyRoute>(route: Route): Route {
  const isInTheWay = isAdvertised(route) && route.metric === KERNEL_METRIC;
  return isInTheWay ? { ...route, metric: BESIDE_METRIC } : route;
}

/** The route, and as we may have added it. */
export function withBeside<Route extends AnyRoute>(route: Route): Route[] {
  const beside = besideAdvertised(route);
  return beside === route ? [route] : [route, beside];
}

/**
 * The bridge listens to advertisements as the port did. Where they gave the port its routes it does
 * so whatever else the host is, even a router (value 2): nobody else renews them.
 * @param acceptRa net.ipv6.conf.*.accept_ra by device, of those that have it.
 */
export function planAcceptRa(
  bridge: string,
  port: { readonly name: string; readonly routes: readonly AnyRoute[] } | undefined,
  acceptRa: ReadonlyMap<string, string>,
): Array<StepOf<'sysctl'>> {
  const found = port === undefined ? undefined : acceptRa.get(port.name);
  if (port === undefined || found === undefined) return [];
  const value = port.routes.some(isAdvertised) ? '2' : found;
  if (acceptRa.get(bridge) === value) return [];
  return [{ kind: 'sysctl', name: acceptRaName(bridge), value }];
}

/** A dot in the name of a device is written as a slash there (sysctl(8)). */
export function acceptRaName(device: string): string {
  return `net.ipv6.conf.${device.replaceAll('.', '/')}.accept_ra`;
}
