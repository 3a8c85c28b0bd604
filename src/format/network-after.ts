/** The network as it is when steps that take things away have been taken. Pure. */
import type { NetworkState } from '../host/host.ts';
import type { Step } from './step.ts';

/** What goes with a device, and what steps delete one by one, is not there to be deleted again. */
export function networkAfter(state: NetworkState, steps: readonly Step[]): NetworkState {
  const deleted = new Set(steps.map(keyOf));
  if (steps.length === 0) return state;
  const links = state.links.filter(({ name }) => !deleted.has(deviceKey(name)));
  const names = new Map(links.map(({ ifindex, name }) => [ifindex, name]));
  const isLeft = (ifindex: number, key: (dev: string) => string) => {
    const dev = names.get(ifindex);
    return dev !== undefined && !deleted.has(key(dev));
  };
  return {
    links,
    addresses: state.addresses.filter((one) =>
      isLeft(one.ifindex, (dev) => addressKey({ ...one, dev })),
    ),
    routes: state.routes.filter((one) => isLeft(one.ifindex, (dev) => routeKey({ ...one, dev }))),
  };
}

function keyOf(step: Step): string {
  if (step.kind === 'deviceDelete') return deviceKey(step.name);
  if (step.kind === 'address' && step.change.op === 'addrDel') return addressKey(step.change);
  if (step.kind === 'route' && step.change.op === 'routeDel') return routeKey(step.change);
  return '';
}

const deviceKey = (name: string) => `device ${name}`;

function addressKey(one: { dev: string; address: string; prefixLength: number }): string {
  return `address ${one.dev} ${one.address}/${one.prefixLength}`;
}

function routeKey(one: {
  dev: string;
  destination: string;
  prefixLength: number;
  gateway?: string;
  table?: number;
}): string {
  const { dev, destination, prefixLength, gateway = '', table = '' } = one;
  return `route ${dev} ${destination}/${prefixLength} ${gateway} ${table}`;
}
