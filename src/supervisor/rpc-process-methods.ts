/** Methods about processes (spec/supervisor.md 4.3). */
import { fault } from './fault.ts';
import type { ManagedProcess } from './managed-process.ts';
import {
  allProcesses,
  findGroup,
  findProcess,
  findTarget,
  forEachProcess,
  isStartable,
  isStoppable,
  processesOf,
  signalProcess,
  startProcess,
  stopProcess,
} from './operations.ts';
import { renderConfigInfo, renderProcessInfo } from './process-info.ts';
import { isSignallableState } from './process-state.ts';
import { Params, type RpcContext, type RpcMethod } from './rpc-method.ts';
import { parseSignal } from './value-types.ts';
import type { RpcValue } from './xml-rpc.ts';

function startAll(
  { controller }: RpcContext,
  processes: readonly ManagedProcess[],
  isWaiting: boolean,
): Promise<RpcValue[]> {
  return forEachProcess(processes.filter(isStartable), (process, name) => {
    return startProcess(controller, process, name, isWaiting);
  });
}

function stopAll(processes: readonly ManagedProcess[], isWaiting: boolean): Promise<RpcValue[]> {
  return forEachProcess(processes.filter(isStoppable), (process, name) => {
    return stopProcess(process, name, isWaiting);
  });
}

function parseSignalFault(text: string): number {
  try {
    return parseSignal(text);
  } catch {
    throw fault('BAD_SIGNAL', text);
  }
}

function signalAll(
  { controller }: RpcContext,
  processes: readonly ManagedProcess[],
  signal: number,
): Promise<RpcValue[]> {
  const targets = processes.filter(({ status }) => isSignallableState(status.state));
  return forEachProcess(targets, (process, name) => {
    return signalProcess(controller, process, name, signal);
  });
}

async function start(context: RpcContext, name: string, isWaiting: boolean): Promise<RpcValue> {
  const { group, process } = findTarget(context.controller, name);
  if (process === undefined) return startAll(context, processesOf(group), isWaiting);
  await startProcess(context.controller, process, name, isWaiting);
  return true;
}

async function stop(context: RpcContext, name: string, isWaiting: boolean): Promise<RpcValue> {
  const { group, process } = findTarget(context.controller, name);
  if (process === undefined) return stopAll(processesOf(group), isWaiting);
  await stopProcess(process, name, isWaiting);
  return true;
}

async function signal(context: RpcContext, name: string, text: string): Promise<RpcValue> {
  const { group, process } = findTarget(context.controller, name);
  const number = parseSignalFault(text);
  if (process === undefined) return signalAll(context, processesOf(group), number);
  await signalProcess(context.controller, process, name, number);
  return true;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function allProcessInfo({ controller }: RpcContext): RpcValue {
  return controller
    .processes()
    .sort((a, b) => {
      return compareText(a.groupName, b.groupName) || compareText(a.config.name, b.config.name);
    })
    .map((process) => ({ ...renderProcessInfo(process, controller.nowMs) }));
}

function allConfigInfo({ controller, wantedGroups }: RpcContext): RpcValue {
  return wantedGroups()
    .flatMap((group) => {
      const isInUse = controller.group(group.name) !== undefined;
      return group.processes.map((config) => ({ group, config, isInUse }));
    })
    .sort((a, b) => compareText(a.config.name, b.config.name))
    .map(({ group, config, isInUse }) => renderConfigInfo(group, config, isInUse));
}

const NAME = ['name', 'string'] as const;
const WAIT = ['wait', 'boolean'] as const;
const SIGNAL = ['signal', 'string'] as const;

const START_METHODS: readonly RpcMethod[] = [
  {
    name: 'supervisor.startProcess',
    returns: 'boolean',
    params: [NAME, WAIT],
    optional: 1,
    help: 'Start a process, or every process of a group given as group:*.',
    run(context, values) {
      const params = new Params(values);
      return start(context, params.text(0), params.flag(1, true));
    },
  },
  {
    name: 'supervisor.startProcessGroup',
    returns: 'array',
    params: [NAME, WAIT],
    optional: 1,
    help: 'Start every process of a group.',
    run(context, values) {
      const params = new Params(values);
      const group = findGroup(context.controller, params.text(0));
      return startAll(context, processesOf(group), params.flag(1, true));
    },
  },
  {
    name: 'supervisor.startAllProcesses',
    returns: 'array',
    params: [WAIT],
    optional: 1,
    help: 'Start every process.',
    run(context, values) {
      return startAll(context, allProcesses(context.controller), new Params(values).flag(0, true));
    },
  },
];

const STOP_METHODS: readonly RpcMethod[] = [
  {
    name: 'supervisor.stopProcess',
    returns: 'boolean',
    params: [NAME, WAIT],
    optional: 1,
    help: 'Stop a process, or every process of a group given as group:*.',
    run(context, values) {
      const params = new Params(values);
      return stop(context, params.text(0), params.flag(1, true));
    },
  },
  {
    name: 'supervisor.stopProcessGroup',
    returns: 'array',
    params: [NAME, WAIT],
    optional: 1,
    help: 'Stop every process of a group.',
    run(context, values) {
      const params = new Params(values);
      const group = findGroup(context.controller, params.text(0));
      return stopAll(processesOf(group), params.flag(1, true));
    },
  },
  {
    name: 'supervisor.stopAllProcesses',
    returns: 'array',
    params: [WAIT],
    optional: 1,
    help: 'Stop every process.',
    run(context, values) {
      return stopAll(allProcesses(context.controller), new Params(values).flag(0, true));
    },
  },
];

const SIGNAL_METHODS: readonly RpcMethod[] = [
  {
    name: 'supervisor.signalProcess',
    returns: 'boolean',
    params: [NAME, SIGNAL],
    help: 'Send a signal, by name or number, to a process.',
    run(context, values) {
      const params = new Params(values);
      return signal(context, params.text(0), params.text(1));
    },
  },
  {
    name: 'supervisor.signalProcessGroup',
    returns: 'array',
    params: [NAME, SIGNAL],
    help: 'Send a signal to every process of a group.',
    run(context, values) {
      const params = new Params(values);
      const group = findGroup(context.controller, params.text(0));
      return signalAll(context, processesOf(group), parseSignalFault(params.text(1)));
    },
  },
  {
    name: 'supervisor.signalAllProcesses',
    returns: 'array',
    params: [SIGNAL],
    help: 'Send a signal to every process.',
    run(context, values) {
      const number = parseSignalFault(new Params(values).text(0));
      return signalAll(context, allProcesses(context.controller), number);
    },
  },
];

const INFO_METHODS: readonly RpcMethod[] = [
  {
    name: 'supervisor.getProcessInfo',
    returns: 'struct',
    params: [NAME],
    help: 'State and figures of a process.',
    run({ controller }, values) {
      const process = findProcess(controller, new Params(values).text(0));
      return { ...renderProcessInfo(process, controller.nowMs) };
    },
  },
  {
    name: 'supervisor.getAllProcessInfo',
    returns: 'array',
    params: [],
    help: 'State and figures of every process.',
    run: allProcessInfo,
  },
  {
    name: 'supervisor.getAllConfigInfo',
    returns: 'array',
    params: [],
    help: 'Settings of every process of the configuration as last read.',
    run: allConfigInfo,
  },
];

export const PROCESS_METHODS: readonly RpcMethod[] = [
  ...START_METHODS,
  ...STOP_METHODS,
  ...SIGNAL_METHODS,
  ...INFO_METHODS,
];
