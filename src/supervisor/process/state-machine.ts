/**
 * The state machine of a process (spec/supervisor.md 3.3) as one table: row x input -> step. Pure:
 * the clock is an argument, and whoever applies the effects does not decide.
 *
 * A deadline exists only while STARTING (startsecs > 0), BACKOFF or STOPPING, and while EXITED
 * when a restart was put off because the process dies at once again and again.
 */
import type { ProcessState, ProcessStatus } from './process-state.ts';
import {
  abandon,
  askAgain,
  beginFresh,
  cancelQueuedStart,
  cancelStop,
  drop,
  endRunning,
  endStarting,
  endStopping,
  failSpawn,
  giveUpBackOff,
  ignore,
  kill,
  MachineRun,
  queueStart,
  requestStop,
  retry,
  settle,
  settleSpawn,
  stayedUp,
  stop,
  stopIdle,
} from './state-steps.ts';
import type { MachineContext, ProcessInput, Transition } from './state-transition.ts';

/**
 * What a process is doing: its state, where SPAWNING is a STARTING one that has no pid yet, and
 * WAITING an EXITED one that will be restarted.
 */
export type MachineRow = ProcessState | 'SPAWNING' | 'WAITING';

export type InputKind = ProcessInput['kind'];

type Step<K extends InputKind> = (
  run: MachineRun,
  input: Extract<ProcessInput, { kind: K }>,
) => void;

type Row = { readonly [K in InputKind]?: Step<K> };

/** What is not here means nothing in that row and changes nothing. */
export const TABLE: Readonly<Record<MachineRow, Row>> = {
  STOPPED: { start: beginFresh },
  SPAWNING: {
    start: cancelStop,
    spawned: settleSpawn,
    spawnFailed: failSpawn,
    stop: requestStop,
  },
  STARTING: {
    start: askAgain,
    exited: endStarting,
    stop,
    timer: stayedUp,
    signalFailed: abandon,
  },
  RUNNING: { start: askAgain, exited: endRunning, stop, signalFailed: abandon },
  BACKOFF: { start: beginFresh, stop: stopIdle, timer: retry, giveUp: giveUpBackOff },
  STOPPING: {
    start: queueStart,
    exited: endStopping,
    stop: cancelQueuedStart,
    timer: kill,
    signalFailed: abandon,
  },
  EXITED: { start: beginFresh },
  WAITING: { start: beginFresh, stop: stopIdle, timer: retry, giveUp: settle },
  FATAL: { start: beginFresh },
  UNKNOWN: { exited: drop },
};

/** The row of {@link TABLE} that a status stands in. */
export function rowOf({ state, pid, deadlineMs }: ProcessStatus): MachineRow {
  if (state === 'STARTING' && pid === 0) return 'SPAWNING';
  return state === 'EXITED' && deadlineMs !== null ? 'WAITING' : state;
}

/** What an input does to a process. */
export function transition(
  status: ProcessStatus,
  input: ProcessInput,
  context: MachineContext,
): Transition {
  const step = (TABLE[rowOf(status)][input.kind] ?? ignore) as Step<InputKind>;
  const run = new MachineRun(status, context);
  step(run, input);
  return { status: run.status, effects: run.effects };
}
