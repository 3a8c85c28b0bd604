/** The routes that a partition's addresses call for (spec/format.md 14). Pure. */
import type { Partition, PartitionDevice } from '../model/computer.ts';
import { ipv6Network, parseIpv6Cidr, renderIpv6 } from '../model/ip-address.ts';
import type { WantedRoute } from './plan-routes.ts';

/** An address that a device shall carry. */
export interface WantedAddress {
  readonly dev: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly isTap: boolean;
}

const LOCAL_TABLE = 255;
const LOCAL_TYPE = 2;

/** The machine behind a tap has the gateway's address; its network lies behind it. */
export function tapRoutes(tap: PartitionDevice): WantedRoute[] {
  const routes: WantedRoute[] = [];
  const { name: dev, ipv4Address, ipv6Gateway, ipv6Network: text } = tap;
  if (ipv4Address !== '') {
    routes.push({ dev, family: 4, destination: ipv4Address, prefixLength: 32, gateway: '' });
  }
  const prefix = parseIpv6Cidr(text);
  if (ipv6Gateway === '' || prefix === null) return routes;
  const { prefixLength } = prefix;
  const destination = renderIpv6(ipv6Network(prefix.address, prefixLength));
  routes.push({ dev, family: 6, destination: ipv6Gateway, prefixLength: 128, gateway: '' });
  routes.push({ dev, family: 6, destination, prefixLength, gateway: ipv6Gateway });
  return routes;
}

/** Lets the partition's processes bind any address of the range, with ip_nonlocal_bind. */
export function rangeRoute({ ipv6Range }: Pick<Partition, 'ipv6Range'>): WantedRoute[] {
  if (ipv6Range === null) return [];
  return [
    {
      dev: 'lo',
      family: 6,
      destination: ipv6Range.address,
      prefixLength: ipv6Range.prefixLength,
      gateway: '',
      table: LOCAL_TABLE,
      type: LOCAL_TYPE,
    },
  ];
}
