/**
 * Second half of a pass over one partition, when the supervisor knows the new services: start them,
 * check the promises, tell the Master, remember the timestamp (spec/grid.md 7.2.7 to 7.2.12).
 */
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import { describeFailure } from '../grid/describe-failure.ts';
import { withTearDown } from '../grid/manager.ts';
import { runPromises } from '../promise/run-promises.ts';
import { writeErrorLog } from './error-log.ts';
import { interrupted, tellInterruption } from './interruption.ts';
import { isMasterLost, notifyError, notifyStarted, notifyStopped } from './notify.ts';
import type { Partition } from './partition.ts';
import type { PreparedPartition } from './prepare-partition.ts';
import { promiseCheck } from './promise-check.ts';
import type { ServiceSupervisor } from './service-supervisor.ts';
import type { PartitionOutcome } from './summary.ts';
import { rememberTimestamp } from './timestamp.ts';
import { endTransaction } from './transaction.ts';

/** @param openSupervisor connects on first use; rejects when the services could not be changed. */
export async function finishPartition(
  context: GridContext,
  prepared: PreparedPartition,
  openSupervisor: () => Promise<ServiceSupervisor>,
): Promise<PartitionOutcome> {
  const { partition } = prepared;
  try {
    await withTearDown(context, partition, () =>
      settlePartition(context, prepared, openSupervisor),
    );
    await rememberSuccess(context, partition);
    return { kind: 'success' };
  } catch (error) {
    return await judgeFailure(context, partition, error);
  } finally {
    await prepared.instanceLog?.close();
  }
}

async function settlePartition(
  context: GridContext,
  prepared: PreparedPartition,
  openSupervisor: () => Promise<ServiceSupervisor>,
): Promise<void> {
  const { error, partition, services } = prepared;
  if (context.signal.aborted) throw interrupted();
  if (services.needsUpdate || services.hasGroup) {
    const supervisor = await openSupervisor();
    if (services.hasGroup && !(await supervisor.startGroup(partition.id))) {
      partition.log.warning(`Nothing to start on ${partition.id}.`);
    }
  }
  if (error !== undefined) throw error;
  const { requestedState } = partition.wish;
  if (requestedState === 'destroyed') await context.firewall?.remove(context, partition);
  else await context.firewall?.apply(context, partition);
  if (requestedState === 'started') await confirmStarted(context, partition);
  else await tellStopped(context, partition);
  if (requestedState !== 'destroyed') await endTransaction(context, partition);
}

async function confirmStarted(context: GridContext, partition: Partition): Promise<void> {
  if (context.options.isForceStop) return;
  await checkPromises(context, partition);
  await notifyStarted(context, partition.masterId);
}

async function tellStopped(context: GridContext, partition: Partition): Promise<void> {
  await notifyStopped(context, partition.masterId).catch((error: unknown) => {
    partition.log.warning(`The Master was not told: ${errorMessage(error)}, ignoring`);
  });
}

async function checkPromises(context: GridContext, partition: Partition): Promise<void> {
  await runPromises(context, promiseCheck(context, partition, 'test'));
}

/** Services that were stopped by force are to come back with the next ordinary pass. */
async function rememberSuccess(context: GridContext, partition: Partition): Promise<void> {
  if (context.options.isForceStop && partition.wish.requestedState === 'started') return;
  await rememberTimestamp(context, partition);
}

async function judgeFailure(
  context: GridContext,
  partition: Partition,
  error: unknown,
): Promise<PartitionOutcome> {
  if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') {
    await tellInterruption(context, partition);
    return { kind: 'interrupted' };
  }
  if (errorCode(error) === 'SLAPOS_ERR_PROMISE_FAILED') {
    return reportFailure(context, partition, 'promise', error);
  }
  // The instance itself did not fail: no error log, nothing to tell and nobody to tell it to.
  if (isMasterLost(error)) return { kind: 'offline', message: errorMessage(error) };
  await recordFailure(context, partition, error);
  return reportFailure(context, partition, 'failure', error);
}

/** Keeps the text of the failure and refreshes the results of the promises of a started instance. */
async function recordFailure(
  context: GridContext,
  partition: Partition,
  error: unknown,
): Promise<void> {
  const isStarted = partition.wish.requestedState === 'started';
  for (const work of [
    () => writeErrorLog(context, partition, errorMessage(error)),
    () => (isStarted ? checkPromises(context, partition) : undefined),
  ]) {
    try {
      await work();
    } catch (other) {
      // What made the instance fail matters more than what that failure brought about.
      if (errorCode(other) === 'SLAPOS_ERR_CANCELLED') throw other;
      if (errorCode(other) === 'SLAPOS_ERR_PROMISE_FAILED') continue;
      partition.log.warning(`${errorMessage(other)} Ignoring: the instance failed before.`);
    }
  }
}

async function reportFailure(
  context: GridContext,
  partition: Partition,
  kind: 'promise' | 'failure',
  error: unknown,
): Promise<PartitionOutcome> {
  const message = errorMessage(error);
  partition.log.error(describeFailure(error), {
    event: `instance.${kind}`,
    partition: partition.id,
    code: errorCode(error),
  });
  await notifyError(context, partition.masterId, message);
  return { kind, message: describeFailure(error) };
}
