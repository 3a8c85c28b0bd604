/** One pass of `node promise`: every promise of every started partition, due or not. */
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import { mapBounded } from '../grid/bounded.ts';
import type { GridContext } from '../grid/context.ts';
import { runPromises } from '../promise/run-promises.ts';
import type { SlapPartition } from '../slap/master.ts';
import { completePartition, loadPartitions } from './load-partitions.ts';
import { openPartition, textParameter } from './partition.ts';
import { lockPartition } from './partition-lock.ts';
import { promiseCheck } from './promise-check.ts';
import { logSummary, type PartitionOutcome, type PartitionReport } from './summary.ts';

/**
 * Nothing is installed, started or told to the Master.
 * @returns 0, or 2 when a promise is not kept or could not be checked.
 * @throws MasterError when the Master cannot be reached: there is no offline mode.
 */
export async function runPromisePass(context: GridContext): Promise<number> {
  const { log } = context;
  log.info('Processing promises...');
  const wishes = await loadPartitions(context, false);
  const reports = await mapBounded(wishes, context.watches ?? context.jobs, async (known) => {
    return report(known, await checkPartition(context, known));
  });
  logSummary(log, reports);
  return reports.every(({ outcome }) => outcome.kind === 'success') ? 0 : 2;
}

function report(wish: SlapPartition, outcome: PartitionOutcome): PartitionReport {
  const softwareType = textParameter(wish, 'slap_software_type');
  return { partitionId: wish.partitionId, softwareType, outcome };
}

async function checkPartition(
  context: GridContext,
  known: SlapPartition,
): Promise<PartitionOutcome> {
  let release = () => {};
  try {
    release = await lockPartition(context, known.partitionId);
    const wish = await completePartition(context, known);
    if (wish.requestedState !== 'started') return { kind: 'success' };
    const partition = await openPartition(context, wish);
    partition.log.info(`Checking promises of ${partition.id}...`);
    await runPromises(context, promiseCheck(context, partition, 'test'));
    return { kind: 'success' };
  } catch (error) {
    if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') throw error;
    const message = errorMessage(error);
    context.log.error(`${known.partitionId}: ${message}`);
    return { kind: 'promise', message };
  } finally {
    release();
  }
}
