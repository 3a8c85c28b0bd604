/**
 * `bridge_ports`: interfaces that join the bridge of `interface_name` and give it their addresses
 * and routes, in one batch that is undone when the default gateway is lost. Pure.
 */
import type { NetworkState } from '../host/host.ts';
import type {
  NativeAddress,
  NativeLink,
  NetlinkOperation,
} from '../host/network/native-network.ts';
import { movedNetwork } from './moved-network.ts';
import { IFF_UP, NetworkView } from './network-view.ts';
import { portError, portProblem, routeError } from './port-problem.ts';
import { planAcceptRa, withBeside } from './router-advert.ts';
import type { LinkSet, Step, StepOf } from './step.ts';
import {
  addressKey,
  addressOn,
  defaultGateways,
  IFA_F_MANAGETEMPADDR,
  type MovedAddress,
  type MovedRoute,
  movedAddress,
  type PortContent,
  portContent,
  portRoutes,
  presentOn,
  routeKey,
  SCOPE_LINK,
  transferOperations,
} from './uplink.ts';
import {
  type JournalPort,
  journalPath,
  renderJournal,
  type UplinkJournal,
} from './uplink-journal.ts';

/** Three questions of the kernel, a second apart, and one more after a lost one. */
const GATEWAY_TIMEOUT_MS = 5000;

export interface PortsInput {
  readonly bridge: NativeLink;
  readonly names: readonly string[];
  readonly network: NetworkState;
  readonly computerXml: string;
  readonly bootId: string;
  /** Interfaces that the kernel knows as wireless. */
  readonly wireless: ReadonlySet<string>;
  /** net.ipv6.conf.*.accept_ra of ports and bridge. */
  readonly acceptRa: ReadonlyMap<string, string>;
  /** Of a run that was cut off, when it is about this bridge. */
  readonly journal: UplinkJournal | undefined;
  /** The journal as it stands, to be written only when it would change. */
  readonly journalText: string | null;
}

export interface PortsPlan {
  readonly network: NetworkState;
  /** Before the bridge is touched. */
  readonly journal: readonly Step[];
  /** When it is there and up. */
  readonly move: readonly Step[];
  readonly warnings: readonly string[];
}

/** A port as it is, and as it was before anything was moved. */
interface Port extends JournalPort {
  readonly link: NativeLink;
  readonly present: PortContent;
}

/** @throws PlanError SLAPOS_ERR_PLAN_CONFLICT for a port that cannot join. */
export function planPorts(input: PortsInput): PortsPlan {
  const view = new NetworkView(input.network);
  const ports = input.names.map((name) => findPort(name, input, view));
  const network = movedNetwork(input, ports);
  const joins = ports.filter(({ link }) => link.master !== input.bridge.ifindex).map(joining);
  const isMoving = input.journal !== undefined || ports.some(({ present }) => !isEmpty(present));
  if (!isMoving) {
    const steps = joins.map((join): Step => ({ kind: 'link', change: join(input.bridge.name) }));
    return { network, journal: [], move: steps, warnings: [] };
  }
  const journal = journalOf(input, ports);
  const content = renderJournal(journal);
  const path = journalPath(input.computerXml);
  const isWritten = input.journalText === content;
  return {
    network,
    journal: isWritten ? [] : [{ kind: 'uplinkJournal', path, content }],
    move: [
      ...planAcceptRa(input.bridge.name, ports.find(isCarrying), input.acceptRa),
      moveStep(input, { ports, journal, joins, view }),
    ],
    warnings: ports.flatMap((port) => expiryWarnings(port, input.bridge.name)),
  };
}

function findPort(name: string, input: PortsInput, view: NetworkView): Port {
  const link = view.link(name);
  const problem = portProblem(name, link, input, view);
  if (link === undefined || problem !== undefined) throw portError(name, problem ?? '');
  const obstacle = portRoutes(link, view).find((route) => route.obstacle !== undefined);
  if (obstacle !== undefined) throw routeError(name, obstacle);
  const present = portContent(link, input.bridge.name, view);
  const before = input.journal?.ports.find((port) => port.name === name);
  const isEnslaved = before?.isEnslaved ?? link.master === input.bridge.ifindex;
  return { name, link, present, isEnslaved, ...mergeContent(before, present) };
}

/** What was there before goes on being so; what has come since is added. */
function mergeContent(before: PortContent | undefined, present: PortContent): PortContent {
  if (before === undefined) return present;
  const addresses = new Map<string, MovedAddress>();
  const routes = new Map<string, MovedRoute>();
  for (const one of [...before.addresses, ...present.addresses]) {
    if (!addresses.has(addressKey(one))) addresses.set(addressKey(one), one);
  }
  for (const one of [...before.routes, ...present.routes]) {
    if (!routes.has(routeKey(one))) routes.set(routeKey(one), one);
  }
  return { addresses: [...addresses.values()], routes: [...routes.values()] };
}

/** Whoever renewed them does so on the port, not on the bridge; the kernel does on either. */
function expiryWarnings({ name, present }: Port, bridge: string): string[] {
  return present.addresses.flatMap(({ address, validSeconds, flags = 0 }) => {
    if (validSeconds === undefined || (flags & IFA_F_MANAGETEMPADDR) !== 0) return [];
    return [
      `${address} of ${name} expires in ${validSeconds} s: tell the DHCP client of the host to ` +
        `watch ${bridge} instead.`,
    ];
  });
}

const isCarrying = ({ addresses, routes }: PortContent): boolean => !isEmpty({ addresses, routes });

function isEmpty({ addresses, routes }: PortContent): boolean {
  return addresses.length === 0 && routes.length === 0;
}

function joining({ name, link }: Port): (bridge: string) => LinkSet {
  const isUp = (link.flags & IFF_UP) !== 0;
  return (master) => ({ op: 'linkSet', dev: name, master, ...(isUp ? {} : { isUp: true }) });
}

function journalOf(input: PortsInput, ports: readonly Port[]): UplinkJournal {
  const { bootId, bridge, journal } = input;
  return {
    bootId,
    bridge: bridge.name,
    isBridgeNew: journal?.isBridgeNew ?? bridge.ifindex < 0,
    ports: ports.map(({ name, isEnslaved, addresses, routes }) => {
      return { name, isEnslaved, addresses, routes };
    }),
  };
}

interface Move {
  readonly ports: readonly Port[];
  readonly journal: UplinkJournal;
  readonly joins: ReadonlyArray<(bridge: string) => LinkSet>;
  readonly view: NetworkView;
}

function moveStep(input: PortsInput, move: Move): StepOf<'uplinkMove'> {
  const { bridge, computerXml } = input;
  const copies = linkLocalCopies(bridge.name, move);
  return {
    kind: 'uplinkMove',
    bridge: bridge.name,
    ports: move.ports.map(({ name }) => name),
    forward: [
      ...move.joins.map((join) => join(bridge.name)),
      ...copies,
      ...move.ports.flatMap((port) => forwardOperations(port, bridge.name, move.view)),
    ],
    backward: backwardOperations(move.journal, copies),
    gateways: defaultGateways(move.ports.flatMap(({ routes }) => routes)),
    timeoutMs: GATEWAY_TIMEOUT_MS + (bridge.portDelayMs ?? 0),
    journal: journalPath(computerXml),
  };
}

/**
 * Neighbour discovery needs a link-local address; the one that the kernel makes can be used only
 * after two seconds, and need not be the one that routers know.
 */
function linkLocalCopies(bridge: string, { ports, view }: Move): NetlinkOperation[] {
  const isLinkLocal = ({ family, scope }: NativeAddress) => family === 6 && scope === SCOPE_LINK;
  if (view.addressesOf(bridge).some(isLinkLocal)) return [];
  const port = ports.find(({ present }) => !isEmpty(present))?.name ?? '';
  const found = view.addressesOf(port).find(isLinkLocal);
  return found === undefined ? [] : [addressOn(bridge, movedAddress(found, port), 'addrAdd')];
}

function forwardOperations(port: Port, bridge: string, view: NetworkView): NetlinkOperation[] {
  const { name, present, addresses, routes } = port;
  const onBridge = presentOn(bridge, view);
  const again = new Set(present.routes.map(routeKey));
  const isThere = (route: MovedRoute): boolean => {
    const keys = route.dev === null ? onBridge : presentOn(route.dev, view);
    return withBeside({ ...route, dev: null }).some((one) => keys.has(routeKey(one)));
  };
  return transferOperations({
    source: name,
    target: bridge,
    removed: present,
    added: {
      addresses: addresses.filter((one) => !onBridge.has(addressKey(one))),
      routes: routes.filter((route) => again.has(routeKey(route)) || !isThere(route)),
    },
  });
}

/** Puts things back as the journal has them, whatever of the move was done. */
export function backwardOperations(
  { bridge, isBridgeNew, ports }: UplinkJournal,
  copies: readonly NetlinkOperation[] = [],
): NetlinkOperation[] {
  const leaving = ports.filter(({ isEnslaved }) => !isEnslaved);
  const own = <Item extends { isShared?: true }>(items: readonly Item[]): Item[] =>
    items.filter(({ isShared }) => isShared !== true);
  return [
    ...leaving.map(({ name }): LinkSet => ({ op: 'linkSet', dev: name, master: '' })),
    ...ports.flatMap(({ name, addresses, routes }) =>
      transferOperations({
        source: bridge,
        target: name,
        removed: { addresses: own(addresses), routes: own(routes).flatMap(withBeside) },
        added: { addresses, routes },
      }),
    ),
    ...(isBridgeNew
      ? [{ op: 'linkDel' as const, dev: bridge }]
      : copies.flatMap((copy) => (copy.op === 'addrAdd' ? [{ ...copy, op: 'addrDel' }] : []))),
  ] as NetlinkOperation[];
}
