/** Runs one legacy promise as the partition's user and keeps its log, cache and result. */
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import { childEnvironment } from '../grid/child-environment.ts';
import type { GridContext } from '../grid/context.ts';
import { ownedBy } from '../grid/owner.ts';
import type { CommandOutcome, OwnedFolder } from '../host/grid-host.ts';
import type { UserIdentity } from '../host/user.ts';
import { cachePath, type LegacyPromise, logPath, resultPath } from './observe.ts';
import { LEGACY_PERIODICITY_MINUTES, renderPromiseCache } from './promise-cache.ts';
import { judgeRuns, parseLogRuns, renderLogEntry, transactionId } from './promise-log.ts';
import {
  type PromiseResult,
  renderPromiseResult,
  roundExecutionSeconds,
} from './promise-result.ts';
import { generatedResult, type PromiseMode } from './schedule.ts';

export interface PromisePlace {
  readonly folder: OwnedFolder;
  readonly owner: UserIdentity;
}

const GRACE_MS = 1000;
const FILE_MODE = 0o644;
/** Enough for the last three runs of a promise that says a lot. */
const HISTORY_BYTES = 256 * 1024;
/** How many runs, and how many failing ones among them, make a failure. */
const JUDGEMENTS: Readonly<Record<PromiseMode, readonly [number, number]>> = {
  test: [1, 1],
  anomaly: [3, 3],
};

/** @returns the result, which is saved already. */
export async function runPromise(
  context: GridContext,
  place: PromisePlace,
  promise: LegacyPromise,
  mode: PromiseMode,
): Promise<PromiseResult> {
  const ownership = ownedBy(context.host, place.owner, FILE_MODE);
  await place.folder.write(cachePath(promise.title), renderCache(context, promise), ownership);
  const startedMs = performance.now();
  const verdict = await execute(context, place, promise, mode);
  const { isTimedOut, ...judged } = verdict;
  const result: PromiseResult = {
    title: promise.title,
    name: promise.name,
    path: promise.path,
    executionSeconds: isTimedOut
      ? context.options.promiseTimeoutSeconds
      : roundExecutionSeconds(performance.now() - startedMs),
    date: context.now(),
    ...judged,
  };
  await place.folder.write(resultPath(promise.title), renderPromiseResult(result), ownership);
  return result;
}

function renderCache(context: GridContext, promise: LegacyPromise): string {
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
  place: PromisePlace,
  promise: LegacyPromise,
  mode: PromiseMode,
) {
  const seconds = context.options.promiseTimeoutSeconds;
  const outcome = await runExecutable(context, place, promise);
  if (typeof outcome !== 'string' && outcome.isTimedOut) {
    const message = `Error: Promise timed out after ${seconds} seconds`;
    return { ...generatedResult(mode, promise.saved, message), isTimedOut: true };
  }
  const text = typeof outcome === 'string' ? outcome : outcome.output.trim();
  const isFailed = typeof outcome === 'string' || outcome.status !== 0;
  const now = context.now();
  const entry = renderLogEntry(
    now,
    isFailed ? 'ERROR' : 'INFO',
    transactionId(now.getTime(), context.random()),
    text,
  );
  const path = logPath(promise.title);
  await place.folder.append(path, entry, ownedBy(context.host, place.owner, FILE_MODE));
  const runs = parseLogRuns(await place.folder.readTail(path, HISTORY_BYTES));
  const [resultCount, failureAmount] = JUDGEMENTS[mode];
  const verdict = judgeRuns(runs, resultCount, failureAmount);
  return { type: 'Test Result' as const, ...verdict, isTimedOut: false };
}

/** @returns the outcome, or the reason why the promise could not be started. */
async function runExecutable(
  context: GridContext,
  place: PromisePlace,
  promise: LegacyPromise,
): Promise<CommandOutcome | string> {
  const { env, host, options, signal } = context;
  try {
    return await host.run({
      argv: [promise.path],
      cwd: place.folder.path,
      env: childEnvironment(env, { home: place.owner.home, instanceRoot: options.instanceRoot }),
      user: place.owner,
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
