/** Exit statuses of `slapos` (spec/cli.md 4). */
import { constants } from 'node:os';
import { isSlaposError } from '../errors/slapos-error.ts';

export const EXIT = {
  ok: 0,
  failure: 1,
  /** Usage error, promise failure, format done but Master not told, resource not ready. */
  usage: 2,
  /** Instances were converged without the Master. */
  offline: 3,
  /** Not root, or unknown command. */
  refused: 5,
  /** `node format --check` found changes that a run would make. */
  pending: 6,
  /** Another slapos process holds the pid file. */
  busy: 10,
  pruneRefused: 255,
} as const;

/** The exit status that an error which ended a command stands for. */
export function exitCodeOf(error: unknown): number {
  return isSlaposError(error) ? error.exitCode : EXIT.failure;
}

/** The exit status of a process that a signal ended, as a shell shows it. */
export function exitCodeOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
