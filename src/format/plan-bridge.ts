/** `create_bridge = true`: the bridge that interface_name names is ours to make. Pure. */
import { createHash } from 'node:crypto';
import { PlanError } from '../errors/slapos-error.ts';
import type { NetworkState } from '../host/host.ts';
import type { NativeLink } from '../host/network/native-network.ts';
import { IFF_UP } from './network-view.ts';
import type { FormatOptions } from './options.ts';
import { backwardOperations, type PortsInput, planPorts } from './plan-ports.ts';
import type { Step } from './step.ts';
import { journalPath, parseJournal, type UplinkJournal } from './uplink-journal.ts';

export interface BridgePlan {
  /** The network as it is once the bridge exists. */
  readonly network: NetworkState;
  /** The bridge, and its ports with what they carried. */
  readonly create: readonly Step[];
  /** Taken when taps and addresses are there: a bridge that is down takes them faster. */
  readonly up: readonly Step[];
  /**
   * True when `create` takes back what a run that was cut off moved and nobody wants any more: to
   * be done before anything else is decided.
   */
  readonly isRestoring: boolean;
  readonly warnings: readonly string[];
}

/** What was found of a move of ports. */
export interface FoundUplink {
  /** Text of the journal that a run left. */
  readonly journal: string | null;
  readonly bootId: string;
  readonly wireless: ReadonlySet<string>;
  /** net.ipv6.conf.*.accept_ra of ports and bridge, where there is one. */
  readonly acceptRa: ReadonlyMap<string, string>;
}

export interface BridgeInput {
  readonly network: NetworkState;
  readonly machineId: string;
  readonly uplink: FoundUplink;
}

/** No link has it: the kernel counts from 1. */
const FUTURE_IFINDEX = -1;

/** @throws PlanError when something else has the name, or a port cannot join. */
export function planBridge(options: FormatOptions, found: BridgeInput): BridgePlan {
  const { network } = found;
  const nothing = { network, create: [], up: [], isRestoring: false, warnings: [] };
  if (!options.isNetworkAltered) return nothing;
  const journal = validJournal(found.uplink);
  if (journal !== undefined && !isWanted(journal, options)) {
    return { ...nothing, create: [restoreStep(journal, options)], isRestoring: true };
  }
  const isVoid = found.uplink.journal !== null && journal === undefined;
  const forget = isVoid ? [forgetStep(options)] : [];
  const name = options.interfaceName;
  if (!options.isBridgeCreated || name === null) return { ...nothing, create: forget };
  const plan = planWanted(options, found, journal);
  const isReplaced = plan.create.some(({ kind }) => kind === 'uplinkJournal');
  return isReplaced ? plan : { ...plan, create: [...forget, ...plan.create] };
}

/** Undefined for one that cannot be read or tells of a kernel that is gone. */
function validJournal({ journal, bootId }: FoundUplink): UplinkJournal | undefined {
  const parsed = journal === null ? undefined : parseJournal(journal);
  return parsed?.bootId === bootId ? parsed : undefined;
}

function isWanted({ bridge, ports }: UplinkJournal, options: FormatOptions): boolean {
  if (!options.isBridgeCreated || bridge !== options.interfaceName) return false;
  return ports.every(({ name }) => options.bridgePorts.includes(name));
}

function restoreStep(journal: UplinkJournal, options: FormatOptions): Step {
  const { bridge, ports } = journal;
  return {
    kind: 'uplinkRestore',
    bridge,
    ports: ports.map(({ name }) => name),
    backward: backwardOperations(journal),
    journal: journalPath(options.computerXml),
  };
}

function forgetStep({ computerXml }: FormatOptions): Step {
  return { kind: 'uplinkJournal', path: journalPath(computerXml), content: null };
}

function planWanted(
  options: FormatOptions,
  found: BridgeInput,
  journal: UplinkJournal | undefined,
): BridgePlan {
  const name = options.interfaceName ?? '';
  const link = found.network.links.find((one) => one.name === name);
  if (link !== undefined && link.kind !== 'bridge') throw notABridge(name);
  const bridge = link ?? futureBridge(name, wantedMac(options, found));
  const links = link === undefined ? [...found.network.links, bridge] : found.network.links;
  const up: Step[] =
    (bridge.flags & IFF_UP) === 0
      ? [{ kind: 'link', change: { op: 'linkSet', dev: name, isUp: true } }]
      : [];
  const create: Step[] =
    link === undefined ? [{ kind: 'bridgeCreate', name, mac: bridge.mac }] : [];
  const ports = planPorts(portsInput(options, found, { bridge, links, journal }));
  // Routes need a bridge that is up.
  const isFirst = options.bridgePorts.length > 0;
  return {
    network: ports.network,
    create: [...ports.journal, ...create, ...(isFirst ? up : []), ...ports.move],
    up: isFirst ? [] : up,
    isRestoring: false,
    warnings: ports.warnings,
  };
}

function portsInput(
  options: FormatOptions,
  { network, uplink }: BridgeInput,
  rest: Pick<PortsInput, 'bridge' | 'journal'> & { readonly links: readonly NativeLink[] },
): PortsInput {
  return {
    bridge: rest.bridge,
    journal: rest.journal,
    names: options.bridgePorts,
    network: { ...network, links: rest.links },
    computerXml: options.computerXml,
    bootId: uplink.bootId,
    wireless: uplink.wireless,
    acceptRa: uplink.acceptRa,
    journalText: uplink.journal,
  };
}

/**
 * That of the port which leads to the world, else of the first: what other machines and the DHCP
 * server know stays true. Without ports one of our own.
 */
function wantedMac({ bridgePorts, interfaceName }: FormatOptions, found: BridgeInput): string {
  const { links, routes, addresses } = found.network;
  const ports = links.filter(({ name }) => bridgePorts.includes(name));
  const isUplink = ({ ifindex }: NativeLink) =>
    routes.some((route) => route.ifindex === ifindex && route.prefixLength === 0);
  const hasAddress = ({ ifindex }: NativeLink) => addresses.some((one) => one.ifindex === ifindex);
  const port = ports.find(isUplink) ?? ports.find(hasAddress) ?? ports[0];
  return port?.mac ?? bridgeMac(found.machineId, interfaceName ?? '');
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
