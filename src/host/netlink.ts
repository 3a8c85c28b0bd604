/** Adapter of the addon's netlink area (rtnetlink(7)); the interface is `HostNetwork`. */
import type { HostNetwork, OperationResult } from './host.ts';
import { loadNative, type NativeAddon } from './native.ts';
import { callNative, type RefusalTexts, refusalError } from './native-failure.ts';
import type { NativeOutcome } from './native-outcome.ts';
import type { NetlinkOperation } from './network/native-network.ts';

type NetlinkAddon = Pick<
  NativeAddon,
  'netlinkDump' | 'netlinkApply' | 'netlinkAwaitDad' | 'netlinkAwaitNeighbours'
>;

const TEXTS: RefusalTexts = {
  code: 'SLAPOS_ERR_NETLINK',
  hints: {
    EPERM: 'Changing the network needs root (CAP_NET_ADMIN).',
    ENODEV: 'Check the interface names in slapos.cfg against `ip link`.',
    EXFULL: 'A bridge takes at most 1023 ports: use tap_mode = routed, or fewer partitions.',
    ENETDOWN: 'Bring the interface up first.',
    EACCES:
      'IPv6 is switched off on the interface: set net.ipv6.conf.<interface>.disable_ipv6 = 0.',
    EAGAIN: 'Run the command again.',
    EINVAL: 'Check prefix length and gateway.',
  },
};

/** What an operation does, in the words of iproute2: `address 10.0.0.1/32 on br0`. */
export function describeOperation(operation: NetlinkOperation): string {
  switch (operation.op) {
    case 'linkDelGroup':
      return `links of group ${operation.group}`;
    case 'linkAdd':
    case 'linkSet':
    case 'linkDel':
      return `link ${operation.dev}`;
    case 'addrAdd':
    case 'addrReplace':
    case 'addrDel':
      return `address ${operation.address}/${operation.prefixLength} on ${operation.dev}`;
    default:
      return describeRoute(operation);
  }
}

function describeRoute(
  operation: Extract<NetlinkOperation, { readonly destination: string }>,
): string {
  const network =
    operation.destination === '' ? 'default' : `${operation.destination}/${operation.prefixLength}`;
  const via = operation.gateway === undefined ? '' : ` via ${operation.gateway}`;
  return `route ${network}${via} on ${operation.dev}`;
}

const DEEDS = {
  linkAdd: 'create',
  linkSet: 'change',
  linkDel: 'delete',
  linkDelGroup: 'delete',
  addrAdd: 'add',
  addrReplace: 'set',
  addrDel: 'delete',
  routeAdd: 'add',
  routeAppend: 'add',
  routeReplace: 'set',
  routeDel: 'delete',
} as const satisfies Record<NetlinkOperation['op'], string>;

function toResult(
  operation: NetlinkOperation,
  outcome: NativeOutcome | undefined,
): OperationResult<NetlinkOperation> {
  if (!outcome) return { operation, error: undefined };
  const what = `${DEEDS[operation.op]} ${describeOperation(operation)}`;
  return { operation, error: refusalError(TEXTS, what, outcome) };
}

/**
 * Waits until one of the devices, which need not be there yet, has an IPv6 address that other
 * machines can use. Resolves to it, or to null after `timeoutMs`.
 * @throws HostError SLAPOS_ERR_NETLINK
 */
export function awaitIpv6Address(
  devices: readonly string[],
  timeoutMs: number,
  addon: Pick<NativeAddon, 'netlinkAwaitAddress'> = loadNative(),
): Promise<string | null> {
  return callNative(TEXTS, `wait for an address on ${devices.join(', ')}`, () =>
    addon.netlinkAwaitAddress({ devices, timeoutMs }),
  );
}

/** The network of the namespace that this process runs in. */
export function createNetwork(addon: () => NetlinkAddon = loadNative): HostNetwork {
  return {
    async dump(wanted = {}) {
      const { links = true, addresses = true, routes = true } = wanted;
      return callNative(TEXTS, 'read the network', () =>
        addon().netlinkDump({ links, addresses, routes }),
      );
    },
    async apply(operations) {
      if (operations.length === 0) return [];
      const outcomes = await callNative(TEXTS, 'change the network', () =>
        addon().netlinkApply({ operations }),
      );
      return operations.map((operation, index) => toResult(operation, outcomes[index]));
    },
    async awaitDad(addresses, timeoutMs) {
      if (addresses.length === 0) return [];
      return callNative(TEXTS, 'wait for duplicate address detection', () =>
        addon().netlinkAwaitDad({ addresses, timeoutMs }),
      );
    },
    async awaitNeighbours(dev, addresses, timeoutMs) {
      if (addresses.length === 0) return [];
      return callNative(TEXTS, `ask for neighbours on ${dev}`, () =>
        addon().netlinkAwaitNeighbours({ dev, addresses, timeoutMs }),
      );
    },
  };
}
