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

const LOST = new Set([
  'SLAPOS_ERR_MASTER_UNAVAILABLE',
  'SLAPOS_ERR_MASTER_UNAUTHENTICATED',
  'SLAPOS_ERR_MASTER_REFUSED',
]);

/**
 * Whether an error means that the Master went away, so that the node goes on without it: no answer,
 * or any HTTP status of failure but 404 and 408 (spec/slap-protocol.md 3, spec/grid.md 7.2.12).
 */
export function isMasterLost(error: unknown): boolean {
  return LOST.has(errorCode(error));
}
