/**
 * `--release-partitions`: what a computer that shrinks takes away of the partitions beyond its
 * amount. Only free ones: whoever holds data is named and nothing is touched. Pure.
 */
import { join } from 'node:path';
import { PlanError } from '../errors/slapos-error.ts';
import type { AccountState, FileKind } from '../host/host.ts';
import { LINK_GROUP_RELEASED, LINK_GROUP_SLAPOS } from '../host/network/native-network.ts';
import type { Computer, Ipv6Range, Partition } from '../model/computer.ts';
import { renderIpv6 } from '../model/ip-address.ts';
import { subRange } from './address.ts';
import type { RecordedAddresses } from './allocation-context.ts';
import { desiredComputer } from './desired.ts';
import { prefixOf } from './former-prefix.ts';
import type { NetworkView } from './network-view.ts';
import type { FormatOptions } from './options.ts';
import { RESOURCE_FILE } from './plan-files.ts';
import { deleteRoute } from './plan-routes.ts';
import type { Step } from './step.ts';
import { rangeFromNetwork, type StoredComputer, type StoredPartition } from './stored-computer.ts';
import { rangeRoute } from './wanted-routes.ts';

/** A folder of a partition to release, as it was found. */
export interface FoundFolder {
  readonly kind: FileKind;
  readonly names: readonly string[];
}

export interface Release {
  /** The state without the partitions to release. */
  readonly stored: StoredComputer | undefined;
  /** The partitions to release, last first. */
  readonly partitions: readonly Partition[];
}

/** What is recorded: the state file, and the journal of a run that was cut off. */
interface Records {
  readonly xml: StoredComputer | undefined;
  readonly pending: StoredComputer | undefined;
}

/**
 * Partitions that stand in the journal alone were never completed: what was made of them goes
 * without being asked for.
 * @throws PlanError for a recorded name that cannot be used.
 */
export function releasePartitions(
  options: FormatOptions,
  start: StoredComputer | undefined,
  { xml, pending }: Records,
): Release {
  if (start === undefined) return { stored: start, partitions: [] };
  const stored = options.isReleasing
    ? { ...start, partitions: start.partitions.slice(0, options.partitionAmount) }
    : start;
  const kept = new Set(stored.partitions.map(({ reference }) => reference));
  if (!options.isReleasing) for (const { reference } of xml?.partitions ?? []) kept.add(reference);
  const surplus = new Map<string, StoredPartition>();
  for (const partition of [start, xml, pending].flatMap((one) => one?.partitions ?? [])) {
    if (!kept.has(partition.reference)) surplus.set(partition.reference, partition);
  }
  if (surplus.size === 0) return { stored, partitions: [] };
  const all = { ...start, partitions: [...stored.partitions, ...surplus.values()] };
  const whole = desiredComputer({ ...options, partitionAmount: all.partitions.length }, all);
  return { stored, partitions: whole.partitions.slice(stored.partitions.length).toReversed() };
}

/** Folders that must be empty, and are removed. */
export function releasedFolders(partition: Partition): readonly string[] {
  return [partition.path, ...partition.externalStorages];
}

export interface ReleaseInput {
  readonly options: FormatOptions;
  /** The computer without them. */
  readonly computer: Computer;
  readonly released: readonly Partition[];
  readonly recorded: readonly RecordedAddresses[];
  readonly folders: ReadonlyMap<string, FoundFolder>;
  readonly accounts: AccountState;
  readonly network: NetworkView;
}

/**
 * Network first, then folders, users last: a run that is cut off is taken up from `slapos.xml`,
 * which names the partitions until the end.
 * @throws PlanError SLAPOS_ERR_PLAN_SHRINK naming the partitions that hold data.
 */
export function planRelease(input: ReleaseInput): Step[] {
  const { released } = input;
  if (released.length === 0) return [];
  refuseData(input);
  return [
    ...(input.options.isNetworkAltered ? networkSteps(input) : []),
    ...released.flatMap((partition) => folderSteps(partition, input)),
    ...(input.options.areUsersAltered ? accountSteps(input) : []),
  ];
}

/** One line for the reader of a plan. */
export function releaseNotes(released: readonly Partition[]): string[] {
  if (released.length === 0) return [];
  return [`release ${released.map(({ reference }) => reference).join(', ')}: free, from the end`];
}

function refuseData({ released, folders, computer }: ReleaseInput): void {
  const holders = released.flatMap((partition) =>
    releasedFolders(partition).flatMap((path) => {
      const found = folders.get(path);
      if (found === undefined) return [];
      const data = found.names.filter((name) => path !== partition.path || name !== RESOURCE_FILE);
      if (found.kind !== 'directory') return [`${partition.reference} (${path} is no folder)`];
      return data.length === 0 ? [] : [`${partition.reference} (${path}: ${shorten(data)})`];
    }),
  );
  if (holders.length === 0) return;
  throw new PlanError(
    'SLAPOS_ERR_PLAN_SHRINK',
    `Partitions that hold data are not released: ${holders.join(', ')}.`,
    {
      hint:
        'Destroy their instances (slapos node report) or move the data away, or keep ' +
        `partition_amount above ${computer.partitions.length}.`,
    },
  );
}

const SHOWN_NAMES = 3;

function shorten(names: readonly string[]): string {
  const more = names.length > SHOWN_NAMES ? ' …' : '';
  return names.slice(0, SHOWN_NAMES).join(', ') + more;
}

function networkSteps(input: ReleaseInput): Step[] {
  const addresses = recordedOf(input).flatMap((one) => one.addresses.map(({ address }) => address));
  const ranges = new Map(rangesOf(input).map((range) => [range.network, range]));
  return [
    ...[...ranges.values()].flatMap((range) => rangeSteps(range, input)),
    ...[...new Set(addresses)].flatMap((address) => addressSteps(address, input)),
    ...input.released.flatMap((partition) => deviceSteps(partition, input)),
  ];
}

/** All that was ever written of them: a run that was cut off may have been changing the prefix. */
function recordedOf({ released, recorded }: ReleaseInput): RecordedAddresses['partitions'] {
  const names = new Set(released.map(({ reference }) => reference));
  const others = recorded.flatMap(({ partitions }) =>
    partitions.filter(({ reference }) => names.has(reference)),
  );
  return [...released, ...others];
}

/** Routes and addresses of taps and tuns go with the devices. */
function rangeSteps(ipv6Range: Ipv6Range, { network, computer }: ReleaseInput): Step[] {
  const isKept = computer.partitions.some((kept) => kept.ipv6Range?.network === ipv6Range.network);
  if (isKept) return [];
  return rangeRoute({ ipv6Range }).flatMap(({ dev, destination, prefixLength, table }) =>
    network.routes
      .filter(
        (found) =>
          found.destination === destination &&
          found.prefixLength === prefixLength &&
          found.table === table &&
          network.deviceName(found.ifindex) === dev,
      )
      .map((found) => deleteRoute(found, dev)),
  );
}

/** What is recorded, and the regular range: a route stays when ranges are switched off. */
function rangesOf(input: ReleaseInput): Ipv6Range[] {
  const { released, computer, options } = input;
  const recorded = recordedOf(input).flatMap(({ ipv6Range }) => ipv6Range ?? []);
  const base = prefixOf(computer);
  const end = computer.partitions.length + released.length;
  const regular = released.flatMap(({ ipv6Range }, position) => {
    if (ipv6Range !== null || base === undefined) return [];
    const range = subRange(base, options.ipv6PrefixShift, 'partition', end - 1 - position);
    if (typeof range === 'string') return [];
    return rangeFromNetwork(`${renderIpv6(range.address)}/${range.prefixLength}`) ?? [];
  });
  return [...recorded, ...regular];
}

function addressSteps(address: string, input: ReleaseInput): Step[] {
  const { network, computer } = input;
  const isKept = computer.partitions.some(({ addresses }) =>
    addresses.some((kept) => kept.address === address),
  );
  if (isKept || address === computer.address) return [];
  return [...interfacesOf(input)].flatMap((dev): Step[] => {
    const found = network.find(dev, address);
    if (found === undefined) return [];
    const { prefixLength } = found;
    return [{ kind: 'address', change: { op: 'addrDel', dev, address, prefixLength } }];
  });
}

/** Those that carry addresses of partitions, and those that did before the last change. */
function interfacesOf({ computer: { interface: own }, recorded }: ReleaseInput): Set<string> {
  const were = recorded.flatMap(({ interfaces }) => Object.values(interfaces ?? {}));
  return new Set([own?.name ?? '', own?.ipv6Interface ?? '', ...were]);
}

function deviceSteps({ tap, tun }: Partition, { network }: ReleaseInput): Step[] {
  const devices = [
    { name: tap.name, mode: 'tap' as const },
    ...(tun === null ? [] : [{ name: tun.name, mode: 'tun' as const }]),
  ];
  return devices
    .filter(({ name, mode }) => network.link(name)?.tunMode === mode)
    .map((device) => ({ kind: 'deviceDelete', ...device }));
}

/**
 * A release that was killed before it deleted leaves its devices in the group that the next one
 * deletes: those that stay go back first.
 */
export function planRegroup(network: NetworkView, released: readonly Partition[]): Step[] {
  const gone = new Set(released.flatMap(({ tap, tun }) => [tap.name, tun?.name]));
  return [...network.links()]
    .filter(({ group, name }) => group === LINK_GROUP_RELEASED && !gone.has(name))
    .map(({ name: dev }) => {
      const change = { op: 'linkSet' as const, dev, group: LINK_GROUP_SLAPOS };
      return { kind: 'link', change };
    });
}

function folderSteps(partition: Partition, { folders, computer }: ReleaseInput): Step[] {
  const beneath = computer.instanceRoot;
  const home = folders.get(partition.path);
  const resource: Step[] = home?.names.includes(RESOURCE_FILE)
    ? [{ kind: 'fileRemove', path: join(partition.path, RESOURCE_FILE), beneath }]
    : [];
  const removals = releasedFolders(partition)
    .filter((path) => folders.has(path))
    .map((path): Step => ({ kind: 'fileRemove', path, beneath: null }));
  return [...resource, ...removals];
}

/** Only users that format made: their home is the partition's. */
function accountSteps({ released, accounts, computer }: ReleaseInput): Step[] {
  const kept = new Set([
    computer.softwareUser,
    ...computer.partitions.map(({ user }) => user.name),
  ]);
  const homes = new Map(released.map(({ user, path }) => [user.name, path]));
  const isOurs = ({ name, uid, home }: AccountState['users'][number]) =>
    uid !== 0 && !kept.has(name) && homes.get(name) === home;
  const removeUsers = accounts.users.filter(isOurs).map(({ name }) => name);
  const gone = new Set(removeUsers);
  const gids = new Set(accounts.users.filter(({ name }) => !gone.has(name)).map(({ gid }) => gid));
  const isLeft = (name: string) => !accounts.users.some((user) => user.name === name);
  const removeGroups = accounts.groups
    .filter(({ name, gid }) => homes.has(name) && !kept.has(name) && !gids.has(gid))
    .filter(({ name }) => gone.has(name) || isLeft(name))
    .map(({ name }) => name);
  if (removeUsers.length + removeGroups.length === 0) return [];
  const nothing = { addGroups: [], addUsers: [], changeUsers: [], lockUsers: [], addMembers: [] };
  return [{ kind: 'accounts', transaction: { ...nothing, removeUsers, removeGroups } }];
}
