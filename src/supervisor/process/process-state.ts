/** States of a process (spec/supervisor.md 3.1) and what is remembered of one. */

export const STATE_CODES = {
  STOPPED: 0,
  STARTING: 10,
  RUNNING: 20,
  BACKOFF: 30,
  STOPPING: 40,
  EXITED: 100,
  FATAL: 200,
  UNKNOWN: 1000,
} as const;

export type ProcessState = keyof typeof STATE_CODES;

const STOPPED_STATES: ReadonlySet<ProcessState> = new Set([
  'STOPPED',
  'EXITED',
  'FATAL',
  'UNKNOWN',
]);
const RUNNING_STATES: ReadonlySet<ProcessState> = new Set(['STARTING', 'RUNNING', 'BACKOFF']);
const SIGNALLABLE_STATES: ReadonlySet<ProcessState> = new Set(['STARTING', 'RUNNING', 'STOPPING']);

export function isStoppedState(state: ProcessState): boolean {
  return STOPPED_STATES.has(state);
}

export function isRunningState(state: ProcessState): boolean {
  return RUNNING_STATES.has(state);
}

export function isSignallableState(state: ProcessState): boolean {
  return SIGNALLABLE_STATES.has(state);
}

/** How a process ended. */
export interface LastExit {
  /** Exit status, or -1 after a signal. */
  readonly status: number;
  readonly signal: number;
  readonly hasDumpedCore: boolean;
  /** True when nobody saw how it ended. */
  readonly isLost: boolean;
  /** Wall clock. */
  readonly atMs: number;
}

/**
 * Everything remembered of a process; plain JSON, so that the next controller can go on with it.
 * Monotonic times are CLOCK_MONOTONIC, which all controllers of one boot share.
 */
export interface ProcessStatus {
  readonly state: ProcessState;
  /** 0 when there is no process. */
  readonly pid: number;
  /** Start of the process in clock ticks since boot: with the pid its identity. */
  readonly startTicks: number;
  /** Wall clock of the last start and stop, 0 for never. */
  readonly lastStartMs: number;
  readonly lastStopMs: number;
  /** Monotonic time of the last start. */
  readonly startedAtMs: number;
  /** Failed starts in a row. */
  readonly backoff: number;
  /** Null while none is known; -1 after a signal. */
  readonly exitStatus: number | null;
  readonly spawnError: string;
  /** The last end of all, which later starts do not forget. */
  readonly lastExit: LastExit | null;
  /** Monotonic time at which the state changes by itself. */
  readonly deadlineMs: number | null;
  /** A stop was asked for while the start was under way. */
  readonly isStopRequested: boolean;
  /** A start was asked for while the process was stopping. */
  readonly isStartQueued: boolean;
  /** Exits in a row within a second of the start, with startsecs 0. */
  readonly quickExits: number;
}

export const INITIAL_STATUS: ProcessStatus = {
  state: 'STOPPED',
  pid: 0,
  startTicks: 0,
  lastStartMs: 0,
  lastStopMs: 0,
  startedAtMs: 0,
  backoff: 0,
  exitStatus: null,
  spawnError: '',
  lastExit: null,
  deadlineMs: null,
  isStopRequested: false,
  isStartQueued: false,
  quickExits: 0,
};
