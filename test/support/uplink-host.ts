/** Hosts with an uplink to put into a bridge. */
import type { NativeAddress } from '../../src/host/network/native-network.ts';
import { FakeHost } from './fake-host.ts';
import { formatOptions } from './format-run.ts';

export const BOOT_ID = '/proc/sys/kernel/random/boot_id';
const SETTINGS = { create_bridge: 'true', bridge_ports: 'eth0', partition_amount: '2' };
export const uplinkOptions = (changes: Record<string, string | undefined> = {}) =>
  formatOptions({ ...SETTINGS, ...changes });

/** A host with an uplink that carries everything, and gateways that answer. */
export function uplinkHost(): FakeHost {
  const host = new FakeHost();
  host.fileTable.set(BOOT_ID, { content: 'boot-1\n', mode: 0o444 });
  host.addLink('eth0', { mac: '02:00:00:00:00:e0' });
  host.addLink('eth1', { mac: '02:00:00:00:00:e1' });
  host.addLink('wg0', { mac: '' });
  host.addAddress('eth0', '192.0.2.2', 24);
  host.addAddress('eth0', '192.0.2.3', 32);
  host.addAddress('eth0', '2001:db8:aaaa::1', 48, 0x82);
  host.addressList.push(linkLocal(host, 'eth0'));
  host.addRoute('eth0', { gateway: '192.0.2.1', metric: 100 });
  host.addRoute('eth0', { destination: '192.0.2.0', prefixLength: 24, protocol: 2, scope: 253 });
  host.addRoute('eth0', { destination: '10.9.0.0', prefixLength: 16, gateway: '192.0.2.9' });
  host.addRoute('eth0', { family: 6, gateway: '2001:db8:aaaa::ff', metric: 1024, protocol: 4 });
  host.addRoute('wg0', { destination: '10.8.0.0', prefixLength: 16, preferredSource: '192.0.2.2' });
  host.neighbours.add('192.0.2.1').add('2001:db8:aaaa::ff');
  return host;
}

function linkLocal(host: FakeHost, dev: string): NativeAddress {
  const ifindex = host.links.find(({ name }) => name === dev)?.ifindex ?? 0;
  return { ifindex, family: 6, address: 'fe80::e0', prefixLength: 64, scope: 253, flags: 0x80 };
}
