/** What a controller makes of what the one before it left behind. */
import type { ExitRecord } from '../host/keeper/keeper-event.ts';
import type { ProcessConfig } from './configuration/program-config.ts';
import type { OutputFds } from './output/service-output.ts';
import { type ManagedProcess, startTag } from './process/managed-process.ts';
import type { ProcessStatus } from './process/process-state.ts';
import type { RestoredGroup } from './process/state-notes.ts';
import type { ProcessExitInput } from './process/state-transition.ts';

/** A process that lives, as the keeper tells at the start of a controller. */
export interface LivingProcess {
  readonly pid: number;
  readonly startTicks: number;
  /** Tells which start of its name it is, see `startTag`. */
  readonly tag: string;
  readonly pipes?: { readonly stdinFd: number; readonly stdoutFd: number };
  readonly outputs?: OutputFds;
  /** Copy of the socket that the process shares. */
  readonly socketFd?: number;
}

/**
 * The process that came of a start which was under way, alive or not; undefined when none did. An
 * end of an earlier start that nobody has acknowledged is told apart by its tag.
 */
function findStarted(
  process: ManagedProcess,
  living: ReadonlyMap<string, LivingProcess>,
  exits: readonly ExitRecord[],
): { readonly pid: number; readonly startTicks: number } | undefined {
  const tag = startTag(process);
  const child = living.get(process.fullName);
  if (child?.tag === tag) return child;
  return exits.find((exit) => exit.name === process.fullName && exit.tag === tag);
}

/** The end of a process of which nothing is known. */
const LOST_END: ProcessExitInput = {
  ...{ kind: 'exited', status: -1, signal: 0, hasDumpedCore: false, isLost: true, agoMs: 0 },
};

/** True when the process of a status lives, or its end will be told. */
function isAccountedFor(
  { fullName, status }: ManagedProcess,
  living: ReadonlyMap<string, LivingProcess>,
  exits: readonly ExitRecord[],
): boolean {
  const isSame = (each: { readonly pid: number; readonly startTicks: number }) =>
    each.pid === status.pid && each.startTicks === status.startTicks;
  const child = living.get(fullName);
  return (child !== undefined && isSame(child)) || exits.some(isSame);
}

/** A stop has all its time again: nobody knows whether it was heard. */
export function renewStop(
  config: ProcessConfig,
  status: ProcessStatus,
  monotonicMs: number,
): ProcessStatus {
  if (status.state !== 'STOPPING') return status;
  return { ...status, deadlineMs: monotonicMs + config.stopWaitSecs * 1000 };
}

/** What has to be asked of the keeper again. */
export interface SettlingActions {
  spawn(process: ManagedProcess): void;
  signal(process: ManagedProcess, signal: number, isGroup: boolean): void;
}

/** Brings restored processes in line with what the keeper knows of them. */
export function settleProcesses(
  processes: Iterable<ManagedProcess>,
  living: ReadonlyMap<string, LivingProcess>,
  exits: readonly ExitRecord[],
  actions: SettlingActions,
): void {
  for (const process of processes) {
    const { state, pid } = process.status;
    const { stopSignal, isStopAsGroup } = process.config;
    if (pid === 0 && state !== 'STARTING') continue;
    if (pid === 0) {
      const child = findStarted(process, living, exits);
      if (child === undefined) actions.spawn(process);
      else process.dispatch({ kind: 'spawned', pid: child.pid, startTicks: child.startTicks });
    } else if (!isAccountedFor(process, living, exits)) process.dispatch(LOST_END);
    // The signal may have been lost with the keeper that was asked to send it.
    else if (state === 'STOPPING') actions.signal(process, stopSignal, isStopAsGroup);
  }
}

/**
 * Starts what starts by itself and has no status yet: the controller before was killed when it had
 * added the group, and all that ever started has one.
 */
export function startUnnoted(
  groups: readonly RestoredGroup[],
  controller: { startByItself(name: string, only: ReadonlySet<string>): void },
): void {
  for (const { name, processes } of groups) {
    const unnoted = processes.filter(({ isNoted }) => !isNoted);
    controller.startByItself(name, new Set(unnoted.map(({ config }) => config.name)));
  }
}
