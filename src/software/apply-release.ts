/** What is done about one release, and what the Master hears of it (spec/grid.md 5). */
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import { describeFailure } from '../grid/describe-failure.ts';
import { eachManager } from '../grid/manager.ts';
import { ownedBy } from '../grid/owner.ts';
import type { InTurn } from '../grid/queue.ts';
import { untilStopped } from '../grid/until-stopped.ts';
import type { Logger } from '../log/logger.ts';
import { buildLogPath, openBuildLog } from './build-log.ts';
import { directoryParameter } from './buildout-arguments.ts';
import { removeRelease } from './clean-up.ts';
import { installSoftware } from './install.ts';
import {
  COMPLETED,
  DOWNLOADED,
  renderCompleted,
  type SoftwareStep,
  softwareHash,
} from './release.ts';

/** How long a node that is told to stop waits for the Master to hear of it. */
const LAST_WORD_MS = 5000;

export type StepOutcome = 'done' | 'failed' | 'cancelled';

/** What the steps of a pass have in common. */
export interface ReleasePass {
  readonly context: GridContext;
  /** Of the node; with several releases at a time the lines are marked. */
  readonly log: (hash: string) => Logger;
  readonly runAlone: InTurn;
}

/** Never rejects: the failure of one release is no concern of the others. */
export async function applyStep(pass: ReleasePass, step: SoftwareStep): Promise<StepOutcome> {
  const { context } = pass;
  if (context.signal.aborted) return 'cancelled';
  const log = pass.log(softwareHash(step.url));
  try {
    await eachManager(context, (manager) => manager.software?.(context, step));
    if (step.kind === 'build') await buildStep(pass, step, log);
    else if (step.kind === 'destroy') await destroyStep(context, step, log);
    else log.debug(`Software release ${step.url} is already built.`);
    await eachManager(context, (manager) => manager.softwareTearDown?.(context, step));
    return 'done';
  } catch (error) {
    if (context.signal.aborted || errorCode(error) === 'SLAPOS_ERR_CANCELLED') {
      await reportInterruption(context, step, log);
      return 'cancelled';
    }
    await reportFailure(context, step, log, error);
    return 'failed';
  }
}

async function buildStep(pass: ReleasePass, step: SoftwareStep, log: Logger): Promise<void> {
  const { context, runAlone } = pass;
  const { host, master, options } = context;
  const { url } = step;
  log.info(`Installing software release ${url}...`);
  const building = master.reportBuildingSoftware(url, options.computerId);
  await untilStopped(context.signal, building).catch((error: unknown) => {
    if (errorCode(error) !== 'SLAPOS_ERR_MASTER_NOT_FOUND') throw error;
  });
  const hash = softwareHash(url);
  const folder = host.openFolder(options.softwareRoot, hash);
  const owner = await host.ownerOf(options.softwareRoot);
  await folder.remove(COMPLETED);
  const buildLog = await openBuildLog(context, { hash, owner, log });
  try {
    await endLeftovers(context, step, buildLog.log);
    await installSoftware(context, url, { log: buildLog.log, runAlone });
  } catch (error) {
    // The node's log has it from the report.
    buildLog.note('ERROR', describeFailure(error));
    throw error;
  } finally {
    await buildLog.close();
  }
  await untilStopped(context.signal, master.reportAvailableSoftware(url, options.computerId));
  // Only now: a build of which the Master does not know is done again.
  const isDownloaded = (await folder.stat(DOWNLOADED)) !== undefined;
  const name = isDownloaded ? DOWNLOADED : COMPLETED;
  // After a power cut there must be no mark without the release.
  const parts = options.sharedPartList.split('\n').map((line) => line.trim());
  await host.syncFiles([folder.path, ...parts.filter((path) => path !== '')]);
  await folder.write(name, renderCompleted(context.now()), ownedBy(host, owner, 0o644));
  if (isDownloaded) await folder.rename(DOWNLOADED, COMPLETED);
  log.info(`Software release ${url} is installed.`);
}

async function destroyStep(context: GridContext, step: SoftwareStep, log: Logger): Promise<void> {
  const { host, master, options } = context;
  const { url } = step;
  const hash = softwareHash(url);
  log.info(`Destroying software release ${url}...`);
  await endLeftovers(context, step, log);
  const root = host.openFolder(options.softwareRoot);
  await removeRelease(root, hash);
  await untilStopped(context.signal, master.reportDestroyedSoftware(url, options.computerId));
  log.info(`Software release ${url} is destroyed.`);
}

/** A build of a run that was killed may still be at work in the folder. */
async function endLeftovers(context: GridContext, step: SoftwareStep, log: Logger): Promise<void> {
  const { host, options } = context;
  const owner = await host.ownerOf(options.softwareRoot);
  const mark = { home: step.path, word: directoryParameter(step.path) };
  const count = await host.endProcessesOf(owner, mark);
  if (count === 0) return;
  const what = count === 1 ? 'a process' : `${count} processes`;
  log.warning(`Killed ${what} that an earlier run left at work in ${step.path}.`);
}

async function reportFailure(
  context: GridContext,
  { kind, url }: SoftwareStep,
  log: Logger,
  error: unknown,
): Promise<void> {
  const { master, options } = context;
  const path = `${options.softwareRoot}/${buildLogPath(softwareHash(url))}`;
  const place = kind === 'build' ? ` (log: ${path})` : '';
  log.error(`Software release ${url} failed: ${describeFailure(error)}${place}`, {
    event: 'software.failed',
    code: errorCode(error),
  });
  await master
    .reportSoftwareError(url, options.computerId, errorMessage(error))
    .catch((cause: unknown) => {
      log.warning(`The Master was not told: ${errorMessage(cause)}, ignoring`);
    });
}

/** The Master hears why it does not get the release, if it listens soon. */
async function reportInterruption(
  context: GridContext,
  { kind, url }: SoftwareStep,
  log: Logger,
): Promise<void> {
  if (kind === 'keep') return;
  const { master, options, signal } = context;
  const reason = signal.aborted ? errorMessage(signal.reason) : 'Interrupted.';
  const text = `${reason} Software release ${url} was not finished; the next run goes on.`;
  log.warning(text, { event: 'software.interrupted' });
  const told = master.reportSoftwareError(url, options.computerId, text);
  const late = new Promise<void>((resolve) => {
    setTimeout(resolve, LAST_WORD_MS).unref();
  });
  await Promise.race([told, late]).catch((cause: unknown) => {
    log.warning(`The Master was not told: ${errorMessage(cause)}, ignoring`);
  });
}
