/** What happens to a node between two runs of format, on a machine in memory. */
import type { FakeHost } from './fake-host.ts';
import {
  GATEWAY,
  isBridgeOurs,
  type MachineState,
  PREFIXES,
  type WalkNode,
} from './format-walk.ts';

/**
 * All that a reboot takes: devices, addresses, routes, kernel settings. The host's own network
 * comes back by itself: the links it had first, without their addresses.
 * @param links How many there were before format ran, `lo` included.
 */
export function rebootHost(host: FakeHost, links: number): void {
  host.links.length = links;
  host.addressList.length = 0;
  host.routeList.length = 0;
  host.settings.set('net.ipv6.ip_nonlocal_bind', '0');
}

/** Gives the host the network that a node is for, whatever it had before; what format made stays. */
export function setHostNetwork(host: FakeHost, node: WalkNode): void {
  const has = (wanted: string) => host.links.some(({ name }) => name === wanted);
  if (!has('br0') && !isBridgeOurs(node)) host.addLink('br0', { kind: 'bridge' });
  if (!has('br1')) host.addLink('br1', { kind: 'bridge' });
  for (const name of ['up0', 'gw0']) if (!has(name)) host.addLink(name, { kind: 'dummy' });
  for (const [address] of [...PREFIXES, GATEWAY]) host.removeAddress(address);
  const [address, length] = PREFIXES[node.prefix];
  host.addAddress(node.uplink, address, length);
  host.addAddress('gw0', ...GATEWAY);
  for (let index = 0; index < node.storages; index += 1) {
    for (const path of ['/srv', '/srv/storage', `/srv/storage/data${index}`]) {
      if (!host.folders.has(path)) host.folders.set(path, { mode: 0o755, uid: 0, gid: 0 });
    }
  }
}

/** What the host is, by subject and name. */
export function fakeState(host: FakeHost): MachineState {
  const deviceOf = (ifindex: number) =>
    host.links.find((link) => link.ifindex === ifindex)?.name ?? '';
  const userOf = (id: number) => [...host.users.values()].find(({ uid }) => uid === id)?.name ?? id;
  const groupOf = (id: number) =>
    [...host.groups.values()].find(({ gid }) => gid === id)?.name ?? id;
  const byKey = <Item>(items: Iterable<Item>, tell: (item: Item) => readonly [string, string]) =>
    collect([...items].map(tell));
  return {
    links: byKey(host.links, ({ name, kind, tunMode, flags, master, tunOwner, group }) => [
      name,
      `${kind} ${tunMode} ${flags & 1 ? 'up' : 'down'} owner ${userOf(tunOwner)} master ${deviceOf(master) || '-'} group ${group}`,
    ]),
    addresses: byKey(host.addressList, ({ ifindex, address, prefixLength }) => [
      `${deviceOf(ifindex)} ${address}/${prefixLength}`,
      'there',
    ]),
    routes: byKey(host.routeList, ({ destination, prefixLength, gateway, ifindex, table }) => [
      `${destination}/${prefixLength} ${gateway} ${table === 255 ? 'local ' : ''}dev ${deviceOf(ifindex)}`,
      'there',
    ]),
    users: byKey(host.users.values(), ({ name, home, shell, gid }) => [
      name,
      `${home} ${shell} ${groupOf(gid)} ${host.passwords.get(name)}`,
    ]),
    groups: byKey(host.groups.values(), ({ name, members }) => [name, members.toSorted().join()]),
    folders: byKey(host.folders, ([path, { mode, uid, gid }]) => [
      path,
      `${mode.toString(8)} ${userOf(uid)} ${groupOf(gid)}`,
    ]),
    files: byKey(
      [...host.fileTable].filter(([path]) => !path.endsWith('.zip')),
      ([path, { content }]) => [path, content],
    ),
    settings: Object.fromEntries(host.settings),
  };
}

/** @throws Error when two have one name. */
function collect(entries: ReadonlyArray<readonly [string, string]>): Record<string, string> {
  const names = entries.map(([name]) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`${twice} stands twice`);
  return Object.fromEntries(entries);
}
