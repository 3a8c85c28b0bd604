/** `create_bridge = true`: the bridge that interface_name names is ours to make. Pure. */
import { createHash } from 'node:crypto';
import { PlanError } from '../errors/slapos-error.ts';
import type { NetworkState } from '../host/host.ts';
import type { NativeLink } from '../host/native-network.ts';
import { IFF_UP } from './network-view.ts';
import type { FormatOptions } from './options.ts';
import type { Step } from './step.ts';

export interface BridgePlan {
  /** The network as it is once the bridge exists. */
  readonly network: NetworkState;
  readonly create: readonly Step[];
  /** Taken when ports and addresses are there: a bridge that is down takes them faster. */
  readonly up: readonly Step[];
}

/** No link has it: the kernel counts from 1. */
const FUTURE_IFINDEX = -1;

/** @throws PlanError when something else has the name. */
export function planBridge(
  options: FormatOptions,
  network: NetworkState,
  machineId: string,
): BridgePlan {
  const name = options.interfaceName;
  if (!options.isBridgeCreated || !options.isNetworkAltered || name === null) {
    return { network, create: [], up: [] };
  }
  const found = network.links.find((link) => link.name === name);
  const up: Step[] = [{ kind: 'link', change: { op: 'linkSet', dev: name, isUp: true } }];
  if (found === undefined) {
    const mac = bridgeMac(machineId, name);
    const links = [...network.links, futureBridge(name, mac)];
    return { network: { ...network, links }, create: [{ kind: 'bridgeCreate', name, mac }], up };
  }
  if (found.kind !== 'bridge') throw notABridge(name);
  return { network, create: [], up: (found.flags & IFF_UP) === 0 ? up : [] };
}

/**
 * The same on each run of a machine. Set, and not left to the kernel, it stays when ports join: a
 * bridge otherwise takes the smallest address among its ports. Locally administered (IEEE 802c).
 */
export function bridgeMac(machineId: string, name: string): string {
  const digest = createHash('sha256').update(`bridge ${machineId} ${name}`).digest('hex');
  return `02:${(digest.slice(0, 10).match(/../g) ?? []).join(':')}`;
}

function futureBridge(name: string, mac: string): NativeLink {
  return {
    ifindex: FUTURE_IFINDEX,
    name,
    flags: 0,
    hasCarrier: false,
    master: 0,
    kind: 'bridge',
    mac,
    mtu: 1500,
    group: 0,
    tunMode: '',
    tunOwner: -1,
    isTunPersistent: false,
  };
}

function notABridge(name: string): PlanError {
  return new PlanError('SLAPOS_ERR_PLAN_CONFLICT', `${name} exists and is no bridge.`, {
    hint: 'Name a bridge or a free name with interface_name, or remove create_bridge.',
    context: { device: name },
  });
}
