/** One pass of `node instance` (spec/grid.md 7). */
import { basename } from 'node:path';
import { errorCode, errorMessage, MasterError, SlaposError } from '../errors/slapos-error.ts';
import { createSlots, mapBounded, type Slots } from '../grid/bounded.ts';
import type { GridContext } from '../grid/context.ts';
import type { SlapPartition } from '../slap/master.ts';
import type { GroupProblem } from '../supervisor/update.ts';
import { findSettled } from './find-settled.ts';
import { finishPartition } from './finish-partition.ts';
import { interrupted } from './interruption.ts';
import { completePartition, loadPartitions } from './load-partitions.ts';
import { isMasterLost, notifyError } from './notify.ts';
import { runOffline } from './offline.ts';
import { openPartition, textParameter } from './partition.ts';
import { lockPartition } from './partition-lock.ts';
import { type PreparedPartition, preparePartition } from './prepare-partition.ts';
import type { ServiceSupervisor } from './service-supervisor.ts';
import { exitStatus, logSummary, type PartitionOutcome, type PartitionReport } from './summary.ts';
import { forgetTimestamp } from './timestamp.ts';
import { withToldStates } from './told-states.ts';

/** A partition's way through the pass. */
interface Passage {
  readonly wish: SlapPartition;
  readonly release: () => void;
  readonly outcome: PartitionOutcome | undefined;
  readonly prepared: PreparedPartition | undefined;
}

/**
 * Partitions are installed in parallel, then all changes of services are made in one update, then
 * each partition is finished in parallel. No failure of one stops another.
 * @returns 0, 1 failure, 2 only promises failed, 3 offline but services started.
 * @throws UsageError for unknown partitions, MasterError other than unreachable, CancelledError.
 */
export function runInstance(
  context: GridContext,
  openSupervisor: () => Promise<ServiceSupervisor>,
): Promise<number> {
  return withToldStates(context, (telling) => runPass(telling, openSupervisor));
}

async function runPass(
  context: GridContext,
  openSupervisor: () => Promise<ServiceSupervisor>,
): Promise<number> {
  const { log } = context;
  log.info('Processing computer partitions...');
  let wishes: readonly SlapPartition[];
  try {
    wishes = await loadPartitions(context, true);
  } catch (error) {
    if (!isMasterLost(error)) throw error;
    log.error(errorMessage(error));
    return runOffline(context, openSupervisor);
  }
  const passages = await beginAll(context, wishes);
  const reports = await finishAll(context, passages, openSupervisor);
  if (context.signal.aborted) throw interrupted();
  logSummary(log, reports);
  const isOffline = reports.some((report) => report.outcome.kind === 'offline');
  return isOffline ? runOffline(context, openSupervisor) : exitStatus(reports);
}

/** Once the Master is lost the partitions not begun yet are left as they are. */
async function beginAll(
  context: GridContext,
  wishes: readonly SlapPartition[],
): Promise<readonly Passage[]> {
  const settled = await findSettled(context, wishes).catch((error: unknown) => {
    context.log.debug(`${errorMessage(error)} Ignoring: each partition is looked at by itself.`);
    return new Map<string, number>();
  });
  let lost: PartitionOutcome | undefined;
  const slots = createSlots(context.jobs);
  const inSlot: Slots = (work) =>
    slots(async () => {
      if (context.signal.aborted) throw interrupted();
      if (lost !== undefined) throw lostMaster();
      return work();
    });
  const count = counter(context, wishes.length, 'partitions prepared');
  return mapBounded(wishes, context.watches ?? context.jobs, async (wish) => {
    if (context.signal.aborted) return passed(wish, { kind: 'interrupted' });
    if (lost !== undefined) return passed(wish, lost);
    const quiet = settled.get(wish.partitionId);
    const passage =
      quiet === undefined ? await begin(context, wish, inSlot) : passSettled(context, wish, quiet);
    count();
    if (passage.outcome?.kind === 'offline') lost = passage.outcome;
    else if (isMasterLost(passage.prepared?.error)) lost = { kind: 'offline', message: '' };
    return passage;
  });
}

/** Tells how many are done each time that one more is. */
function counter({ progress }: GridContext, total: number, label: string): () => void {
  let done = 0;
  progress({ done, total, label });
  return () => {
    done += 1;
    progress({ done, total, label });
  };
}

/** A passage that is over. */
function passed(wish: SlapPartition, outcome: PartitionOutcome): Passage {
  return { wish, release: () => {}, outcome, prepared: undefined };
}

/** Nothing is to be done for it. */
function passSettled({ log }: GridContext, wish: SlapPartition, quiet: number): Passage {
  const own = log.child(`slapos.${wish.partitionId}`);
  own.debug(`Partition ${wish.partitionId} is up to date.`);
  if (quiet > 0) own.info(`${quiet} promises didn't need to be checked.`);
  return passed(wish, { kind: 'success' });
}

function lostMaster(): MasterError {
  return new MasterError('SLAPOS_ERR_MASTER_UNAVAILABLE', 'The Master went away meanwhile.');
}

async function begin(context: GridContext, known: SlapPartition, inSlot: Slots): Promise<Passage> {
  let wish = known;
  let release = () => {};
  try {
    release = await lockPartition(context, known.partitionId);
    wish = await completePartition(context, known);
    const partition = await openPartition(context, wish);
    const preparation = await preparePartition(context, partition, inSlot);
    if (preparation.kind === 'full') {
      return { wish, release, outcome: undefined, prepared: preparation.prepared };
    }
    release();
    return passed(wish, preparation.outcome);
  } catch (error) {
    release();
    if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') return passed(wish, { kind: 'interrupted' });
    return passed(wish, await fail(context, wish, error));
  }
}

/** A failure before the partition could be processed at all. */
async function fail(
  context: GridContext,
  wish: SlapPartition,
  error: unknown,
): Promise<PartitionOutcome> {
  const message = errorMessage(error);
  if (isMasterLost(error)) return { kind: 'offline', message };
  const { partitionId } = wish;
  context.log.error(`Partition ${partitionId}: ${message}`, { code: errorCode(error) });
  await forgetTimestamp(context, partitionId);
  await notifyError(context, { computerId: context.options.computerId, partitionId }, message);
  return { kind: 'failure', message };
}

async function finishAll(
  context: GridContext,
  passages: readonly Passage[],
  openSupervisor: () => Promise<ServiceSupervisor>,
): Promise<readonly PartitionReport[]> {
  const needsUpdate = passages.some(({ prepared }) => prepared?.services.needsUpdate);
  const updated = needsUpdate ? updateOnce(openSupervisor) : openSupervisor;
  const count = counter(context, passages.length, 'partitions finished');
  return mapBounded(
    passages,
    context.watches ?? context.jobs,
    async ({ outcome, prepared, release, wish }) => {
      try {
        const final =
          prepared === undefined
            ? (outcome ?? { kind: 'success' })
            : await finishPartition(context, prepared, updated);
        const softwareType = textParameter(wish, 'slap_software_type');
        return { partitionId: wish.partitionId, softwareType, outcome: final };
      } finally {
        release();
        count();
      }
    },
  );
}

/** One update for everybody: the first who needs the supervisor triggers it, all wait for it. */
function updateOnce(
  openSupervisor: () => Promise<ServiceSupervisor>,
): () => Promise<ServiceSupervisor> {
  let updating: Promise<ServiceSupervisor> | undefined;
  const update = async () => {
    const supervisor = await openSupervisor();
    return refusing(supervisor, await supervisor.update());
  };
  return () => {
    updating ??= update();
    return updating;
  };
}

/** Nobody takes services for new whose file the supervisor did not understand. */
function refusing(
  supervisor: ServiceSupervisor,
  problems: readonly GroupProblem[],
): ServiceSupervisor {
  const messages = new Map(problems.map(({ file, message }) => [basename(file, '.conf'), message]));
  return {
    ...supervisor,
    async startGroup(group) {
      const message = messages.get(group);
      if (message === undefined) return supervisor.startGroup(group);
      const text = `The supervisor does not take the services of ${group}: ${message}`;
      throw new SlaposError('SLAPOS_ERR_SUPERVISOR', text);
    },
  };
}
