/** Routes that are missing or lead elsewhere. Pure. */
import type { NativeRoute } from '../host/network/native-network.ts';
import type { NetworkView } from './network-view.ts';
import type { RouteChange, Step } from './step.ts';

export interface WantedRoute {
  readonly dev: string;
  readonly family: 4 | 6;
  readonly destination: string;
  readonly prefixLength: number;
  readonly gateway: string;
  /** 254 main unless said otherwise. */
  readonly table?: number;
  /** 1 unicast unless said otherwise. */
  readonly type?: number;
}

const MAIN_TABLE = 254;

/** A route counts as there by destination, device and gateway, whoever made it. */
export function planRoutes(wanted: readonly WantedRoute[], network: NetworkView): Step[] {
  const found = new Map<string, NativeRoute[]>();
  for (const route of network.routes) {
    const key = destinationKey(route.family, route.destination, route.prefixLength, route.table);
    const known = found.get(key);
    if (known === undefined) found.set(key, [route]);
    else known.push(route);
  }
  return wanted.flatMap((route) => {
    const table = route.table ?? MAIN_TABLE;
    const key = destinationKey(route.family, route.destination, route.prefixLength, table);
    return planRoute(route, found.get(key) ?? [], network);
  });
}

function destinationKey(
  family: number,
  destination: string,
  prefixLength: number,
  table: number,
): string {
  return `${family} ${destination}/${prefixLength} ${table}`;
}

function planRoute(
  wanted: WantedRoute,
  found: readonly NativeRoute[],
  network: NetworkView,
): Step[] {
  const ownDevice = found.filter((route) => network.deviceName(route.ifindex) === wanted.dev);
  if (ownDevice.some((route) => route.gateway === wanted.gateway)) return [];
  const wrong = ownDevice.filter((route) => wanted.gateway !== '' && route.gateway === '');
  return [
    ...wrong.map((route) => deleteRoute(route, wanted.dev)),
    { kind: 'route', change: { op: 'routeAdd', ...wanted } },
  ];
}

/** The step that takes away a route as it was found. */
export function deleteRoute(route: NativeRoute, dev: string): Step {
  const change: RouteChange = {
    op: 'routeDel',
    dev,
    family: route.family,
    destination: route.destination,
    prefixLength: route.prefixLength,
    ...(route.gateway === '' ? {} : { gateway: route.gateway }),
    table: route.table,
    type: route.type,
    metric: route.metric,
    protocol: route.protocol,
  };
  return { kind: 'route', change };
}
