/** One pass of `node software`: every release of the Master's document (spec/grid.md 5). */
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import { describeFailure } from '../grid/describe-failure.ts';
import { eachManager } from '../grid/manager.ts';
import { ownedBy } from '../grid/owner.ts';
import type { SlapComputer } from '../slap/master.ts';
import { installSoftware } from './install.ts';
import { listGarbage, planSoftware, renderCompleted, type SoftwareStep } from './release.ts';

const COMPLETED = '.completed';
/** What takes time, in the words of the progress bar. */
const VERBS = { build: 'installing', keep: undefined, destroy: 'removing' } as const;

/**
 * @returns 0, or 1 when at least one release failed.
 * @throws MasterError when the Master cannot be reached for the document.
 */
export async function runSoftware(context: GridContext): Promise<number> {
  const { log, options } = context;
  log.info('Processing software releases...');
  const computer = await context.master.getFullComputerInformation(options.computerId);
  const completed = await listCompleted(context);
  const steps = planSoftware(computer.softwareReleases, options.softwareRoot, options, (path) =>
    completed.has(path),
  );
  const total = steps.filter(({ kind }) => VERBS[kind] !== undefined).length;
  let exitCode = 0;
  let done = 0;
  for (const step of steps) {
    const verb = VERBS[step.kind];
    if (verb !== undefined) {
      context.progress({ done, total, label: `${verb} ${step.url}` });
      done += 1;
    }
    if (!(await applyStep(context, step))) exitCode = 1;
  }
  if (options.isGarbageCollect) await collectGarbage(context, computer);
  log.info('Finished software releases.');
  return exitCode;
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

/** @returns false when the release failed; the others go on. */
async function applyStep(context: GridContext, step: SoftwareStep): Promise<boolean> {
  const { url } = step;
  try {
    await eachManager(context, (manager) => manager.software?.(context, step));
    if (step.kind === 'build') await buildStep(context, step);
    else if (step.kind === 'destroy') await destroyStep(context, step);
    else context.log.debug(`Software release ${url} is already built.`);
    await eachManager(context, (manager) => manager.softwareTearDown?.(context, step));
    return true;
  } catch (error) {
    if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') throw error;
    await reportFailure(context, url, error);
    return false;
  }
}

async function buildStep(context: GridContext, { path, url }: SoftwareStep): Promise<void> {
  const { host, log, master, options } = context;
  log.info(`Installing software release ${url}...`);
  await master.reportBuildingSoftware(url, options.computerId).catch((error: unknown) => {
    if (errorCode(error) !== 'SLAPOS_ERR_MASTER_NOT_FOUND') throw error;
  });
  const folder = host.openFolder(options.softwareRoot, nameOf(context, path));
  await folder.remove(COMPLETED);
  await installSoftware(context, url, path);
  await master.reportAvailableSoftware(url, options.computerId);
  const owner = await host.ownerOf(options.softwareRoot);
  const text = renderCompleted(context.now());
  await folder.write(COMPLETED, text, ownedBy(host, owner, 0o644));
  log.info(`Software release ${url} is installed.`);
}

async function destroyStep(context: GridContext, { path, url }: SoftwareStep): Promise<void> {
  const { host, log, master, options } = context;
  log.info(`Destroying software release ${url}...`);
  await host.openFolder(options.softwareRoot).remove(nameOf(context, path));
  await master.reportDestroyedSoftware(url, options.computerId);
  log.info(`Software release ${url} is destroyed.`);
}

function nameOf(context: GridContext, path: string): string {
  return path.slice(context.options.softwareRoot.length + 1);
}

async function reportFailure(context: GridContext, url: string, error: unknown): Promise<void> {
  const { log, master, options } = context;
  log.error(`Software release ${url} failed: ${describeFailure(error)}`, {
    event: 'software.failed',
    code: errorCode(error),
  });
  await master
    .reportSoftwareError(url, options.computerId, errorMessage(error))
    .catch((cause: unknown) => {
      log.warning(`The Master was not told: ${errorMessage(cause)}, ignoring`);
    });
}

async function collectGarbage(context: GridContext, computer: SlapComputer): Promise<void> {
  const { host, log, options } = context;
  const root = host.openFolder(options.softwareRoot);
  const names: string[] = [];
  for (const name of await root.list('.')) {
    const profile = await root.stat(`${name}/buildout.cfg`).catch(() => undefined);
    if (profile !== undefined) names.push(name);
  }
  for (const name of listGarbage(names, computer.softwareReleases)) {
    log.info(`Removing ${root.path}/${name}, which no software release uses.`);
    await root.remove(name).catch((error: unknown) => {
      log.error(`${root.path}/${name} cannot be removed: ${errorMessage(error)}`);
    });
  }
}
