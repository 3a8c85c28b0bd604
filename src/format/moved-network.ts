/** The network as it will be once ports have given the bridge what they carry. Pure. */
import type { NetworkState } from '../host/host.ts';
import type { NativeAddress, NativeLink, NativeRoute } from '../host/network/native-network.ts';
import { IFF_UP } from './network-view.ts';
import {
  addressKey,
  type MovedAddress,
  type MovedRoute,
  type PortContent,
  SCOPE_LINK,
} from './uplink.ts';

export interface MovedPort extends PortContent {
  readonly link: NativeLink;
}

export function movedNetwork(
  { bridge, network }: { readonly bridge: NativeLink; readonly network: NetworkState },
  ports: readonly MovedPort[],
): NetworkState {
  const indexes = new Set(ports.map(({ link }) => link.ifindex));
  const ifindex = bridge.ifindex;
  const content = ports.flatMap(({ addresses }) => addresses);
  const routes = ports.flatMap((port) => port.routes.filter(({ dev }) => dev === null));
  const onBridge = new Set(
    network.addresses.filter((one) => one.ifindex === ifindex).map(addressKey),
  );
  const isLeft = (one: NativeAddress) => one.family === 6 && one.scope === SCOPE_LINK;
  return {
    links: network.links.map((link) => {
      if (indexes.has(link.ifindex)) return { ...link, master: ifindex };
      const isCarried = ports.some((port) => port.link.hasCarrier);
      if (link.ifindex !== ifindex || ports.length === 0) return link;
      return { ...link, flags: link.flags | IFF_UP, hasCarrier: link.hasCarrier || isCarried };
    }),
    addresses: [
      ...network.addresses.filter((one) => !indexes.has(one.ifindex) || isLeft(one)),
      ...content
        .filter((one) => !onBridge.has(addressKey(one)))
        .map((one) => futureAddress(one, ifindex)),
    ],
    routes: [
      ...network.routes.filter((one) => !indexes.has(one.ifindex)),
      ...routes.map((one) => futureRoute(one, ifindex)),
    ],
  };
}

const IFA_F_DEPRECATED = 0x20;
const IFA_F_PERMANENT = 0x80;

function futureAddress(moved: MovedAddress, ifindex: number): NativeAddress {
  const { address, prefixLength, scope = 0, flags = 0, preferredSeconds } = moved;
  const age = preferredSeconds === 0 ? IFA_F_DEPRECATED : 0;
  const family = address.includes(':') ? 6 : 4;
  return { ifindex, family, address, prefixLength, scope, flags: flags | age | IFA_F_PERMANENT };
}

function futureRoute(moved: MovedRoute, ifindex: number): NativeRoute {
  const { family, destination, prefixLength, gateway = '' } = moved;
  const { table = 254, type = 1, metric = 0, protocol = 0 } = moved;
  return { family, destination, prefixLength, gateway, ifindex, table, protocol, type, metric };
}
