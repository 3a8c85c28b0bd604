/** One pass of `node software`: every release of the Master's document (spec/grid.md 5). */
import { CancelledError } from '../errors/slapos-error.ts';
import { mapBounded } from '../grid/bounded.ts';
import type { GridContext } from '../grid/context.ts';
import { openKeptDocument } from '../grid/kept-document.ts';
import { createQueue } from '../grid/queue.ts';
import { untilStopped } from '../grid/until-stopped.ts';
import { applyStep, type ReleasePass, type StepOutcome } from './apply-release.ts';
import { markLogger } from './build-log.ts';
import { collectGarbage, removeWorkFolders } from './clean-up.ts';
import { COMPLETED, listUnknown, planSoftware, type SoftwareStep } from './release.ts';

/** What takes time, in the words of the progress bar. */
const VERBS = { build: 'installing', keep: undefined, destroy: 'removing' } as const;

/**
 * @returns 0, or 1 when at least one release failed.
 * @throws MasterError when the Master cannot be reached for the document, CancelledError.
 */
export async function runSoftware(context: GridContext): Promise<number> {
  const { log, options } = context;
  log.info('Processing software releases...');
  const memory = openKeptDocument(context, true);
  const asked = context.master.getFullComputerInformation(options.computerId, memory);
  const computer = await untilStopped(context.signal, asked);
  for (const item of listUnknown(computer.softwareReleases, options.only)) {
    log.warning(`The Master supplies no software release ${item}.`);
  }
  await removeWorkFolders(context, computer.softwareReleases);
  const completed = await listCompleted(context);
  const steps = planSoftware(computer.softwareReleases, options.softwareRoot, options, (path) =>
    completed.has(path),
  );
  const outcomes = await applySteps(context, steps);
  if (outcomes.includes('cancelled')) {
    throw new CancelledError('SLAPOS_ERR_CANCELLED', 'The pass was interrupted.');
  }
  if (options.isGarbageCollect) await collectGarbage(context, computer);
  log.info('Finished software releases.');
  return outcomes.includes('failed') ? 1 : 0;
}

async function applySteps(
  context: GridContext,
  steps: readonly SoftwareStep[],
): Promise<readonly StepOutcome[]> {
  const pass = createPass(context);
  const total = steps.filter(({ kind }) => VERBS[kind] !== undefined).length;
  let done = 0;
  return mapBounded(steps, countJobs(context), async (step) => {
    const verb = VERBS[step.kind];
    if (verb === undefined) return applyStep(pass, step);
    context.progress({ done, total, label: `${verb} ${step.url}` });
    const outcome = await applyStep(pass, step);
    done += 1;
    return outcome;
  });
}

/**
 * How many releases are worked on at a time: one unless asked otherwise, since the builds
 * themselves use all processors.
 */
function countJobs({ options }: GridContext): number {
  return options.isBuildoutDebug ? 1 : (options.jobs ?? 1);
}

/**
 * Two buildouts that install the same shared part at once destroy each other's: where shared parts
 * are configured only one buildout runs at a time, beside the downloads.
 */
function createPass(context: GridContext): ReleasePass {
  const { buildTimePartList, sharedPartList } = context.options;
  const isShared = `${sharedPartList}${buildTimePartList}`.trim() !== '';
  const isMarked = countJobs(context) > 1;
  return {
    context,
    log: (hash) => (isMarked ? markLogger(context.log, hash) : context.log),
    runAlone: isShared ? createQueue() : (work) => work(),
  };
}

async function listCompleted(context: GridContext): Promise<ReadonlySet<string>> {
  const root = context.host.openFolder(context.options.softwareRoot);
  const names = await root.list('.');
  const found = new Set<string>();
  for (const name of names) {
    const status = await root.stat(`${name}/${COMPLETED}`).catch(() => undefined);
    if (status !== undefined) found.add(`${root.path}/${name}`);
  }
  return found;
}
