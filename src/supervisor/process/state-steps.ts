/** The steps of the state machine's table: each changes one status and adds effects. Pure. */

import type { ProcessConfig } from '../configuration/program-config.ts';
import { signalName } from '../configuration/value-types.ts';
import type { LastExit, ProcessState, ProcessStatus } from './process-state.ts';
import type {
  LogLevel,
  MachineContext,
  ProcessEffect,
  ProcessExitInput,
} from './state-transition.ts';

/** Lifetime in milliseconds under which an exit counts as quick. */
const QUICK_EXIT_MS = 1000;
const FREE_RESTARTS = 3;
const MAX_RESTART_DELAY_SECS = 60;
const SIGKILL = 9;

/** One run of the machine: a status that changes and the effects on the way. */
export class MachineRun {
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

export function ignore(): void {}

// Starting

function begin(run: MachineRun): void {
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

/** Somebody asked for it: quick exits of before do not count. */
export function beginFresh(run: MachineRun): void {
  run.set({ quickExits: 0 });
  begin(run);
}

/** The wait for the next try is over. */
export function retry(run: MachineRun): void {
  if (run.context.isRestartAllowed) begin(run);
  else if (run.status.state === 'BACKOFF') fatal(run);
  else settle(run);
}

export function askAgain(run: MachineRun): void {
  run.log('WARN', `process '${run.config.name}' already running`);
}

export function cancelStop(run: MachineRun): void {
  if (run.status.isStopRequested) run.set({ isStopRequested: false });
  else askAgain(run);
}

export function settleSpawn(
  run: MachineRun,
  { pid, startTicks }: { readonly pid: number; readonly startTicks: number },
): void {
  run.set({ pid, startTicks });
  run.log('INFO', `spawned: '${run.config.name}' with pid ${pid}`);
  if (run.status.isStopRequested) stop(run);
  else if (run.config.startSecs <= 0) stayedUp(run);
  else run.set({ deadlineMs: run.status.startedAtMs + run.config.startSecs * 1000 });
}

export function failSpawn(run: MachineRun, { reason }: { readonly reason: string }): void {
  run.log('INFO', `spawnerr: ${reason}`);
  backOff(run, reason);
}

export function stayedUp(run: MachineRun): void {
  run.enter('RUNNING', { backoff: 0 });
  const { name, startSecs } = run.config;
  run.log(
    'INFO',
    `success: ${name} entered RUNNING state, process has stayed up for > than ${startSecs} seconds (startsecs)`,
  );
}

/** A start failed: waits one second more each time, or gives up. */
function backOff(run: MachineRun, spawnError: string): void {
  const backoff = run.status.backoff + 1;
  run.enter('BACKOFF', { backoff, spawnError, deadlineMs: run.in(backoff) });
  if (run.status.isStopRequested) stopIdle(run);
  else if (backoff > run.config.startRetries || !run.context.isRestartAllowed) fatal(run);
}

function fatal(run: MachineRun): void {
  run.enter('FATAL', { backoff: 0 });
  run.log(
    'INFO',
    `gave up: ${run.config.name} entered FATAL state, too many start retries too quickly`,
  );
}

export const giveUpBackOff = fatal;

// Stopping

/** The spawn is under way: stopped as soon as there is something to stop. */
export function requestStop(run: MachineRun): void {
  run.set({ isStopRequested: true });
}

export function stop(run: MachineRun): void {
  const { name, stopSignal, stopWaitSecs, isStopAsGroup } = run.config;
  run.log('INFO', `waiting for ${name} to stop`);
  run.enter('STOPPING', { isStopRequested: false, deadlineMs: run.in(stopWaitSecs) });
  run.effects.push({ kind: 'signal', signal: stopSignal, isGroup: isStopAsGroup });
}

/** Nothing runs: neither a next try nor a restart comes any more. */
export function stopIdle(run: MachineRun): void {
  run.enter('STOPPED', { backoff: 0, quickExits: 0, isStopRequested: false });
}

export function kill(run: MachineRun): void {
  const { name, stopWaitSecs, isKillAsGroup } = run.config;
  run.log('WARN', `killing '${name}' (${run.status.pid}) with SIGKILL`);
  run.set({ deadlineMs: run.in(Math.max(1, stopWaitSecs)) });
  run.effects.push({ kind: 'signal', signal: SIGKILL, isGroup: isKillAsGroup });
}

export function queueStart(run: MachineRun): void {
  run.set({ isStartQueued: true });
}

export function cancelQueuedStart(run: MachineRun): void {
  run.set({ isStartQueued: false });
}

/** No restart comes any more, the state stays. */
export function settle(run: MachineRun): void {
  run.set({ deadlineMs: null });
}

/** A signal could not be delivered: nobody knows what the process does now. */
export function abandon(run: MachineRun, { reason }: { readonly reason: string }): void {
  const { name } = run.config;
  run.log('CRIT', `unknown problem sending a signal to ${name} (${run.status.pid}): ${reason}`);
  run.enter('UNKNOWN');
}

// Ending

/** Text of an end: `exit status 2`, `terminated by SIGSEGV (core dumped)`. */
export function renderExit(
  exit: Pick<ProcessExitInput, 'status' | 'signal' | 'hasDumpedCore'>,
): string {
  if (exit.signal === 0) return `exit status ${exit.status}`;
  return `terminated by ${signalName(exit.signal)}${exit.hasDumpedCore ? ' (core dumped)' : ''}`;
}

function isExpectedExit(run: MachineRun, exit: ProcessExitInput): boolean {
  return run.config.exitCodes.includes(exit.status);
}

/** When it ended on the wall clock, and how long it had lived. */
function recordExit(run: MachineRun, exit: ProcessExitInput): { readonly livedMs: number } {
  const { wallMs, monotonicMs } = run.context;
  const { status, signal, hasDumpedCore, isLost, agoMs } = exit;
  const lastExit: LastExit = { status, signal, hasDumpedCore, isLost, atMs: wallMs - agoMs };
  run.set({ lastStopMs: lastExit.atMs, lastExit });
  return { livedMs: monotonicMs - agoMs - run.status.startedAtMs };
}

function forgetPid(run: MachineRun): void {
  run.set({ pid: 0, startTicks: 0 });
}

export function drop(run: MachineRun, exit: ProcessExitInput): void {
  recordExit(run, exit);
  forgetPid(run);
}

export function endStopping(run: MachineRun, exit: ProcessExitInput): void {
  recordExit(run, exit);
  const level = isExpectedExit(run, exit) ? 'INFO' : 'WARN';
  run.log(level, `stopped: ${run.config.name} (${renderExit(exit)})`);
  const isStartQueued = run.status.isStartQueued;
  stopIdle(run);
  forgetPid(run);
  run.set({ exitStatus: exit.status, isStartQueued: false });
  if (isStartQueued && run.context.isRestartAllowed) begin(run);
}

export function endStarting(run: MachineRun, exit: ProcessExitInput): void {
  const { livedMs } = recordExit(run, exit);
  if (livedMs >= run.config.startSecs * 1000) {
    stayedUp(run);
    finish(run, exit, livedMs);
    return;
  }
  run.log('WARN', `exited: ${run.config.name} (${renderExit(exit)}; not expected)`);
  run.set({ exitStatus: null });
  backOff(run, 'Exited too quickly (process log may have details)');
  forgetPid(run);
}

export function endRunning(run: MachineRun, exit: ProcessExitInput): void {
  finish(run, exit, recordExit(run, exit).livedMs);
}

function finish(run: MachineRun, exit: ProcessExitInput, livedMs: number): void {
  const isExpected = isExpectedExit(run, exit);
  const { name, autoRestart, startSecs } = run.config;
  const isQuick = startSecs === 0 && livedMs < QUICK_EXIT_MS;
  const verdict = isExpected ? 'expected' : 'not expected';
  run.log(isExpected ? 'INFO' : 'WARN', `exited: ${name} (${renderExit(exit)}; ${verdict})`);
  run.enter(
    'EXITED',
    {
      exitStatus: exit.status,
      spawnError: isExpected ? '' : `Bad exit code ${exit.status}`,
      quickExits: isQuick ? run.status.quickExits + 1 : 0,
    },
    isExpected,
  );
  forgetPid(run);
  const wantsRestart = autoRestart === true || (autoRestart === 'unexpected' && !isExpected);
  if (wantsRestart && run.context.isRestartAllowed) restart(run);
}

/** Seconds to wait before a restart: none at first, then doubling while it dies at once. */
function restartDelaySecs(quickExits: number): number {
  if (quickExits <= FREE_RESTARTS) return 0;
  return Math.min(MAX_RESTART_DELAY_SECS, 2 ** (quickExits - FREE_RESTARTS - 1));
}

function restart(run: MachineRun): void {
  const delaySecs = restartDelaySecs(run.status.quickExits);
  if (delaySecs === 0) begin(run);
  else run.set({ deadlineMs: run.in(delaySecs) });
}
