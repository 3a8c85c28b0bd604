/**
 * What clients ask for, over the controller (spec/supervisor.md 3.4, 3.5 and 4.3): starting and
 * stopping one process or many. Refusals are faults.
 */
import type { Controller, ManagedGroup } from './controller.ts';
import type { ManagedProcess } from './process/managed-process.ts';
import {
  isRunningState,
  isSignallableState,
  isStoppedState,
  type ProcessStatus,
} from './process/process-state.ts';
import { FAULTS, fault } from './rpc/fault.ts';
import { isRpcFault, type RpcFault, type RpcValue } from './rpc/xml-rpc.ts';

/** A namespec: a process, or a whole group when `process` is undefined. */
export interface Target {
  readonly group: ManagedGroup;
  readonly process: ManagedProcess | undefined;
}

/** @throws RpcFault BAD_NAME with the name as given. */
export function findTarget(controller: Controller, namespec: string): Target {
  const colon = namespec.indexOf(':');
  const groupName = colon < 0 ? namespec : namespec.slice(0, colon);
  const name = colon < 0 ? namespec : namespec.slice(colon + 1);
  const group = controller.group(groupName);
  if (group === undefined) throw fault('BAD_NAME', namespec);
  if (colon >= 0 && (name === '' || name === '*')) return { group, process: undefined };
  const process = group.processes.get(name);
  if (process === undefined) throw fault('BAD_NAME', namespec);
  return { group, process };
}

/** @throws RpcFault BAD_NAME, also for a group. */
export function findProcess(controller: Controller, namespec: string): ManagedProcess {
  const { process } = findTarget(controller, namespec);
  if (process === undefined) throw fault('BAD_NAME', namespec);
  return process;
}

/** @throws RpcFault BAD_NAME */
export function findGroup(controller: Controller, name: string): ManagedGroup {
  const group = controller.group(name);
  if (group === undefined) throw fault('BAD_NAME', name);
  return group;
}

function isSpawnSettled(status: ProcessStatus): boolean {
  return status.state !== 'STARTING' || status.pid !== 0;
}

/**
 * Starts a process. With `isWaiting`, resolves when it is RUNNING; `onWait` is called before time
 * has to pass for that.
 * @throws RpcFault NO_FILE, NOT_EXECUTABLE, ALREADY_STARTED, FAILED, SPAWN_ERROR,
 * ABNORMAL_TERMINATION
 */
export async function startProcess(
  controller: Controller,
  process: ManagedProcess,
  namespec: string,
  isWaiting: boolean,
  onWait: () => void = () => {},
): Promise<void> {
  const command = await controller.spawner.resolve(process.config);
  if (command.kind === 'failed') {
    throw fault(command.isMissing ? 'NO_FILE' : 'NOT_EXECUTABLE', command.reason);
  }
  const { state } = process.status;
  if (isRunningState(state)) throw fault('ALREADY_STARTED', namespec);
  if (state === 'UNKNOWN') throw fault('FAILED', `${namespec} is in an unknown process state`);
  process.dispatch({ kind: 'start' });
  if (process.status.state === 'STOPPING') {
    if (!isWaiting) return;
    await process.until((status) => status.state !== 'STOPPING');
  }
  await process.until(isSpawnSettled);
  if (process.status.state === 'STOPPED') throw fault('ABNORMAL_TERMINATION', namespec);
  if (controller.execFailure(process) !== undefined) throw fault('SPAWN_ERROR', namespec);
  if (process.status.pid === 0 && process.status.state !== 'EXITED') {
    throw fault('SPAWN_ERROR', namespec);
  }
  if (!isWaiting || process.config.startSecs <= 0) return;
  onWait();
  const status = await process.until((each) => each.state !== 'STARTING');
  if (status.state === 'RUNNING') return;
  throw fault(status.spawnError === '' ? 'ABNORMAL_TERMINATION' : 'SPAWN_ERROR', namespec);
}

/**
 * Stops a process. With `isWaiting`, resolves when it has ended, after a call of `onWait`.
 * @throws RpcFault NOT_RUNNING
 */
export async function stopProcess(
  process: ManagedProcess,
  namespec: string,
  isWaiting: boolean,
  onWait: () => void = () => {},
): Promise<void> {
  if (!isStoppable(process)) throw fault('NOT_RUNNING', namespec);
  process.dispatch({ kind: 'stop' });
  if (!isWaiting) return;
  onWait();
  await process.until((status) => isStoppedState(status.state));
}

/**
 * Sends a signal to a process.
 * @throws RpcFault NOT_RUNNING
 */
export async function signalProcess(
  controller: Controller,
  process: ManagedProcess,
  namespec: string,
  signal: number,
): Promise<void> {
  if (!isSignallableState(process.status.state)) throw fault('NOT_RUNNING', namespec);
  await process.until(isSpawnSettled);
  if (!(await controller.signal(process, signal))) throw fault('NOT_RUNNING', namespec);
}

/** A row of the answer of a call on several processes. */
function callStatus(process: ManagedProcess, refusal: RpcFault | undefined): RpcValue {
  return {
    name: process.config.name,
    group: process.groupName,
    status: refusal?.faultCode ?? FAULTS.SUCCESS,
    description: refusal?.message ?? 'OK',
  };
}

/**
 * Does something to several processes at the same time; refusals become rows. First come the rows
 * of those that were done with at once, as given, then those that had to be waited for in the order
 * in which they were ready: supervisorctl prints them so.
 */
export async function forEachProcess(
  processes: readonly ManagedProcess[],
  run: (process: ManagedProcess, namespec: string, onWait: () => void) => Promise<void>,
): Promise<RpcValue[]> {
  const late: RpcValue[] = [];
  const rows = await Promise.all(
    processes.map(async (process) => {
      let isLate = false;
      const onWait = () => {
        isLate = true;
      };
      const refusal = await run(process, process.namespec, onWait).then(
        () => undefined,
        (error: unknown) => {
          if (isRpcFault(error)) return error;
          throw error;
        },
      );
      const row = callStatus(process, refusal);
      if (!isLate) return [row];
      late.push(row);
      return [];
    }),
  );
  return [...rows.flat(), ...late];
}

/** Processes of a group in starting order. */
export function processesOf(group: ManagedGroup): ManagedProcess[] {
  return [...group.processes.values()].sort((a, b) => a.config.priority - b.config.priority);
}

/** Every process in starting order: priority of groups, then of processes. */
export function allProcesses(controller: Controller): ManagedProcess[] {
  return controller.groups().flatMap(processesOf);
}

export function isStartable({ status }: ManagedProcess): boolean {
  return !isRunningState(status.state);
}

/** It runs, or it ended or ends and will be started again. */
export function isStoppable({ status }: ManagedProcess): boolean {
  const isRestartPending = status.state === 'EXITED' && status.deadlineMs !== null;
  return isRunningState(status.state) || isRestartPending || status.isStartQueued;
}
