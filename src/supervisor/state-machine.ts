/**
 * The state machine of a process (spec/supervisor.md 3.3) as one table: row x input -> step. Pure:
 * the clock is an argument, and whoever applies the effects does not decide.
 *
 * A deadline exists only while STARTING (startsecs > 0), BACKOFF or STOPPING, and while EXITED
 * when a restart was put off because the process dies at once again and again.
 */
import type { ProcessState, ProcessStatus } from './process-state.ts';
import type { ProcessConfig } from './program-config.ts';
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

export interface ProcessExitInput {
  readonly kind: 'exited';
  /** Exit status, or -1 after a signal. */
  readonly status: number;
  readonly signal: number;
  readonly hasDumpedCore: boolean;
  /** True when nobody saw how it ended. */
  readonly isLost: boolean;
  /** How long ago it ended: what ends while no controller runs is told late. */
  readonly agoMs: number;
}

export type ProcessInput =
  | { readonly kind: 'start' }
  | { readonly kind: 'spawned'; readonly pid: number; readonly startTicks: number }
  | { readonly kind: 'spawnFailed'; readonly reason: string }
  | ProcessExitInput
  | { readonly kind: 'stop' }
  /** The deadline has passed. */
  | { readonly kind: 'timer' }
  /** The kernel refused to deliver a signal, other than because the process is gone. */
  | { readonly kind: 'signalFailed'; readonly reason: string }
  /** The supervisor stops: no more tries. */
  | { readonly kind: 'giveUp' };

export type LogLevel = 'CRIT' | 'ERRO' | 'WARN' | 'INFO' | 'DEBG';

/** A PROCESS_STATE event (spec 6.2) with what its payload may need. */
export interface StateEvent {
  readonly state: ProcessState;
  readonly from: ProcessState;
  readonly tries: number;
  readonly pid: number;
  readonly isExpected: boolean;
}

export type ProcessEffect =
  | { readonly kind: 'event'; readonly event: StateEvent }
  | { readonly kind: 'spawn' }
  | { readonly kind: 'signal'; readonly signal: number; readonly isGroup: boolean }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly text: string };

export interface MachineContext {
  readonly config: ProcessConfig;
  readonly wallMs: number;
  readonly monotonicMs: number;
  /** False while the supervisor stops: nothing is restarted. */
  readonly isRestartAllowed: boolean;
}

export interface Transition {
  readonly status: ProcessStatus;
  readonly effects: readonly ProcessEffect[];
}

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
