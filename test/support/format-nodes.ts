/** What happens to a node between two runs of format, on a machine in memory. */
import type { FakeHost } from './fake-host.ts';

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
