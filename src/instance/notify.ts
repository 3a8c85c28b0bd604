/** Tells the Master how a partition is. */
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import type { PartitionId } from '../slap/master.ts';
import { failureState, STARTED_STATE } from './told-states.ts';

/** Posts the message of a failure. */
export async function notifyError(
  context: GridContext,
  id: PartitionId,
  text: string,
): Promise<void> {
  try {
    await tell(context, id, failureState(text), () => context.master.reportInstanceError(id, text));
  } catch (error) {
    context.log.warning(
      `The Master was not told about partition ${id.partitionId}: ${errorMessage(error)}, ignoring`,
    );
  }
}

/** @throws MasterError */
export function notifyStarted(context: GridContext, id: PartitionId): Promise<void> {
  return tell(context, id, STARTED_STATE, () => context.master.reportStarted(id));
}

/** @throws MasterError */
export function notifyStopped(context: GridContext, id: PartitionId): Promise<void> {
  return tell(context, id, 'stopped', () => context.master.reportStopped(id));
}

async function tell(
  { told }: GridContext,
  { partitionId }: PartitionId,
  state: string,
  post: () => Promise<void>,
): Promise<void> {
  await told?.forget(partitionId);
  await post();
  told?.remember(partitionId, state);
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
