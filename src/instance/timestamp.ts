/** `.timestamp`: the Master's timestamp of the last success of a partition (spec/grid.md 13). */
import { errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import { ownedBy } from '../grid/owner.ts';
import { checkPartitionId, type Partition, partitionPath } from './partition.ts';

export const TIMESTAMP_FILE = '.timestamp';

/**
 * Remembers a success; none is remembered when that fails. What the success made is on the disk
 * before: after a power cut the kernel would else have the timestamp and none of it.
 */
export async function rememberTimestamp(
  context: GridContext,
  { folder, log, owner, timestamp }: Partition,
): Promise<void> {
  if (timestamp === undefined) return;
  try {
    await context.host.syncFiles([folder.path]);
  } catch (error) {
    // Perhaps of what somebody else wrote: the instance did not fail, the next pass does it again.
    log.error(`${errorMessage(error)} The instance is processed again by the next pass.`);
    await folder.remove(TIMESTAMP_FILE);
    return;
  }
  try {
    await folder.write(TIMESTAMP_FILE, timestamp, ownedBy(context.host, owner, 0o644));
  } catch (error) {
    await folder.remove(TIMESTAMP_FILE).catch(() => {});
    throw error;
  }
}

/** What failed must not look like a success to the next pass, which then tells the Master how it is. */
export async function forgetTimestamp(context: GridContext, partitionId: string): Promise<void> {
  const path = partitionPath(context.options.instanceRoot, partitionId);
  try {
    // The Master's word for it may lead elsewhere.
    checkPartitionId(partitionId);
    await context.host.openFolder(path).remove(TIMESTAMP_FILE);
  } catch (error) {
    context.log.debug(`${path}/${TIMESTAMP_FILE}: ${errorMessage(error)}, ignoring`);
  }
}
