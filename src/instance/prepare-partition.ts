/**
 * First half of a pass over one partition: decide, and install what has to be. The services change
 * afterwards, for all partitions together; {@link finishPartition} does the rest.
 */

import { errorMessage, SlaposError } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import { eachManager, withTearDown } from '../grid/manager.ts';
import { refreshCertificate } from './certificates.ts';
import { decidePartition } from './decide.ts';
import { errorLogFile } from './error-log.ts';
import { installInstance } from './install.ts';
import { type InstanceLog, openInstanceLog } from './instance-log.ts';
import { observePartition } from './observe.ts';
import type { Partition } from './partition.ts';
import { removeServiceGroup, type ServiceFilesResult, writeServiceFiles } from './service-files.ts';
import type { PartitionOutcome } from './summary.ts';
import { TIMESTAMP_FILE } from './timestamp.ts';
import { transactionFile } from './transaction.ts';
import { watchPartition } from './watch.ts';

/** A partition between the two halves. */
export interface PreparedPartition {
  readonly partition: Partition;
  readonly instanceLog: InstanceLog | undefined;
  readonly services: ServiceFilesResult;
  /** What kept the partition from being installed. */
  readonly error: unknown;
}

/** What is to be done for a partition. */
export type Start =
  | { readonly kind: 'up-to-date'; readonly watch: () => Promise<PartitionOutcome> }
  | { readonly kind: 'full'; readonly prepare: () => Promise<PreparedPartition> };

const UNCHANGED: ServiceFilesResult = { needsUpdate: false, hasGroup: false };

/** @throws what failed before the processing itself began. */
export async function startPartition(context: GridContext, partition: Partition): Promise<Start> {
  await partition.folder.remove(transactionFile(partition.id));
  await eachManager(context, (manager) => manager.instance?.(context, partition));
  const decision = decidePartition(await observePartition(context, partition));
  if (decision.action === 'up-to-date') {
    partition.log.debug(`Partition ${partition.id} is up to date.`);
    const watch = () => watchPartition(context, partition);
    return { kind: 'up-to-date', watch: () => withTearDown(context, partition, watch) };
  }
  return {
    kind: 'full',
    async prepare() {
      if (decision.deletesTimestamp) await partition.folder.remove(TIMESTAMP_FILE);
      return processPartition(context, partition);
    },
  };
}

async function processPartition(
  context: GridContext,
  quiet: Partition,
): Promise<PreparedPartition> {
  const instanceLog = await tryInstanceLog(context, quiet);
  const partition = instanceLog === undefined ? quiet : { ...quiet, log: instanceLog.log };
  try {
    logIntroduction(partition);
    await refreshCertificate(context, partition);
    await partition.folder.remove(errorLogFile(partition.id));
    return { partition, instanceLog, ...(await changeState(context, partition)) };
  } catch (error) {
    return { partition, instanceLog, services: UNCHANGED, error };
  }
}

/** A partition whose disk is full, or that put something else there, can be stopped all the same. */
async function tryInstanceLog(
  context: GridContext,
  partition: Partition,
): Promise<InstanceLog | undefined> {
  try {
    return await openInstanceLog(context, partition);
  } catch (error) {
    partition.log.warning(`${errorMessage(error)} Ignoring: the log of the node has it all.`);
    return undefined;
  }
}

function logIntroduction({ folder, id, log, softwarePath, wish }: Partition): void {
  log.info(`Processing Computer Partition ${id}.`, { event: 'instance.processing', partition: id });
  log.info(`  Software URL: ${wish.softwareReleaseUrl}`);
  log.info(`  Software path: ${softwarePath ?? 'none'}`);
  log.info(`  Instance path: ${folder.path}`);
  log.info(`  Instance status: ${wish.requestedState}`);
}

async function changeState(
  context: GridContext,
  partition: Partition,
): Promise<Pick<PreparedPartition, 'services' | 'error'>> {
  const { requestedState } = partition.wish;
  if (requestedState === 'destroyed') {
    return { services: await removeServiceGroup(context, partition.id), error: undefined };
  }
  if (requestedState === 'stopped') {
    const error = await failureOf(installInstance(context, partition));
    return { services: await removeServiceGroup(context, partition.id), error };
  }
  if (requestedState !== 'started') throw unsupportedState(partition);
  await installInstance(context, partition);
  const change = context.options.isForceStop
    ? removeServiceGroup(context, partition.id)
    : writeServiceFiles(context, partition);
  return { services: await change, error: undefined };
}

async function failureOf(work: Promise<void>): Promise<unknown> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return error;
  }
}

function unsupportedState({ id, wish }: Partition): SlaposError {
  return new SlaposError(
    'SLAPOS_ERR_PARTITION',
    `Computer Partition '${id}' has unsupported state: ${wish.requestedState}`,
  );
}
