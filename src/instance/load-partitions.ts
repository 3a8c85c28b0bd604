/** From the Master's document to the partitions that a pass works on (spec/grid.md 7.1.5, 7.1.6). */
import { errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import { openKeptDocument } from '../grid/kept-document.ts';
import type { SlapPartition } from '../slap/master.ts';
import { keepAnswer } from './kept-answer.ts';
import { notifyError } from './notify.ts';
import { checkPartitionId, isPartitionId, partitionPath } from './partition.ts';
import { isFreePartition, listLeftovers, selectPartitions } from './select.ts';
import { forgetTimestamp } from './timestamp.ts';

/**
 * Fetches the document, applies `--only`, tidies free partitions and drops what cannot be processed.
 * @param tidies false for `node promise`, which changes nothing
 */
export async function loadPartitions(
  context: GridContext,
  tidies: boolean,
): Promise<readonly SlapPartition[]> {
  const { master, options } = context;
  const memory = openKeptDocument(context, tidies);
  const computer = await master.getFullComputerInformation(options.computerId, memory);
  // A Master that says what it knows of some has heard nothing of the others.
  if (computer.partitions.some(({ accessStatus }) => accessStatus !== null)) {
    context.told?.disbelieve();
  }
  if (tidies) await keepAnswer(context, computer);
  const chosen = selectPartitions(computer.partitions, options.only);
  const plain = await findPlain(context, chosen);
  const kept: SlapPartition[] = [];
  for (const partition of chosen) {
    const isUsed = plain.has(partition)
      ? !isFreePartition(partition)
      : await isUsable(context, partition, tidies);
    if (isUsed) kept.push(partition);
  }
  return kept;
}

/** Partitions with a folder in which nothing is to be tidied, by one look at all of them. */
async function findPlain(
  { host, options }: GridContext,
  partitions: readonly SlapPartition[],
): Promise<ReadonlySet<SlapPartition>> {
  const named = partitions.filter(({ partitionId }) => isPartitionId(partitionId));
  const free = named.filter(isFreePartition);
  const { folders, targets } = await host.look(options.instanceRoot, {
    targets: named.map(({ partitionId }) => partitionId),
    folders: free.map(({ partitionId }) => partitionId),
  });
  const leftovers = new Map(
    free.map((partition, index) => {
      const names = folders[index];
      return [partition, typeof names === 'object' ? listLeftovers(names) : undefined];
    }),
  );
  return new Set(
    named.filter((partition, index) => {
      const target = targets[index];
      const isThere = typeof target === 'object' && target.kind === 'directory';
      return isThere && (!leftovers.has(partition) || leftovers.get(partition)?.length === 0);
    }),
  );
}

async function isUsable(
  context: GridContext,
  partition: SlapPartition,
  tidies: boolean,
): Promise<boolean> {
  const { host, log, options } = context;
  const { partitionId } = partition;
  try {
    checkPartitionId(partitionId);
    const path = partitionPath(options.instanceRoot, partitionId);
    if ((await host.statHome(path))?.kind !== 'directory') {
      throw new Error(`${path} does not exist.`);
    }
    if (!isFreePartition(partition)) return true;
    if (tidies) await tidyFreePartition(context, partitionId, path);
    return false;
  } catch (error) {
    log.error(`Partition ${partitionId}: ${errorMessage(error)}`);
    const id = { computerId: options.computerId, partitionId };
    if (!tidies) return false;
    await forgetTimestamp(context, partitionId);
    await notifyError(context, id, errorMessage(error));
    return false;
  }
}

async function tidyFreePartition(
  context: GridContext,
  partitionId: string,
  path: string,
): Promise<void> {
  const folder = context.host.openFolder(path);
  await folder.remove('.slapgrid');
  await folder.remove('.timestamp');
  // What cannot even be listed is no empty folder.
  const names = await folder.list('').catch(() => [path]);
  if (listLeftovers(names).length === 0) return;
  context.log.warning(`Free partition ${partitionId} contains file(s) in ${path}.`);
}

/** The partition with its parameters, asked for apart when the document had none. */
export async function completePartition(
  context: GridContext,
  partition: SlapPartition,
): Promise<SlapPartition> {
  if (partition.parameters !== null && partition.requestedState !== '') return partition;
  const { partitionId } = partition;
  const { computerId } = context.options;
  const full = await context.master.registerComputerPartition({ computerId, partitionId });
  return { ...full, accessStatus: partition.accessStatus ?? full.accessStatus };
}
