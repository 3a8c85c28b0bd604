/** One pass of `node report`: consumption out, unwanted partitions freed (spec/grid.md 8). */
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import { mapBounded } from '../grid/bounded.ts';
import type { GridContext } from '../grid/context.ts';
import { loadPartitions } from '../instance/load-partitions.ts';
import { notifyError } from '../instance/notify.ts';
import { openPartition, type Partition } from '../instance/partition.ts';
import { lockPartition } from '../instance/partition-lock.ts';
import type { ServiceSupervisor } from '../instance/service-supervisor.ts';
import type { SlapPartition } from '../slap/master.ts';
import { collectPartitionReports, type PartitionConsumption } from './collect-reports.ts';
import { destroyPartition } from './destroy.ts';
import { postAggregate, postComputerReports } from './post-reports.ts';
import { runReportScripts } from './report-scripts.ts';

interface Collected {
  readonly consumption: PartitionConsumption | undefined;
  readonly hasFailed: boolean;
}

/**
 * @returns 0, or 1 when a script or a destruction failed.
 * @throws MasterError when the Master cannot be reached for the document.
 */
export async function runReport(
  context: GridContext,
  openSupervisor: () => Promise<ServiceSupervisor>,
): Promise<number> {
  const { log } = context;
  log.info('Collecting consumption reports...');
  const wishes = await loadPartitions(context, true);
  const collected = await mapBounded(wishes, context.jobs, (wish) =>
    withPartition(context, wish, (partition) => collect(context, partition)),
  );
  let hasFailed = collected.some((each) => each === undefined || each.hasFailed);
  if (!(await postComputerReports(context))) hasFailed = true;
  const unsent = await postAggregate(context, listConsumption(collected));
  if (unsent.size > 0) hasFailed = true;
  const destroyed = selectDestroyed(context, wishes, unsent);
  const isGone = await mapBounded(destroyed, context.jobs, (wish) =>
    withPartition(context, wish, (partition) => destroy(context, partition, openSupervisor)),
  );
  if (isGone.some((each) => each !== true)) hasFailed = true;
  log.info('Finished usage reports.');
  return hasFailed ? 1 : 0;
}

/** Works on a locked partition. @returns undefined when it failed, which was told already. */
async function withPartition<Result>(
  context: GridContext,
  wish: SlapPartition,
  work: (partition: Partition) => Promise<Result>,
): Promise<Result | undefined> {
  const { options } = context;
  const { partitionId } = wish;
  let release = () => {};
  try {
    release = await lockPartition(context, partitionId);
    return await work(await openPartition(context, wish));
  } catch (error) {
    if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') throw error;
    context.log.error(`Partition ${partitionId}: ${errorMessage(error)}`);
    // Another run that works on it is no fault of the partition.
    if (errorCode(error) === 'SLAPOS_ERR_BUSY') return undefined;
    const id = { computerId: options.computerId, partitionId };
    await notifyError(context, id, errorMessage(error));
    return undefined;
  } finally {
    release();
  }
}

async function collect(context: GridContext, partition: Partition): Promise<Collected> {
  const failures = await runReportScripts(context, partition);
  if (failures.length > 0) await notifyError(context, partition.masterId, failures.join('\n'));
  return {
    consumption: await collectPartitionReports(context, partition),
    hasFailed: failures.length > 0,
  };
}

function listConsumption(
  collected: ReadonlyArray<Collected | undefined>,
): readonly PartitionConsumption[] {
  return collected.map((each) => each?.consumption).filter((each) => each !== undefined);
}

/** A partition whose last consumption is not told yet keeps its files for the next run. */
function selectDestroyed(
  { log }: GridContext,
  wishes: readonly SlapPartition[],
  unsent: ReadonlySet<string>,
): readonly SlapPartition[] {
  const destroyed = wishes.filter((wish) => wish.requestedState === 'destroyed');
  for (const { partitionId } of destroyed.filter((wish) => unsent.has(wish.partitionId))) {
    log.warning(`Partition ${partitionId} is not destroyed before its consumption is reported.`);
  }
  return destroyed.filter((wish) => !unsent.has(wish.partitionId));
}

async function destroy(
  context: GridContext,
  partition: Partition,
  openSupervisor: () => Promise<ServiceSupervisor>,
): Promise<boolean> {
  const isFree = await destroyPartition(context, partition, openSupervisor);
  if (isFree) partition.log.info(`Partition ${partition.id} is free.`);
  return true;
}
