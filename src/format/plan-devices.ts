/** Taps and tuns: created, owned, up, and in bridged mode attached (spec/format.md 14). Pure. */
import { PlanError } from '../errors/slapos-error.ts';
import { LINK_GROUP_SLAPOS, type NativeLink } from '../host/network/native-network.ts';
import type { Computer, Partition } from '../model/computer.ts';
import type { RecordedAddresses } from './allocation-context.ts';
import { IFF_UP, type NetworkView } from './network-view.ts';
import type { FormatOptions } from './options.ts';
import type { AccountPlan } from './plan-accounts.ts';
import type { LinkSet, Step, StepOf } from './step.ts';
import { BRIDGE_PORTS, effectiveTapMode } from './tap-mode.ts';

interface WantedDevice {
  readonly name: string;
  readonly mode: 'tap' | 'tun';
  readonly owner: { readonly name: string; readonly uid: number };
  /** Bridge to be a port of; null for none. */
  readonly bridge: NativeLink | null;
}

/** Devices first, then one message for each: up, group and bridge together. */
export function planDevices(
  computer: Computer,
  network: NetworkView,
  accounts: AccountPlan,
  options: FormatOptions,
  recorded: ReadonlyArray<Pick<RecordedAddresses, 'interfaces'>> = [],
): { readonly steps: readonly Step[]; readonly warnings: readonly string[] } {
  const bridges = ownBridges(network, options, recorded);
  const wanted = wantedDevices(computer, network, accounts, options);
  refuseFullBridge(wanted, network);
  const creations: Array<StepOf<'deviceCreate'>> = [];
  const settings: Array<StepOf<'link'>> = [];
  const warnings: string[] = [];
  for (const device of wanted) {
    const found = network.link(device.name);
    const { name, mode, owner } = device;
    if (found === undefined || isOwnerless(found)) {
      creations.push({ kind: 'deviceCreate', name, mode, owner });
    }
    if (found !== undefined) warnings.push(...checkDevice(device, found));
    const former = formerBridge(device, found, bridges);
    const change = linkChange(device, found, former);
    if (change !== null) settings.push({ kind: 'link', change });
  }
  return { steps: [...creations, ...settings], warnings };
}

function wantedDevices(
  computer: Computer,
  network: NetworkView,
  accounts: AccountPlan,
  options: FormatOptions,
): WantedDevice[] {
  if (!options.isNetworkAltered) return [];
  const tapMode = effectiveTapMode(options, network);
  const bridge = tapMode === 'bridged' ? network.link(options.interfaceName ?? '') : undefined;
  return computer.partitions.flatMap((partition) => {
    const owner = deviceOwner(partition, accounts);
    const tun = partition.tun?.name;
    return [
      ...(tapMode === 'none' ? [] : [tapDevice(partition, owner, bridge ?? null)]),
      ...(tun === undefined ? [] : [{ name: tun, mode: 'tun' as const, owner, bridge: null }]),
    ];
  });
}

function tapDevice(
  partition: Partition,
  owner: WantedDevice['owner'],
  bridge: NativeLink | null,
): WantedDevice {
  if (partition.tap.name !== '') return { name: partition.tap.name, mode: 'tap', owner, bridge };
  throw new PlanError(
    'SLAPOS_ERR_PLAN_CONFLICT',
    `Partition ${partition.reference} names no tap and create_tap is true.`,
    { hint: 'Set network_interface in its definition, or create_tap = false.' },
  );
}

function deviceOwner(partition: Partition, accounts: AccountPlan): WantedDevice['owner'] {
  return accounts.ownerOf(partition.user.name) ?? { name: 'root', uid: 0 };
}

/** A device that a run left between its creation and its ownership. */
function isOwnerless(link: NativeLink): boolean {
  return link.tunMode !== '' && link.tunOwner === -1;
}

function checkDevice(device: WantedDevice, found: NativeLink): string[] {
  if (found.tunMode !== device.mode) {
    throw new PlanError(
      'SLAPOS_ERR_PLAN_CONFLICT',
      `${device.name} exists and is no ${device.mode} device.`,
      { hint: 'Rename it, or choose another tap_base_name.', context: { device: device.name } },
    );
  }
  if (isOwnerless(found) || found.tunOwner === device.owner.uid) return [];
  return [
    `${device.name} belongs to uid ${found.tunOwner} instead of ${device.owner.name} ` +
      `(${device.owner.uid}); it is left as it is.`,
  ];
}

/** The interfaces that taps may be ports of: now, and before the last change. */
function ownBridges(
  network: NetworkView,
  { interfaceName }: FormatOptions,
  recorded: ReadonlyArray<Pick<RecordedAddresses, 'interfaces'>>,
): NativeLink[] {
  const names = new Set([interfaceName, ...recorded.map(({ interfaces }) => interfaces?.ipv4)]);
  return [...names].flatMap((name) => network.link(name ?? '') ?? []);
}

/** The bridge that a tap of ours was in while taps were bridged: nothing is routed to a port. */
function formerBridge(
  device: WantedDevice,
  found: NativeLink | undefined,
  bridges: readonly NativeLink[],
): NativeLink | undefined {
  if (device.bridge !== null || found?.group !== LINK_GROUP_SLAPOS) return undefined;
  return bridges.find(({ ifindex }) => ifindex === found.master);
}

function linkChange(
  device: WantedDevice,
  found: NativeLink | undefined,
  former: NativeLink | undefined,
): LinkSet | null {
  const isUp = found !== undefined && (found.flags & IFF_UP) !== 0;
  const isPort =
    former === undefined && (device.bridge === null || found?.master === device.bridge.ifindex);
  if (isUp && isPort) return null;
  return {
    op: 'linkSet',
    dev: device.name,
    ...(isUp ? {} : { isUp: true, group: LINK_GROUP_SLAPOS }),
    ...(isPort ? {} : { master: device.bridge?.name ?? '' }),
  };
}

function refuseFullBridge(wanted: readonly WantedDevice[], network: NetworkView): void {
  const bridge = wanted.find((device) => device.bridge !== null)?.bridge;
  if (!bridge) return;
  const names = new Set(wanted.filter((device) => device.bridge !== null).map(({ name }) => name));
  for (const link of network.links()) if (link.master === bridge.ifindex) names.add(link.name);
  if (names.size <= BRIDGE_PORTS) return;
  throw new PlanError(
    'SLAPOS_ERR_PLAN_CONFLICT',
    `${bridge.name} would have ${names.size} ports; the kernel allows ${BRIDGE_PORTS}.`,
    {
      hint: 'Set tap_mode = routed, or format fewer partitions.',
      context: { device: bridge.name },
    },
  );
}
