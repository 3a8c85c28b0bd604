/** Checks the promises of one partition (spec/promise.md 6). */
import { errorMessage, PromiseFailed } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import { ownedBy } from '../grid/owner.ts';
import type { Logger } from '../log/logger.ts';
import { LEGACY_FOLDER, type LegacyPromise, observePromises, STATE_FOLDER } from './observe.ts';
import { limitMessage } from './promise-result.ts';
import { type PromisePlace, runPromise } from './run-promise.ts';
import { decidePromise, type PromiseMode } from './schedule.ts';

export interface PromiseCheck extends PromisePlace {
  readonly partitionId: string;
  readonly mode: PromiseMode;
  readonly isForced: boolean;
  readonly log: Logger;
}

/** Files of older versions, which every launch deletes. */
const OBSOLETE = [
  ...['promise_stats.json', 'promise_status.json', 'global.json', 'public.json', 'history'],
];
const OBSOLETE_SUFFIXES = ['.timestamp', '.periodicity'];

/**
 * Runs what is due, saves the results and judges all of them.
 * @throws PromiseFailed for the first failing promise in order of names.
 */
export async function runPromises(context: GridContext, check: PromiseCheck): Promise<void> {
  const observed = await observePromises(context.host, check.folder);
  warnAbout(check, observed.badPaths, observed.plugins);
  if (observed.promises.length === 0) return;
  await prepareFolders(context, check);
  const failures: PromiseFailed[] = [];
  let skipped = 0;
  for (const promise of observed.promises) {
    const outcome = await checkPromise(context, check, promise);
    if (outcome.isSkipped) skipped += 1;
    if (outcome.failure !== undefined) failures.push(toFailure(promise.name, outcome.failure));
  }
  if (skipped > 0) check.log.info(`${skipped} promises didn't need to be checked.`);
  const [first] = failures;
  if (first !== undefined) throw first;
}

function warnAbout(
  { log, partitionId }: PromiseCheck,
  badPaths: readonly string[],
  plugins: readonly string[],
): void {
  for (const path of badPaths) log.warning(`Bad promise file at '${path}'.`);
  if (plugins.length === 0) return;
  log.warning(
    `${plugins.length} Python plugin promises of ${partitionId} are not available yet: only executables in ${LEGACY_FOLDER} are checked.`,
    { event: 'promise.plugins_not_available', partition: partitionId, plugins },
  );
}

async function checkPromise(
  context: GridContext,
  check: PromiseCheck,
  promise: LegacyPromise,
): Promise<{ readonly isSkipped: boolean; readonly failure: string | undefined }> {
  const { log } = check;
  const decision = decidePromise({
    ...promise,
    mode: check.mode,
    isForced: check.isForced,
    now: context.now().getTime() / 1000,
  });
  if (decision.action === 'skip') {
    if (decision.failure !== undefined) log.error(decision.failure);
    return { isSkipped: true, failure: decision.failure };
  }
  log.info(`Checking promise ${promise.name}...`);
  const result = await runPromise(context, check, promise, check.mode);
  const message = limitMessage(result.message);
  if (result.hasFailed) log.error(message);
  else log.info(message);
  return { isSkipped: false, failure: result.hasFailed ? message : undefined };
}

function toFailure(name: string, message: string): PromiseFailed {
  return new PromiseFailed(`Promise '${name}' failed with output: ${message}`);
}

async function prepareFolders(context: GridContext, check: PromiseCheck): Promise<void> {
  const { folder, owner } = check;
  const ownership = ownedBy(context.host, owner, 0o700);
  for (const path of [
    '.slapgrid',
    STATE_FOLDER,
    `${STATE_FOLDER}/result`,
    `${STATE_FOLDER}/cache`,
    `${STATE_FOLDER}/log`,
  ]) {
    await folder.makeFolder(path, ownership);
  }
  const names = await folder.list(STATE_FOLDER);
  const obsolete = names.filter(
    (name) => OBSOLETE.includes(name) || OBSOLETE_SUFFIXES.some((suffix) => name.endsWith(suffix)),
  );
  for (const name of obsolete) {
    await folder.remove(`${STATE_FOLDER}/${name}`).catch((error: unknown) => {
      check.log.debug(`${errorMessage(error)}, ignoring`);
    });
  }
}
