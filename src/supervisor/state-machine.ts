/**
 * The state machine of a process (spec/supervisor.md 3.3): status x input -> status and effects.
 * Pure: the clock is an argument, and whoever applies the effects does not decide.
 *
 * A deadline exists only while STARTING (startsecs > 0), BACKOFF or STOPPING, and while EXITED
 * when a restart was put off because the process dies at once again and again.
 */
import { isSignallableState, type ProcessState, type ProcessStatus } from './process-state.ts';
import type { ProcessConfig } from './program-config.ts';
import { signalName } from './value-types.ts';

export interface ProcessExitInput {
  readonly kind: 'exited';
  /** Exit status, or -1 after a signal. */
  readonly status: number;
  readonly signal: number;
  readonly hasDumpedCore: boolean;
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

/** Lifetime in milliseconds under which an exit counts as quick. */
const QUICK_EXIT_MS = 1000;
const FREE_RESTARTS = 3;
const MAX_RESTART_DELAY_SECS = 60;
const SIGKILL = 9;

/** One run of the machine: a status that changes and the effects on the way. */
class Run {
  status: ProcessStatus;
  readonly context: MachineContext;
  readonly effects: ProcessEffect[] = [];

  constructor(status: ProcessStatus, context: MachineContext) {
    this.status = status;
    this.context = context;
  }

  get config(): ProcessConfig {
    return this.context.config;
  }

  set(change: Partial<ProcessStatus>): void {
    this.status = { ...this.status, ...change };
  }

  /** Changes the state and emits its event; the pid is still the old one. */
  enter(state: ProcessState, change: Partial<ProcessStatus> = {}, isExpected = false): void {
    const from = this.status.state;
    this.set({ state, deadlineMs: null, ...change });
    const { backoff: tries, pid } = this.status;
    this.effects.push({ kind: 'event', event: { state, from, tries, pid, isExpected } });
  }

  log(level: LogLevel, text: string): void {
    this.effects.push({ kind: 'log', level, text });
  }

  in(seconds: number): number {
    return this.context.monotonicMs + seconds * 1000;
  }
}

function start(run: Run): void {
  run.enter('STARTING', {
    lastStartMs: run.context.wallMs,
    startedAtMs: run.context.monotonicMs,
    exitStatus: null,
    spawnError: '',
    isStopRequested: false,
    isStartQueued: false,
  });
  run.effects.push({ kind: 'spawn' });
}

function running(run: Run): void {
  run.enter('RUNNING', { backoff: 0 });
  const { name, startSecs } = run.config;
  run.log(
    'INFO',
    `success: ${name} entered RUNNING state, process has stayed up for > than ${startSecs} seconds (startsecs)`,
  );
}

function fatal(run: Run): void {
  run.enter('FATAL', { backoff: 0 });
  run.log(
    'INFO',
    `gave up: ${run.config.name} entered FATAL state, too many start retries too quickly`,
  );
}

/** A start failed: waits one second more each time, or gives up. */
function backOff(run: Run, spawnError: string): void {
  const backoff = run.status.backoff + 1;
  run.enter('BACKOFF', { backoff, spawnError, deadlineMs: run.in(backoff) });
  if (run.status.isStopRequested) stopped(run);
  else if (backoff > run.config.startRetries || !run.context.isRestartAllowed) fatal(run);
}

function stopped(run: Run): void {
  run.enter('STOPPED', { backoff: 0, quickExits: 0, isStopRequested: false });
}

function stop(run: Run): void {
  const { name, stopSignal, stopWaitSecs, isStopAsGroup } = run.config;
  run.log('INFO', `waiting for ${name} to stop`);
  run.enter('STOPPING', { isStopRequested: false, deadlineMs: run.in(stopWaitSecs) });
  run.effects.push({ kind: 'signal', signal: stopSignal, isGroup: isStopAsGroup });
}

function describeExit(exit: ProcessExitInput): string {
  if (exit.signal === 0) return `exit status ${exit.status}`;
  return `terminated by ${signalName(exit.signal)}${exit.hasDumpedCore ? ' (core dumped)' : ''}`;
}

function isExpectedExit(run: Run, exit: ProcessExitInput): boolean {
  return run.config.exitCodes.includes(exit.status);
}

function finishStop(run: Run, exit: ProcessExitInput): void {
  const level = isExpectedExit(run, exit) ? 'INFO' : 'WARN';
  run.log(level, `stopped: ${run.config.name} (${describeExit(exit)})`);
  const isStartQueued = run.status.isStartQueued;
  stopped(run);
  run.set({ pid: 0, startTicks: 0, exitStatus: exit.status });
  if (isStartQueued && run.context.isRestartAllowed) start(run);
}

function failStart(run: Run, exit: ProcessExitInput): void {
  run.log('WARN', `exited: ${run.config.name} (${describeExit(exit)}; not expected)`);
  run.set({ exitStatus: null });
  backOff(run, 'Exited too quickly (process log may have details)');
  run.set({ pid: 0, startTicks: 0 });
}

/** Seconds to wait before a restart: none at first, then doubling while it dies at once. */
function restartDelaySecs(quickExits: number): number {
  if (quickExits <= FREE_RESTARTS) return 0;
  return Math.min(MAX_RESTART_DELAY_SECS, 2 ** (quickExits - FREE_RESTARTS - 1));
}

function restart(run: Run): void {
  const delaySecs = restartDelaySecs(run.status.quickExits);
  if (delaySecs === 0) start(run);
  else run.set({ deadlineMs: run.in(delaySecs) });
}

function finish(run: Run, exit: ProcessExitInput): void {
  const isExpected = isExpectedExit(run, exit);
  const { name, autoRestart, startSecs } = run.config;
  const livedMs = run.context.monotonicMs - run.status.startedAtMs;
  const isQuick = startSecs === 0 && livedMs < QUICK_EXIT_MS;
  const verdict = isExpected ? 'expected' : 'not expected';
  run.log(isExpected ? 'INFO' : 'WARN', `exited: ${name} (${describeExit(exit)}; ${verdict})`);
  run.enter(
    'EXITED',
    {
      exitStatus: exit.status,
      spawnError: isExpected ? '' : `Bad exit code ${exit.status}`,
      quickExits: isQuick ? run.status.quickExits + 1 : 0,
    },
    isExpected,
  );
  run.set({ pid: 0, startTicks: 0 });
  const wantsRestart = autoRestart === true || (autoRestart === 'unexpected' && !isExpected);
  if (wantsRestart && run.context.isRestartAllowed) restart(run);
}

function exited(run: Run, exit: ProcessExitInput): void {
  run.set({ lastStopMs: run.context.wallMs });
  const { state, startedAtMs } = run.status;
  const livedMs = run.context.monotonicMs - startedAtMs;
  if (state === 'STOPPING') finishStop(run, exit);
  else if (state === 'STARTING' && livedMs < run.config.startSecs * 1000) failStart(run, exit);
  else if (state === 'STARTING' || state === 'RUNNING') {
    if (state === 'STARTING') running(run);
    finish(run, exit);
  } else run.set({ pid: 0, startTicks: 0 });
}

function spawned(run: Run, pid: number, startTicks: number): void {
  run.set({ pid, startTicks });
  run.log('INFO', `spawned: '${run.config.name}' with pid ${pid}`);
  if (run.status.isStopRequested) stop(run);
  else if (run.config.startSecs <= 0) running(run);
  else run.set({ deadlineMs: run.status.startedAtMs + run.config.startSecs * 1000 });
}

function timer(run: Run): void {
  const { state, pid } = run.status;
  if (state === 'STARTING') running(run);
  else if (state === 'BACKOFF' || state === 'EXITED') {
    if (run.context.isRestartAllowed) start(run);
    else if (state === 'BACKOFF') fatal(run);
    else run.set({ deadlineMs: null });
  } else if (state === 'STOPPING') {
    const { name, stopWaitSecs, isKillAsGroup } = run.config;
    run.log('WARN', `killing '${name}' (${pid}) with SIGKILL`);
    run.set({ deadlineMs: run.in(Math.max(1, stopWaitSecs)) });
    run.effects.push({ kind: 'signal', signal: SIGKILL, isGroup: isKillAsGroup });
  }
}

function requestStop(run: Run): void {
  const { state, pid, deadlineMs } = run.status;
  if (state === 'STARTING' && pid === 0) run.set({ isStopRequested: true });
  else if (state === 'STARTING' || state === 'RUNNING') stop(run);
  else if (state === 'BACKOFF' || (state === 'EXITED' && deadlineMs !== null)) stopped(run);
  else if (state === 'STOPPING') run.set({ isStartQueued: false });
}

function requestStart(run: Run): void {
  const { state } = run.status;
  if (state === 'STOPPING') run.set({ isStartQueued: true });
  else if (state === 'STARTING' && run.status.isStopRequested) run.set({ isStopRequested: false });
  else if (state === 'STARTING' || state === 'RUNNING') {
    run.log('WARN', `process '${run.config.name}' already running`);
  } else if (state !== 'UNKNOWN') start(run);
}

function signalFailed(run: Run, reason: string): void {
  // The process may have ended while the signal was on its way.
  if (!isSignallableState(run.status.state)) return;
  const { name } = run.config;
  run.log('CRIT', `unknown problem sending a signal to ${name} (${run.status.pid}): ${reason}`);
  run.enter('UNKNOWN');
}

/** What an input does to a process. Inputs that mean nothing in a state change nothing. */
export function transition(
  status: ProcessStatus,
  input: ProcessInput,
  context: MachineContext,
): Transition {
  const run = new Run(status, context);
  if (input.kind === 'start') requestStart(run);
  else if (input.kind === 'stop') requestStop(run);
  else if (input.kind === 'exited') exited(run, input);
  else if (input.kind === 'timer') timer(run);
  else if (input.kind === 'signalFailed') signalFailed(run, input.reason);
  else if (input.kind === 'giveUp') {
    if (status.state === 'BACKOFF') fatal(run);
    else if (status.state === 'EXITED') run.set({ deadlineMs: null });
  } else if (status.state !== 'STARTING' || status.pid !== 0) return { status, effects: [] };
  else if (input.kind === 'spawned') spawned(run, input.pid, input.startTicks);
  else {
    run.log('INFO', `spawnerr: ${input.reason}`);
    backOff(run, input.reason);
  }
  return { status: run.status, effects: run.effects };
}
