/** Whether a promise runs now, and what a run that gave no result of its own means. */
import type { PromiseCache } from './promise-cache.ts';
import type { PromiseVerdict, ResultType, SavedResult } from './promise-result.ts';

/** `test` judges the deployment; `anomaly` watches over a partition that is up to date. */
export type PromiseMode = 'test' | 'anomaly';

export interface SchedulingFacts {
  readonly mode: PromiseMode;
  readonly isForced: boolean;
  /** undefined: never run, or the cache cannot be trusted. */
  readonly cache: PromiseCache | undefined;
  /** Unix seconds. */
  readonly now: number;
  readonly saved: SavedResult | undefined;
  readonly path: string;
  /** When the file of the promise last changed, unix seconds. */
  readonly fileMtime: number;
}

export type Decision =
  | { readonly action: 'run' }
  /** `failure` is the message of the saved result when that one is a failure. */
  | { readonly action: 'skip'; readonly failure: string | undefined };

/** Spec/promise.md 6.2; a promise whose file changed since its last run is due at once. */
export function decidePromise(facts: SchedulingFacts): Decision {
  const { cache } = facts;
  if (cache === undefined || hasChanged(facts, cache)) return { action: 'run' };
  // It ran in what is the future now: the clock was set back, and says nothing of when it is due.
  const isTimeKnown = cache.timestamp <= facts.now;
  const isWanted = facts.mode === 'test' ? cache.isTested : cache.isAnomalyDetected;
  if (!isWanted) return { action: 'skip', failure: undefined };
  if (facts.isForced || !isTimeKnown || facts.now >= cache.nextRunAfter) return { action: 'run' };
  return { action: 'skip', failure: facts.saved?.hasFailed ? facts.saved.message : undefined };
}

/** The class of a plugin may be defined elsewhere: then only the time of the last run tells. */
function hasChanged(facts: SchedulingFacts, cache: PromiseCache): boolean {
  if (cache.moduleFile !== facts.path) return facts.fileMtime > cache.timestamp;
  return Math.abs(cache.moduleFileMtime - facts.fileMtime) > 0.001;
}

/**
 * The result of a promise that gave none by itself: in anomaly mode one such run is tolerated, the
 * next one fails.
 */
export function generatedResult(
  mode: PromiseMode,
  saved: SavedResult | undefined,
  message: string,
): PromiseVerdict {
  if (mode === 'test') return { type: 'Test Result', hasFailed: true, message };
  const hadTrouble = saved !== undefined && (saved.hasFailed || /error:/i.test(saved.message));
  const type: ResultType = 'Anomaly Result';
  return { type, hasFailed: hadTrouble, message };
}
