/**
 * Manager `devperm`: disks that a partition may use directly (spec/grid.md 12). Unlike upstream
 * nothing is given away unless `[manager:devperm] allowed-disk-for-vm` lists it, and not while
 * another partition asks for the same disk and has it.
 */
import { errorMessage } from '../errors/slapos-error.ts';
import { childEnvironment } from '../grid/child-environment.ts';
import type { GridContext, ManagedPartition, Manager } from '../grid/context.ts';
import { warnOfFirst } from '../grid/entry-warnings.ts';
import { readPartitionList } from '../grid/partition-json.ts';
import { type BlockDevice, findBlockDevice, giveBlockDevice } from '../host/block-device.ts';
import { findProgram } from '../host/process/find-program.ts';
import { UserDirectory } from '../host/user/user-directory.ts';
import { parseBlockDevices, parseDiskRequests } from './disks.ts';
import type { ManagerParts } from './parts.ts';

const FILE = '.slapos-disk-permission';
const GROUP = 'disk';
const LSBLK_TIMEOUT_MS = 60_000;

export function createDevpermManager({ settings }: ManagerParts): Manager {
  const give = (context: GridContext, partition: ManagedPartition) =>
    giveDisks(context, partition, settings.allowedDisks);
  return { name: 'devperm', asksBy: [FILE], instance: give, instanceTearDown: give };
}

async function giveDisks(
  context: GridContext,
  partition: ManagedPartition,
  allowed: readonly string[] | undefined,
): Promise<void> {
  const entries = await readPartitionList(partition, FILE);
  if (!Array.isArray(entries) || entries.length === 0) return;
  const { id, log, owner } = partition;
  const refuse = (what: string) => log.warning(`${FILE} of ${id}: ${what}, ignoring it.`);
  if (allowed === undefined) {
    refuse('[manager:devperm] allowed-disk-for-vm of slapos.cfg allows no disk');
    return;
  }
  const { paths, problems } = parseDiskRequests(entries);
  warnOfFirst(
    log,
    problems.map((what) => `${FILE} of ${id}: ${what}, ignoring it.`),
    (count) => `${FILE} of ${id}: ${count} more problems, ignoring them.`,
  );
  const facts = await observe(context, partition, allowed);
  for (const path of paths) {
    const device = await findBlockDevice(path);
    const problem = await findProblem(context, partition, facts, device);
    if (problem !== undefined) refuse(`${path} ${problem}`);
    else if (device !== undefined && device.uid !== owner.uid) {
      log.warning(`Giving ${device.path} to ${owner.name}.`, { event: 'devperm.given' });
      await giveBlockDevice(device, owner.uid, facts.gid ?? owner.gid);
    }
  }
}

interface DiskFacts {
  readonly allowed: ReadonlySet<string>;
  readonly present: ReadonlySet<string>;
  /** Of the group of disks. */
  readonly gid: number | undefined;
}

async function observe(
  context: GridContext,
  partition: ManagedPartition,
  allowed: readonly string[],
): Promise<DiskFacts> {
  const found = await Promise.all(allowed.map(findBlockDevice));
  return {
    allowed: new Set(found.flatMap((device) => device?.path ?? [])),
    present: await listDisks(context, partition),
    gid: new UserDirectory().findGroup(GROUP)?.gid,
  };
}

async function listDisks(
  { env, host, signal }: GridContext,
  { log }: ManagedPartition,
): Promise<ReadonlySet<string>> {
  const lsblk = await findProgram('lsblk', env);
  if (lsblk === undefined) {
    log.warning('devperm gives no disk: there is no lsblk.');
    return new Set();
  }
  const { output, status } = await host.run({
    argv: [lsblk, '--json', '--output-all'],
    cwd: '/',
    env: childEnvironment(env, { home: '/' }),
    timeoutMs: LSBLK_TIMEOUT_MS,
    signal,
  });
  try {
    if (status !== 0) throw new Error(output.trim());
    return parseBlockDevices(output);
  } catch (error) {
    log.warning(`devperm gives no disk: lsblk failed: ${errorMessage(error)}`);
    return new Set();
  }
}

/** Why a device is not given; undefined when it may be. */
async function findProblem(
  context: GridContext,
  partition: ManagedPartition,
  { allowed, gid, present }: DiskFacts,
  device: BlockDevice | undefined,
): Promise<string | undefined> {
  if (device === undefined) return 'leads to no block device';
  if (!allowed.has(device.path)) return 'is not in [manager:devperm] allowed-disk-for-vm';
  if (!present.has(device.path)) return 'is neither a disk nor a partition of one';
  if (gid === undefined) return `cannot be given: there is no group ${GROUP}`;
  if (device.uid === 0 || device.uid === partition.owner.uid) return undefined;
  const holder = await findHolder(context, partition, device);
  return holder === undefined ? undefined : `is used by ${holder}`;
}

/** The other partition that owns a device and still asks for it. */
async function findHolder(
  { host, options }: GridContext,
  partition: ManagedPartition,
  device: BlockDevice,
): Promise<string | undefined> {
  const root = host.openFolder(options.instanceRoot);
  for (const name of await root.list('')) {
    const status = await root.stat(name);
    if (status?.kind !== 'directory' || status.uid !== device.uid) continue;
    const folder = host.openFolder(`${options.instanceRoot}/${name}`);
    const entries = await readPartitionList({ ...partition, id: name, folder }, FILE);
    if (!Array.isArray(entries)) continue;
    const devices = await Promise.all(parseDiskRequests(entries).paths.map(findBlockDevice));
    if (devices.some((other) => other?.path === device.path)) return name;
  }
  return undefined;
}
