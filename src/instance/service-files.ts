/** Writes and removes the group files of partitions in the supervisor's configuration folder. */
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import { warnOfFirst } from '../grid/entry-warnings.ts';
import type { OwnedFolder } from '../host/grid-host.ts';
import type { Partition } from './partition.ts';
import {
  type GroupProgram,
  isPartitionServiceFile,
  refusedServiceNames,
  renderGroup,
  renderServiceGroup,
} from './services.ts';

const FILE_MODE = 0o600;
/** Of one folder: one supervisor runs the services of all partitions, none may fill it alone. */
export const MOST_SERVICES = 1000;

/** What became of the group files. */
export interface ServiceFilesResult {
  /** The supervisor has to look at its files again. */
  readonly needsUpdate: boolean;
  readonly hasGroup: boolean;
}

function openGroupFolder(context: GridContext): OwnedFolder {
  return context.host.openFolder(`${context.options.instanceRoot}/etc/supervisord.conf.d`);
}

/** Makes the group file say what stands in `etc/run` and `etc/service`. */
export async function writeServiceFiles(
  context: GridContext,
  partition: Partition,
): Promise<ServiceFilesResult> {
  const folder = openGroupFolder(context);
  const text = await renderPartitionGroup(partition);
  const file = `${partition.id}.conf`;
  await removeStaleFiles(folder, partition.id, [
    ...(text === undefined ? [] : [file]),
    ...managerFiles(context, partition.id),
  ]);
  if (text === undefined) {
    partition.log.warning(`No runners nor services found for partition '${partition.id}'`);
    return { needsUpdate: true, hasGroup: false };
  }
  const status = await folder.stat(file);
  if ((await folder.readText(file)) !== text || status?.mode !== FILE_MODE) {
    await folder.write(file, text, { mode: FILE_MODE });
  }
  return { needsUpdate: true, hasGroup: true };
}

/** A group of services that a manager keeps for a partition. */
export interface ManagerGroup {
  readonly name: string;
  readonly folder: string;
  /** None: the group goes. */
  readonly programs: readonly GroupProgram[];
}

/** @returns whether the supervisor has to look at its files again. */
export async function writeManagerGroup(
  context: GridContext,
  { folder: home, name, programs }: ManagerGroup,
): Promise<boolean> {
  const folder = openGroupFolder(context);
  const file = `${name}.conf`;
  const text = renderGroup(name, home, programs);
  if ((await folder.readText(file)) === text) return false;
  if (text === undefined) await folder.remove(file);
  else await folder.write(file, text, { mode: FILE_MODE });
  return true;
}

/** Whether the supervisor is told of services of the partition itself. */
export async function hasServiceGroup(context: GridContext, partitionId: string): Promise<boolean> {
  return (await openGroupFolder(context).stat(`${partitionId}.conf`)) !== undefined;
}

/**
 * Removes the partition's own group, so that the next update stops its services. That update is needed
 * also when the file is gone already: a pass that was cut off may have removed it and no more.
 */
export async function removeServiceGroup(
  context: GridContext,
  partitionId: string,
): Promise<ServiceFilesResult> {
  await openGroupFolder(context).remove(`${partitionId}.conf`);
  return { needsUpdate: true, hasGroup: false };
}

/** Removes every file of a partition, those of its managers too; the next update stops them all. */
export async function removeServiceFiles(
  context: GridContext,
  partitionId: string,
): Promise<ServiceFilesResult> {
  await removeStaleFiles(openGroupFolder(context), partitionId, []);
  return { needsUpdate: true, hasGroup: false };
}

/** What managers keep up by themselves; upstream deletes it here, which restarts their services. */
function managerFiles({ managers }: GridContext, partitionId: string): readonly string[] {
  return managers.flatMap(({ groupSuffix }) =>
    groupSuffix === undefined ? [] : [`${partitionId}-${groupSuffix}.conf`],
  );
}

async function removeStaleFiles(
  folder: OwnedFolder,
  partitionId: string,
  kept: readonly string[],
): Promise<void> {
  const names = await folder.list('');
  const stale = names.filter((name) => {
    return !kept.includes(name) && isPartitionServiceFile(name, partitionId);
  });
  for (const name of stale) await folder.remove(name);
}

async function renderPartitionGroup(partition: Partition): Promise<string | undefined> {
  const { folder, id, log, owner } = partition;
  const [runNames, serviceNames] = await Promise.all([
    listEntries(partition, 'etc/run'),
    listEntries(partition, 'etc/service'),
  ]);
  const refused = refusedServiceNames([...runNames, ...serviceNames]);
  warnOfFirst(
    log,
    refused.map(
      (name) => `Service ${JSON.stringify(name)} of ${id} has an unsafe name, ignoring it.`,
    ),
    (count) => `${count} more services of ${id} have unsafe names, ignoring them.`,
  );
  return renderServiceGroup({
    partitionId: id,
    folder: folder.path,
    uid: owner.uid,
    gid: owner.gid,
    userName: owner.name,
    home: owner.home,
    runNames,
    serviceNames,
  });
}

/** Names in a folder of the partition; something else that stands there counts as empty. */
async function listEntries(partition: Partition, path: string): Promise<readonly string[]> {
  const { folder, log } = partition;
  try {
    const names = await folder.list(path);
    if (names.length <= MOST_SERVICES) return names;
    log.error(
      `${folder.path}/${path} holds ${names.length} services: only the first ${MOST_SERVICES} are started.`,
    );
    return names.slice(0, MOST_SERVICES);
  } catch (error) {
    // Any other failure says nothing about the services: they must not be stopped for it.
    if (errorCode(error) !== 'SLAPOS_ERR_UNSAFE_PATH') throw error;
    log.warning(`${errorMessage(error)} Its entries are not started.`);
    return [];
  }
}
