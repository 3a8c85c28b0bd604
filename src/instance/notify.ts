/** Tells the Master how a partition is; a Master that cannot be told never stops the pass. */
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import type { PartitionId } from '../slap/master.ts';

export async function notifyError(
  context: GridContext,
  id: PartitionId,
  text: string,
): Promise<void> {
  await context.master.reportInstanceError(id, text).catch((error: unknown) => {
    context.log.warning(
      `The Master was not told about partition ${id.partitionId}: ${errorMessage(error)}, ignoring`,
    );
  });
}

/** Whether an error means that the Master went away, so that the node goes on without it. */
export function isMasterLost(error: unknown): boolean {
  return errorCode(error) === 'SLAPOS_ERR_MASTER_UNAVAILABLE';
}
