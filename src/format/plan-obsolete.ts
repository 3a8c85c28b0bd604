/**
 * Addresses and routes that an earlier run recorded and that were replaced since: after a change of
 * the host's prefix they would only mislead. What a switched-off option leaves stays. Pure.
 */
import type { Computer, Partition, PartitionDevice } from '../model/computer.ts';
import type { RecordedAddresses } from './allocation-context.ts';
import { formerPrefixes, leftInPrefixes } from './former-prefix.ts';
import type { NetworkView } from './network-view.ts';
import { deleteRoute, type WantedRoute } from './plan-routes.ts';
import type { Step } from './step.ts';
import type { StoredInterfaces } from './stored-computer.ts';
import { rangeRoute, tapRoutes, type WantedAddress } from './wanted-routes.ts';

const MAIN_TABLE = 254;

type Recorded = RecordedAddresses['partitions'][number];

interface Wanted {
  readonly computer: Computer;
  readonly network: NetworkView;
  readonly addresses: readonly WantedAddress[];
  readonly routes: readonly WantedRoute[];
}

export function planObsolete(recorded: readonly RecordedAddresses[], wanted: Wanted): Step[] {
  const routes = new Map<string, WantedRoute>();
  const addresses = new Map<string, { dev: string; address: string }>();
  for (const { partitions, interfaces } of recorded) {
    for (const [index, before] of partitions.entries()) {
      const now = wanted.computer.partitions[index];
      if (now === undefined) continue;
      for (const route of replacedRoutes(before, now)) routes.set(routeKey(route), route);
      for (const one of replacedAddresses(before, now, placesOf(wanted.computer, interfaces))) {
        addresses.set(`${one.dev} ${one.address}`, one);
      }
    }
  }
  const left = leftInPrefixes(formerPrefixes(recorded, wanted.computer), wanted);
  for (const route of left.routes) routes.set(routeKey(route), route);
  for (const one of left.addresses) addresses.set(`${one.dev} ${one.address}`, one);
  if (routes.size === 0 && addresses.size === 0) return [];
  for (const route of wanted.routes) routes.delete(routeKey(route));
  for (const { dev, address } of wanted.addresses) addresses.delete(`${dev} ${address}`);
  return [
    ...[...routes.values()].flatMap((route) => routeDeletion(route, wanted.network)),
    ...[...addresses.values()].flatMap((one) => addressDeletion(one, wanted)),
  ];
}

function routeKey(route: WantedRoute): string {
  const { dev, destination, prefixLength, gateway, table = MAIN_TABLE } = route;
  return [dev, destination, prefixLength, gateway, table].join(' ');
}

function replacedRoutes(before: Recorded, now: Partition): WantedRoute[] {
  const isTapReplaced = isReplaced(before.tap, now.tap);
  const range = before.ipv6Range?.network;
  const isRangeReplaced = range !== undefined && now.ipv6Range !== null;
  return [
    ...(isTapReplaced ? tapRoutes(before.tap).filter(({ family }) => family === 6) : []),
    ...(isRangeReplaced && range !== now.ipv6Range?.network ? rangeRoute(before) : []),
  ];
}

function isReplaced(before: PartitionDevice, now: PartitionDevice): boolean {
  if (before.name !== now.name || before.ipv6Address === '' || now.ipv6Address === '') return false;
  return before.ipv6Address !== now.ipv6Address || before.ipv6Network !== now.ipv6Network;
}

/** Where addresses of partitions are, and where they were when they were recorded. */
interface Places {
  readonly now: StoredInterfaces;
  readonly before: StoredInterfaces;
}

function placesOf({ interface: own }: Computer, before: StoredInterfaces | null): Places {
  const now = { ipv4: own?.name ?? '', ipv6: own?.ipv6Interface ?? '' };
  return { now, before: before ?? now };
}

function replacedAddresses(before: Recorded, now: Partition, places: Places) {
  const devices = [
    ...replacedOnDevice(before.tap, now.tap, ['ipv6Address']),
    ...replacedOnDevice(before.tun, now.tun, ['ipv4Address', 'ipv6Address']),
  ];
  if (now.addresses.length === 0) return devices;
  const kept = new Set(now.addresses.map(({ address }) => address));
  const replaced = before.addresses.filter(({ address }) => {
    return !kept.has(address) || placeOf(address, places.before) !== placeOf(address, places.now);
  });
  const left = replaced.map(({ address }) => ({ dev: placeOf(address, places.before), address }));
  return [...devices, ...left];
}

function placeOf(address: string, { ipv4, ipv6 }: StoredInterfaces): string {
  return address.includes(':') ? ipv6 : ipv4;
}

function replacedOnDevice(
  before: PartitionDevice | null,
  now: PartitionDevice | null,
  keys: ReadonlyArray<'ipv4Address' | 'ipv6Address'>,
) {
  if (before === null || now === null) return [];
  return keys.flatMap((key) => {
    const isReplaced = before[key] !== '' && now[key] !== '' && before[key] !== now[key];
    return isReplaced ? [{ dev: before.name, address: before[key] }] : [];
  });
}

function routeDeletion(route: WantedRoute, network: NetworkView): Step[] {
  return network.routes
    .filter((found) => {
      return (
        found.destination === route.destination &&
        found.prefixLength === route.prefixLength &&
        found.gateway === route.gateway &&
        found.table === (route.table ?? MAIN_TABLE) &&
        network.deviceName(found.ifindex) === route.dev
      );
    })
    .map((found) => deleteRoute(found, route.dev));
}

function addressDeletion(one: { dev: string; address: string }, wanted: Wanted): Step[] {
  const found = wanted.network.find(one.dev, one.address);
  if (found === undefined || one.address === wanted.computer.address) return [];
  const { prefixLength } = found;
  return [{ kind: 'address', change: { op: 'addrDel', ...one, prefixLength } }];
}
