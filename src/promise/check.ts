/** What a launch of the promises of one partition is asked for. */
import type { Logger } from '../log/logger.ts';
import type { PromisePlace } from './promise-files.ts';
import type { PromiseMode } from './schedule.ts';

export interface PromiseCheck extends PromisePlace {
  readonly partitionId: string;
  readonly mode: PromiseMode;
  /** Due or not. */
  readonly isForced: boolean;
  readonly log: Logger;
  /** Where the software release is, whose Python runs plugins; undefined when there is none. */
  readonly softwarePath?: string | undefined;
  /** The partition's own certificate; empty texts when there is none. */
  readonly keyFile?: string;
  readonly certFile?: string;
  /** Asks the Master to process the tree of the instance anew; absent: never. */
  readonly bang?: (message: string) => Promise<void>;
}

/** A launch under way. */
export interface PromiseLaunch extends PromiseCheck {
  /** No promise begins after it, as `performance.now()` counts. */
  readonly deadlineMs: number;
}

export function isOver({ deadlineMs }: PromiseLaunch): boolean {
  return performance.now() >= deadlineMs;
}
