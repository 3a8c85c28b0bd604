/** Whether a partition needs full processing (spec/grid.md 7.2). */

export interface DecisionFacts {
  readonly isForced: boolean;
  readonly isForceStop: boolean;
  readonly requestedState: string;
  /** The Master's timestamp as text; undefined when it gave none. */
  readonly timestamp: string | undefined;
  /** Content and modification time (unix seconds) of `.timestamp`; undefined when it is missing. */
  readonly stored: { readonly text: string; readonly mtime: number } | undefined;
  readonly periodicitySeconds: number;
  /** Unix seconds. */
  readonly now: number;
}

export type PartitionDecision =
  | { readonly action: 'full'; readonly deletesTimestamp: boolean }
  | { readonly action: 'up-to-date' };

/**
 * Unlike upstream, `--force` and `--force-stop` delete `.timestamp` too: a forced pass that fails,
 * or that stopped the services, must not look like a success to the next one.
 */
export function decidePartition(facts: DecisionFacts): PartitionDecision {
  const { stored } = facts;
  const isStopping = facts.isForceStop && facts.requestedState === 'started';
  if (stored === undefined) return { action: 'full', deletesTimestamp: false };
  if (facts.isForced || isStopping) return { action: 'full', deletesTimestamp: true };
  if (facts.timestamp === undefined || facts.periodicitySeconds === 0) {
    return { action: 'full', deletesTimestamp: false };
  }
  // A clock that was set back by a year must not keep a partition for a year.
  const ageSeconds = Math.abs(facts.now - stored.mtime);
  const isFresh = facts.periodicitySeconds < 0 || ageSeconds <= facts.periodicitySeconds;
  if (stored.text === facts.timestamp && isFresh) return { action: 'up-to-date' };
  return { action: 'full', deletesTimestamp: true };
}

/** `<software>/periodicity`: seconds, or undefined for text that is no number. */
export function parsePeriodicity(text: string): number | undefined {
  return /^\s*[+-]?\d+\s*$/.test(text) ? Number(text) : undefined;
}
