/** Why an interface cannot be a port of the bridge. Pure. */
import { PlanError } from '../errors/slapos-error.ts';
import type { NativeLink, NativeRoute } from '../host/network/native-network.ts';
import { IFF_LOOPBACK, type NetworkView } from './network-view.ts';

const MAC_TEXT_LENGTH = 17;

export function portProblem(
  name: string,
  link: NativeLink | undefined,
  { bridge, wireless }: { readonly bridge: NativeLink; readonly wireless: ReadonlySet<string> },
  view: NetworkView,
): string | undefined {
  if (name === bridge.name) return 'a bridge is no port of itself';
  if (link === undefined) return 'there is no such interface';
  if ((link.flags & IFF_LOOPBACK) !== 0) return 'the loopback cannot be in a bridge';
  if (link.kind === 'bridge') return 'it is a bridge itself';
  if (wireless.has(name)) return 'a wireless interface cannot be in a bridge';
  if (link.master !== 0 && link.master !== bridge.ifindex) {
    return `it belongs to ${view.deviceName(link.master) || 'another device'} already`;
  }
  const isEthernet = link.mac.length === MAC_TEXT_LENGTH && link.tunMode !== 'tun';
  return isEthernet ? undefined : 'it is no Ethernet interface';
}

/** @param problem as portProblem says it. */
export function portError(name: string, problem: string): PlanError {
  return refusal(name, problem, 'Correct or remove it in bridge_ports; nothing was changed.');
}

function refusal(name: string, problem: string, hint: string): PlanError {
  return new PlanError('SLAPOS_ERR_PLAN_CONFLICT', `bridge_ports = ${name}: ${problem}.`, {
    hint,
    context: { key: 'bridge_ports', value: name, device: name },
  });
}

const OBSTACLES: Readonly<Record<NonNullable<NativeRoute['obstacle']>, string>> = {
  multipath: 'has several next hops',
  nexthop: 'uses a nexthop object',
  encapsulation: 'has an encapsulation',
  source: 'is for some sources only',
};

/** The refusal of a port with a route that its record does not tell all of. */
export function routeError(name: string, route: NativeRoute): PlanError {
  const { destination, prefixLength, obstacle = 'multipath', table } = route;
  const where = destination === '' ? 'default' : `${destination}/${prefixLength}`;
  const problem = `its route ${where} of table ${table} ${OBSTACLES[obstacle]} and cannot be moved`;
  return refusal(name, problem, 'Replace the route by plain ones; nothing was changed.');
}
