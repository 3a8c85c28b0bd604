/** Looks at the host: one netlink dump, one read of the account files, one status per folder. */
import { dirname, join } from 'node:path';
import type { HostError } from '../errors/slapos-error.ts';
import type { FileStatus } from '../host/host.ts';
import type { Computer, Partition } from '../model/computer.ts';
import { observeAccounts } from './observe-accounts.ts';
import type { FormatOptions } from './options.ts';
import type { Observed } from './plan.ts';
import type { FoundUplink } from './plan-bridge.ts';
import { directoryPaths } from './plan-directories.ts';
import { pendingPath, RESOURCE_FILE, resourcePath, type StateFiles } from './plan-files.ts';
import { NONLOCAL_BIND } from './plan-network.ts';
import { UDEV_CONTROL_PATH, UDEV_RULE_PATH, type UdevState } from './plan-udev.ts';
import type { FormatPorts } from './ports.ts';
import { type FoundFolder, releasedFolders } from './release.ts';
import { acceptRaName } from './router-advert.ts';
import { journalPath } from './uplink-journal.ts';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';
/** A name that cannot lead elsewhere in /sys. */
const INTERFACE_NAME = /^[^/\s]{1,15}$/;
const MACHINE_ID = '/etc/machine-id';
const STORAGE = /^data(?:.*data)?\d+$/;
/** Far above what a partition's description can need. */
const RESOURCE_LIMIT_BYTES = 1024 * 1024;

/** The state files as they are. */
export async function readStateFiles(
  { host }: FormatPorts,
  options: FormatOptions,
): Promise<StateFiles> {
  const readText = async (path: string | null) =>
    (path === null ? undefined : await host.files.readText(path)) ?? null;
  const [xml, pending, json, definition] = await Promise.all([
    readText(options.computerXml),
    readText(pendingPath(options.computerXml)),
    readText(options.computerJson),
    readText(options.outputDefinitionFile),
  ]);
  return { xml, pending, json, definition };
}

/** Folders of external storage: `instance_storage_home` with a number behind the last `data`. */
export async function observeStorages(
  { host }: FormatPorts,
  options: FormatOptions,
): Promise<readonly string[]> {
  const home = options.instanceStorageHome;
  if (home === null || home === '') return [];
  const names = (await host.files.list(home)) ?? [];
  return selectStorages(names).map((name) => join(home, name));
}

/** Sorted by number, so that the order in the state files is stable. */
export function selectStorages(names: readonly string[]): string[] {
  return names
    .filter((name) => STORAGE.test(name))
    .toSorted((one, other) => storageNumber(one) - storageNumber(other));
}

function storageNumber(name: string): number {
  return Number(name.slice(name.lastIndexOf('data') + 'data'.length));
}

/** @param computer with its partitions' folders; addresses may still be missing. */
export async function observe(
  ports: FormatPorts,
  options: FormatOptions,
  computer: Computer,
  released: readonly Partition[] = [],
): Promise<Observed> {
  const { host } = ports;
  const [network, accounts, paths, resources, nonlocalBind, machineId, folders, udev, uplink] =
    await Promise.all([
      host.network.dump({ links: true, addresses: true, routes: options.isNetworkAltered }),
      observeAccounts(host.accounts, computer, options),
      observeDirectories(ports, computer, options),
      observeResources(ports, computer),
      host.sysctl.read(NONLOCAL_BIND),
      host.files.readText(MACHINE_ID),
      observeFolders(ports, released.flatMap(releasedFolders)),
      observeUdev(ports),
      observeUplink(ports, options),
    ]);
  return {
    network,
    accounts,
    paths,
    ...resources,
    nonlocalBind,
    folders,
    machineId: machineId?.trim() ?? '',
    udev,
    uplink,
  };
}

/** The journal of a move to the bridge, and which ports are wireless (cfg80211 marks them). */
async function observeUplink(
  { host }: FormatPorts,
  { computerXml, bridgePorts, interfaceName }: FormatOptions,
): Promise<FoundUplink> {
  const journal = (await host.files.readText(journalPath(computerXml))) ?? null;
  if (journal === null && bridgePorts.length === 0) {
    return { journal, bootId: '', wireless: new Set(), acceptRa: new Map() };
  }
  const names = bridgePorts.filter((name) => INTERFACE_NAME.test(name));
  const marks = await host.files.statAll(names.map((name) => `/sys/class/net/${name}/phy80211`));
  return {
    journal,
    bootId: ((await host.files.readText(BOOT_ID)) ?? '').trim(),
    wireless: new Set(names.filter((_, index) => marks[index] !== undefined)),
    acceptRa: await observeAcceptRa({ host }, [...names, interfaceName ?? '']),
  };
}

async function observeAcceptRa(
  { host }: Pick<FormatPorts, 'host'>,
  names: readonly string[],
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const name of names.filter((one) => INTERFACE_NAME.test(one))) {
    const value = await host.sysctl.read(acceptRaName(name));
    if (value !== undefined) found.set(name, value);
  }
  return found;
}

async function observeUdev({ host }: FormatPorts): Promise<UdevState> {
  const rule = await host.files.readText(UDEV_RULE_PATH);
  const paths = [UDEV_CONTROL_PATH, dirname(UDEV_RULE_PATH)];
  const [control, folder] = await host.files.statAll(paths);
  return {
    isRunning: control !== undefined,
    rule: rule ?? null,
    hasRuleFolder: folder !== undefined,
  };
}

/** A root of ours may be a link that root made, to a folder on another disk. */
async function observeDirectories(
  ports: FormatPorts,
  computer: Computer,
  options: FormatOptions,
): Promise<Map<string, FileStatus>> {
  const found = await observePaths(ports, directoryPaths(computer, options));
  for (const path of [computer.instanceRoot, computer.softwareRoot]) {
    const status = found.get(path);
    if (status?.kind !== 'link' || status.uid !== 0) continue;
    const target = await ports.host.files.statTarget(path);
    if (target !== undefined) found.set(path, target);
  }
  return found;
}

async function observePaths(
  { host }: Pick<FormatPorts, 'host'>,
  paths: readonly string[],
): Promise<Map<string, FileStatus>> {
  const found = await host.files.statAll(paths);
  const all = new Map<string, FileStatus>();
  for (const [index, path] of paths.entries()) {
    const status = found[index];
    if (status !== undefined) all.set(path, status);
  }
  return all;
}

/** Folders by path with the names in them; a link or file has none. */
async function observeFolders(
  { host }: FormatPorts,
  paths: readonly string[],
): Promise<Map<string, FoundFolder>> {
  const found = new Map<string, FoundFolder>();
  for (const [path, { kind }] of await observePaths({ host }, paths)) {
    const names = kind === 'directory' ? await host.files.list(path) : [];
    found.set(path, { kind, names: names ?? [] });
  }
  return found;
}

/** What stands where `.slapos-resource` belongs: a text, nothing, or something in the way. */
async function observeResources(
  { partitionFiles }: FormatPorts,
  { instanceRoot, partitions }: Computer,
): Promise<Pick<Observed, 'texts' | 'obstacles'>> {
  const texts = new Map<string, string>();
  const obstacles = new Set<string>();
  const relative = partitions.map(({ reference }) => `${reference}/${RESOURCE_FILE}`);
  const found = await partitionFiles.readTexts(instanceRoot, relative, {
    maxBytes: RESOURCE_LIMIT_BYTES,
  });
  for (const [index, { reference }] of partitions.entries()) {
    const path = resourcePath(instanceRoot, reference);
    const content = found[index];
    if (typeof content === 'string') texts.set(path, content);
    else if (content !== undefined) obstacles.add(refuseUnlessObstacle(content, path));
  }
  return { texts, obstacles };
}

function refuseUnlessObstacle(error: HostError, path: string): string {
  if (error.code === 'SLAPOS_ERR_UNSAFE_PATH') return path;
  throw error;
}
