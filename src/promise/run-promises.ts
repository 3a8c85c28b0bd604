/** Checks the promises of one partition (spec/promise.md 6). */
import { errorCode, errorMessage, PromiseFailed } from '../errors/slapos-error.ts';
import { mapBounded } from '../grid/bounded.ts';
import type { GridContext } from '../grid/context.ts';
import { bangOnce } from './bang.ts';
import { isOver, type PromiseCheck, type PromiseLaunch } from './check.ts';
import { type ObservedPromise, observePromises } from './observe.ts';
import type { PluginEnd } from './plugin-listener.ts';
import { prepareFolders } from './promise-files.ts';
import { giveUp, runExecutable } from './run-executable.ts';
import { PARALLEL, runJavascriptPlugins, runPythonPlugins } from './run-plugins.ts';
import { decidePromise } from './schedule.ts';

export type { PromiseCheck } from './check.ts';

/** How long promises of one partition may begin in one launch; others wait for it. */
const TOTAL_SECONDS = 600;

/** Messages of failing promises, by promise. */
type Failures = Map<ObservedPromise, string>;

/**
 * Runs what is due, saves the results and judges all of them. Nothing is started when nothing is
 * due.
 * @param totalSeconds promises that have not begun by then count as timed out
 * @throws PromiseFailed for the first failing promise: plugins by name, then executables by name;
 *   SlaposError SLAPOS_ERR_PROMISE_RUNNER when plugins cannot be run at all.
 */
export async function runPromises(
  context: GridContext,
  check: PromiseCheck,
  totalSeconds = TOTAL_SECONDS,
): Promise<void> {
  const { log } = check;
  const { badPaths, promises } = await observePromises(context.host, check.folder, log);
  for (const path of badPaths) log.warning(`Bad promise file at '${path}'.`);
  const failures: Failures = new Map();
  const due = promises.filter((promise) => isDue(context, check, promise, failures));
  const launch = { ...check, deadlineMs: performance.now() + totalSeconds * 1000 };
  if (due.length > 0) await runDue(context, launch, due, failures);
  if (due.length > 0 && isOver(launch)) {
    log.warning(
      `The promises of ${check.partitionId} took more than ${totalSeconds} s: those that had not begun by then count as timed out.`,
      { event: 'promise.total_time', partition: check.partitionId },
    );
  }
  const skipped = promises.length - due.length;
  if (skipped > 0) log.info(`${skipped} promises didn't need to be checked.`);
  const first = promises.find((promise) => failures.has(promise));
  if (first === undefined) return;
  throw new PromiseFailed(
    `Promise '${first.name}' failed with output: ${failures.get(first) ?? ''}`,
  );
}

/** A promise that is not due yet counts by its saved result. */
function isDue(
  context: GridContext,
  { isForced, log, mode }: PromiseCheck,
  promise: ObservedPromise,
  failures: Failures,
): boolean {
  const now = context.now().getTime() / 1000;
  const decision = decidePromise({ ...promise, mode, isForced, now });
  if (decision.action === 'run') return true;
  if (decision.failure !== undefined) {
    log.error(decision.failure);
    failures.set(promise, decision.failure);
  }
  return false;
}

async function runDue(
  context: GridContext,
  check: PromiseLaunch,
  due: readonly ObservedPromise[],
  failures: Failures,
): Promise<void> {
  await prepareFolders(context, check, check.log);
  const ends: PluginEnd[] = [];
  let runnerFailure: unknown;
  for (const wave of splitByTitle(due)) {
    const results = await Promise.allSettled([
      ...runPlugins(context, check, wave, ends),
      runExecutables(context, check, wave, failures),
    ]);
    const reasons = results.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    const cancelled = reasons.find((reason) => errorCode(reason) === 'SLAPOS_ERR_CANCELLED');
    if (cancelled !== undefined) throw cancelled;
    runnerFailure ??= reasons[0];
  }
  const order = new Map(due.map((promise, index) => [promise, index]));
  ends.sort((a, b) => (order.get(a.promise) ?? 0) - (order.get(b.promise) ?? 0));
  for (const end of ends) noteEnd(check, end, failures);
  await bangOnce(context, check, ends);
  if (runnerFailure !== undefined) throw runnerFailure;
}

/** Promises of one title write the same files: they run one after the other. */
export function splitByTitle<Titled extends { readonly title: string }>(
  promises: readonly Titled[],
): readonly Titled[][] {
  const waves: Titled[][] = [];
  const seen = new Map<string, number>();
  for (const promise of promises) {
    const index = seen.get(promise.title) ?? 0;
    seen.set(promise.title, index + 1);
    const wave = waves[index] ?? [];
    wave.push(promise);
    waves[index] = wave;
  }
  return waves;
}

function runPlugins(
  context: GridContext,
  check: PromiseLaunch,
  wave: readonly ObservedPromise[],
  ends: PluginEnd[],
): ReadonlyArray<Promise<unknown>> {
  const python = wave.filter(({ kind }) => kind === 'python');
  const javascript = wave.filter(({ kind }) => kind === 'javascript');
  return [
    ...(python.length === 0 ? [] : [runPythonPlugins(context, check, python)]),
    ...(javascript.length === 0 ? [] : [runJavascriptPlugins(context, check, javascript)]),
  ].map(async (running) => void ends.push(...(await running)));
}

async function runExecutables(
  context: GridContext,
  check: PromiseLaunch,
  wave: readonly ObservedPromise[],
  failures: Failures,
): Promise<void> {
  const executables = wave.filter(({ kind }) => kind === 'legacy');
  await mapBounded(executables, PARALLEL, async (promise) => {
    const run = isOver(check) ? giveUp : runExecutable;
    if (run === runExecutable) check.log.info(`Checking promise ${promise.name}...`);
    try {
      const result = await run(context, check, promise);
      if (result.hasFailed) failures.set(promise, result.message);
    } catch (error) {
      if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') throw error;
      noteError(check, promise, error, failures);
    }
  });
}

function noteEnd(check: PromiseCheck, end: PluginEnd, failures: Failures): void {
  if (end.error !== undefined) noteError(check, end.promise, end.error, failures);
  else if (end.result?.hasFailed) failures.set(end.promise, end.result.message);
}

/** What the partition did to the files of one promise says nothing about the others. */
function noteError(
  { log }: PromiseCheck,
  promise: ObservedPromise,
  error: unknown,
  failures: Failures,
): void {
  const message = `Error: ${errorMessage(error)}`;
  log.error(`Promise ${promise.name}: ${errorMessage(error)}`, { code: errorCode(error) });
  failures.set(promise, message);
}
