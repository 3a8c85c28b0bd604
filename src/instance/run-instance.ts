/** One pass of `node instance` (spec/grid.md 7). */
import { errorCode, errorMessage, MasterError } from '../errors/slapos-error.ts';
import { createSlots, type Slots } from '../grid/bounded.ts';
import type { GridContext } from '../grid/context.ts';
import type { SlapPartition } from '../slap/master.ts';
import { createBatches, type OpenSupervisor, type Seat } from './batches.ts';
import { findSettled } from './find-settled.ts';
import { finishPartition } from './finish-partition.ts';
import { interrupted } from './interruption.ts';
import { completePartition, loadPartitions } from './load-partitions.ts';
import { isMasterLost, notifyError } from './notify.ts';
import { runOffline } from './offline.ts';
import { openPartition, textParameter } from './partition.ts';
import { lockPartition } from './partition-lock.ts';
import { type PreparedPartition, type Start, startPartition } from './prepare-partition.ts';
import { exitStatus, logSummary, type PartitionOutcome, type PartitionReport } from './summary.ts';
import { forgetTimestamp } from './timestamp.ts';
import { withToldStates } from './told-states.ts';

/** What the partitions of a pass share. */
interface Pass {
  readonly context: GridContext;
  /** Those that are processed in full, until they are prepared. */
  readonly inInstallation: Slots;
  /** Those that are up to date. */
  readonly inWatch: Slots;
  /** Those that are prepared: slots of their own, so that no promise of another delays them. */
  readonly inFinish: Slots;
  /** Those that compute. */
  readonly inBuild: Slots;
  readonly reserve: () => Seat;
  readonly tally: Tally;
  /** Once the Master is lost the partitions not begun yet are left as they are. */
  isLost: boolean;
}

/** A partition's way through the pass. */
interface Way {
  wish: SlapPartition;
  release: () => void;
  seat: Seat | undefined;
  isPrepared: boolean;
}

/**
 * Partitions are installed in parallel, then their services change in one update, then each is
 * finished in parallel; installations that take long are left to a later update. Those that are up to
 * date are watched beside that. No failure of one stops another.
 * @returns 0, 1 failure, 2 only promises failed, 3 offline but services started.
 * @throws UsageError for unknown partitions, MasterError other than unreachable, CancelledError.
 */
export function runInstance(context: GridContext, openSupervisor: OpenSupervisor): Promise<number> {
  return withToldStates(context, (telling) => runPass(telling, openSupervisor));
}

async function runPass(context: GridContext, openSupervisor: OpenSupervisor): Promise<number> {
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
  const reports = await passAll(context, wishes, openSupervisor);
  if (context.signal.aborted) throw interrupted();
  logSummary(log, reports);
  const lost = reports.find((report) => report.outcome.kind === 'offline');
  if (lost === undefined || !('message' in lost.outcome)) return exitStatus(reports);
  log.error(`Partition ${lost.partitionId}: ${lost.outcome.message}`);
  return runOffline(context, openSupervisor);
}

async function passAll(
  context: GridContext,
  wishes: readonly SlapPartition[],
  openSupervisor: OpenSupervisor,
): Promise<readonly PartitionReport[]> {
  const { settled, upToDate } = await findSettled(context, wishes).catch((error: unknown) => {
    context.log.debug(`${errorMessage(error)} Ignoring: each partition is looked at by itself.`);
    return { settled: new Map<string, number>(), upToDate: new Set<string>() };
  });
  const pass = openPass(context, wishes.length, openSupervisor);
  // Every seat is reserved before the first is taken, so that the first batch waits for all of them.
  const works = wishes.map((wish) => {
    const id = wish.partitionId;
    const way: Way = { wish, release: () => {}, seat: undefined, isPrepared: false };
    const quiet = settled.get(id);
    if (quiet !== undefined) return () => travel(pass, way, async () => passBy(context, id, quiet));
    if (upToDate.has(id)) return () => travel(pass, way, () => watchFirst(pass, way));
    way.seat = pass.reserve();
    return () => travel(pass, way, () => installFirst(pass, way));
  });
  return Promise.all(works.map((work) => work()));
}

function openPass(context: GridContext, total: number, openSupervisor: OpenSupervisor): Pass {
  const { jobs, options, watches = jobs } = context;
  const inInstallation = createSlots(watches);
  // A debugger owns the terminal: one at a time.
  const isAlone = options.isBuildoutDebug;
  return {
    context,
    inInstallation,
    inWatch: isAlone ? inInstallation : createSlots(watches),
    inFinish: isAlone ? inInstallation : createSlots(watches),
    inBuild: createSlots(jobs),
    reserve: createBatches(openSupervisor, context.signal),
    tally: createTally(context, total),
    isLost: false,
  };
}

interface Tally {
  prepared(): void;
  finished(): void;
}

/** Tells how many are prepared until all of them are, and then how many are finished. */
function createTally({ progress }: GridContext, total: number): Tally {
  let prepared = 0;
  let finished = 0;
  const show = () => {
    if (prepared < total) progress({ done: prepared, total, label: 'partitions prepared' });
    else progress({ done: finished, total, label: 'partitions finished' });
  };
  show();
  return {
    prepared() {
      prepared += 1;
      if (prepared === total) progress({ done: total, total, label: 'partitions prepared' });
      show();
    },
    finished() {
      finished += 1;
      if (prepared === total) show();
    },
  };
}

/** Does a partition's work, whatever comes of it. */
async function travel(
  pass: Pass,
  way: Way,
  work: () => Promise<PartitionOutcome>,
): Promise<PartitionReport> {
  try {
    const outcome = await work().catch((error: unknown) => judge(pass, way, error));
    if (outcome.kind === 'offline') pass.isLost = true;
    const softwareType = textParameter(way.wish, 'slap_software_type');
    return { partitionId: way.wish.partitionId, softwareType, outcome };
  } finally {
    way.release();
    way.seat?.giveUp();
    if (!way.isPrepared) pass.tally.prepared();
    pass.tally.finished();
  }
}

/** Nothing is to be done for it. */
function passBy({ log }: GridContext, id: string, quiet: number): PartitionOutcome {
  const own = log.child(`slapos.${id}`);
  own.debug(`Partition ${id} is up to date.`);
  if (quiet > 0) own.info(`${quiet} promises didn't need to be checked.`);
  return { kind: 'success' };
}

/** For a partition that has to be processed in full, as far as can be seen. */
async function installFirst(pass: Pass, way: Way): Promise<PartitionOutcome> {
  const next = await pass.inInstallation(async () => {
    const start = await begin(pass, way);
    return start.kind === 'full' ? build(pass, start) : start.watch;
  });
  if (typeof next !== 'function') return finish(pass, way, next);
  way.seat?.giveUp();
  return pass.inWatch(next);
}

/** For a partition that is up to date, as far as can be seen. */
async function watchFirst(pass: Pass, way: Way): Promise<PartitionOutcome> {
  const seen = await pass.inWatch(async () => {
    const start = await begin(pass, way);
    return start.kind === 'full' ? start : start.watch();
  });
  if (seen.kind !== 'full') return seen;
  way.seat = pass.reserve();
  return finish(pass, way, await pass.inInstallation(() => build(pass, seen)));
}

/** Takes the lock of the partition and decides what is to be done. */
async function begin(pass: Pass, way: Way): Promise<Start> {
  const { context } = pass;
  mayGoOn(pass);
  way.release = await lockPartition(context, way.wish.partitionId);
  way.wish = await completePartition(context, way.wish);
  return startPartition(context, await openPartition(context, way.wish));
}

function build(pass: Pass, { prepare }: Start & { kind: 'full' }): Promise<PreparedPartition> {
  return pass.inBuild(async () => {
    mayGoOn(pass);
    const prepared = await prepare();
    if (isMasterLost(prepared.error)) pass.isLost = true;
    return prepared;
  });
}

function mayGoOn({ context, isLost }: Pass): void {
  if (context.signal.aborted) throw interrupted();
  if (!isLost) return;
  throw new MasterError('SLAPOS_ERR_MASTER_UNAVAILABLE', 'The Master went away meanwhile.');
}

async function finish(
  { context, inFinish, reserve, tally }: Pass,
  way: Way,
  prepared: PreparedPartition,
): Promise<PartitionOutcome> {
  tally.prepared();
  way.isPrepared = true;
  way.seat ??= reserve();
  const openSupervisor = await way.seat.take(prepared.services.needsUpdate);
  return inFinish(() => finishPartition(context, prepared, openSupervisor));
}

/** A failure before the partition could be processed at all. */
async function judge({ context }: Pass, { wish }: Way, error: unknown): Promise<PartitionOutcome> {
  if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') return { kind: 'interrupted' };
  const message = errorMessage(error);
  if (isMasterLost(error)) return { kind: 'offline', message };
  const { partitionId } = wish;
  context.log.error(`Partition ${partitionId}: ${message}`, { code: errorCode(error) });
  await forgetTimestamp(context, partitionId);
  await notifyError(context, { computerId: context.options.computerId, partitionId }, message);
  return { kind: 'failure', message };
}
