/** A partition that is up to date: only its promises that are due are checked (spec/grid.md 7.2.6). */
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import { runPromises } from '../promise/run-promises.ts';
import type { SlapPartition } from '../slap/master.ts';
import { refreshCertificate } from './certificates.ts';
import { notifyError, notifyStarted } from './notify.ts';
import type { Partition } from './partition.ts';
import { promiseCheck } from './promise-check.ts';
import type { PartitionOutcome } from './summary.ts';
import { failureState, STARTED_STATE } from './told-states.ts';

/**
 * The Master is told only when what it last heard is the contrary, or unknown. Failing promises
 * leave the exit status alone.
 * @throws what kept the Master from being told.
 */
export async function watchPartition(
  context: GridContext,
  partition: Partition,
): Promise<PartitionOutcome> {
  if (partition.wish.requestedState !== 'started' || context.options.isForceStop) {
    return { kind: 'success' };
  }
  const failure = await findAnomaly(context, partition);
  if (isKnownToMaster(context, partition.wish, failure)) return { kind: 'success' };
  return tellMaster(context, partition, failure);
}

/** By what the Master says of the partition; where it says nothing, by what it was last told. */
export function isKnownToMaster(
  { told }: GridContext,
  { accessStatus, partitionId }: SlapPartition,
  failure: string | undefined,
): boolean {
  if (accessStatus !== null) return accessStatus.startsWith('#error') === (failure !== undefined);
  const state = failure === undefined ? STARTED_STATE : failureState(failure);
  return told?.isTold(partitionId, state) ?? false;
}

async function findAnomaly(
  context: GridContext,
  partition: Partition,
): Promise<string | undefined> {
  const { id, log } = partition;
  try {
    await runPromises(context, promiseCheck(context, partition, 'anomaly'));
    return undefined;
  } catch (error) {
    if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') throw error;
    log.error(errorMessage(error), { event: 'instance.anomaly', partition: id });
    return errorMessage(error);
  }
}

async function tellMaster(
  context: GridContext,
  partition: Partition,
  failure: string | undefined,
): Promise<PartitionOutcome> {
  await refreshCertificate(context, partition);
  if (failure === undefined) await notifyStarted(context, partition.masterId);
  else await notifyError(context, partition.masterId, failure);
  return { kind: 'success' };
}
