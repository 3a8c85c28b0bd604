/** Runs one legacy promise, an executable, as the partition's user (spec/promise.md 9). */
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import { childEnvironment } from '../grid/child-environment.ts';
import type { GridContext } from '../grid/context.ts';
import type { CommandOutcome } from '../host/grid-host.ts';
import type { PromiseCheck } from './check.ts';
import type { ObservedPromise } from './observe.ts';
import { LEGACY_PERIODICITY_MINUTES, renderPromiseCache } from './promise-cache.ts';
import { appendLog, readLastRuns, rotateLog, saveResult, writeCache } from './promise-files.ts';
import { judgeRuns } from './promise-log.ts';
import {
  type PromiseResult,
  type PromiseVerdict,
  roundExecutionSeconds,
} from './promise-result.ts';
import { generatedResult, type PromiseMode } from './schedule.ts';

const GRACE_MS = 1000;
/** How many runs, and how many failing ones among them, make a failure. */
const JUDGEMENTS: Readonly<Record<PromiseMode, readonly [number, number]>> = {
  test: [1, 1],
  anomaly: [3, 3],
};

/** @returns the result, which is saved already. */
export async function runExecutable(
  context: GridContext,
  check: PromiseCheck,
  promise: ObservedPromise,
): Promise<PromiseResult> {
  await rotateLog(check, promise.title);
  await writeCache(context, check, promise.title, renderCache(context, promise));
  const startedMs = performance.now();
  const { isTimedOut, ...verdict } = await execute(context, check, promise);
  const executionSeconds = isTimedOut
    ? context.options.promiseTimeoutSeconds
    : roundExecutionSeconds(performance.now() - startedMs);
  const result = { ...verdict, executionSeconds, date: context.now() };
  return saveResult(context, check, promise, result, check.log);
}

/** For a promise whose turn does not come; without a schedule it stays due. */
export async function giveUp(
  context: GridContext,
  check: PromiseCheck,
  promise: ObservedPromise,
): Promise<PromiseResult> {
  const executionSeconds = context.options.promiseTimeoutSeconds;
  const verdict = generatedResult(check.mode, promise.saved, timeoutMessage(executionSeconds));
  const result = { ...verdict, executionSeconds, date: context.now() };
  return saveResult(context, check, promise, result, check.log);
}

function renderCache(context: GridContext, promise: ObservedPromise): string {
  const now = context.now().getTime() / 1000;
  return renderPromiseCache({
    isTested: true,
    isAnomalyDetected: true,
    periodicityMinutes: LEGACY_PERIODICITY_MINUTES,
    nextRunAfter: now + LEGACY_PERIODICITY_MINUTES * 60,
    timestamp: now,
    moduleFile: promise.path,
    moduleFileMtime: promise.fileMtime,
  });
}

async function execute(
  context: GridContext,
  check: PromiseCheck,
  promise: ObservedPromise,
): Promise<PromiseVerdict & { readonly isTimedOut: boolean }> {
  const outcome = await spawn(context, check, promise);
  if (typeof outcome !== 'string' && outcome.isTimedOut) {
    const message = timeoutMessage(context.options.promiseTimeoutSeconds);
    return { ...generatedResult(check.mode, promise.saved, message), isTimedOut: true };
  }
  const text = typeof outcome === 'string' ? outcome : outcome.output.trim();
  const hasFailed = typeof outcome === 'string' || outcome.status !== 0;
  await appendLog(context, check, promise.title, hasFailed ? 'ERROR' : 'INFO', text);
  const [resultCount, failureAmount] = JUDGEMENTS[check.mode];
  const runs = await readLastRuns(check, promise.title, resultCount);
  const verdict = judgeRuns(runs, resultCount, failureAmount);
  return { type: 'Test Result', ...verdict, isTimedOut: false };
}

export function timeoutMessage(seconds: number): string {
  return `Error: Promise timed out after ${seconds} seconds`;
}

/** @returns the outcome, or the reason why the promise could not be started. */
async function spawn(
  context: GridContext,
  check: PromiseCheck,
  promise: ObservedPromise,
): Promise<CommandOutcome | string> {
  const { env, host, options, signal } = context;
  try {
    return await host.run({
      argv: [promise.path],
      cwd: check.folder.path,
      env: childEnvironment(env, { home: check.owner.home, instanceRoot: options.instanceRoot }),
      user: check.owner,
      timeoutMs: options.promiseTimeoutSeconds * 1000,
      graceMs: GRACE_MS,
      signal,
    });
  } catch (error) {
    if (errorCode(error) !== 'SLAPOS_ERR_SPAWN') throw error;
    return describeSpawnFailure(error, promise.path);
  }
}

const ERRNO_TEXT: Readonly<Record<number, string>> = {
  2: 'No such file or directory',
  8: 'Exec format error',
  13: 'Permission denied',
};

/** The text that Python gives for the same refusal, which consumers know. */
function describeSpawnFailure(error: unknown, path: string): string {
  const errno = Math.abs((error as { errno?: number }).errno ?? 0);
  const text = ERRNO_TEXT[errno];
  return text === undefined ? errorMessage(error) : `[Errno ${errno}] ${text}: '${path}'`;
}
