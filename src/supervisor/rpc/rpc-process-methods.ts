/** Methods about processes (spec/supervisor.md 4.3). */

import { parseSignal } from '../configuration/value-types.ts';
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
} from '../operations.ts';
import type { ManagedProcess } from '../process/managed-process.ts';
import { isSignallableState } from '../process/process-state.ts';
import { fault } from './fault.ts';
import { renderConfigInfo, renderProcessInfo } from './process-info.ts';
import { compareText, inListingOrder } from './process-info-xml.ts';
import { Params, type RpcContext, type RpcMethod } from './rpc-method.ts';
import type { RpcValue } from './xml-rpc.ts';

function startAll(
  { controller }: RpcContext,
  processes: readonly ManagedProcess[],
  isWaiting: boolean,
): Promise<RpcValue[]> {
  return forEachProcess(processes.filter(isStartable), (process, name, onWait) => {
    return startProcess(controller, process, name, isWaiting, onWait);
  });
}

function stopAll(
  _: RpcContext,
  processes: readonly ManagedProcess[],
  isWaiting: boolean,
): Promise<RpcValue[]> {
  return forEachProcess(processes.filter(isStoppable), (process, name, onWait) => {
    return stopProcess(process, name, isWaiting, onWait);
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
  text: string,
): Promise<RpcValue[]> {
  const targets = processes.filter(({ status }) => isSignallableState(status.state));
  return forEachProcess(targets, async (process, name) => {
    await signalProcess(controller, process, name, parseSignalFault(text));
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
  if (process === undefined) return stopAll(context, processesOf(group), isWaiting);
  await stopProcess(process, name, isWaiting);
  return true;
}

async function signal(context: RpcContext, name: string, text: string): Promise<RpcValue> {
  const { group, process } = findTarget(context.controller, name);
  if (process === undefined) return signalAll(context, processesOf(group), text);
  await signalProcess(context.controller, process, name, parseSignalFault(text));
  return true;
}

/** For calls within others; alone it is answered by {@link ProcessInfoXml}. */
function allProcessInfo({ controller }: RpcContext): RpcValue {
  return inListingOrder(controller).map((process) => {
    return { ...renderProcessInfo(process, controller.nowMs) };
  });
}

function allConfigInfo({ controller, wantedGroups }: RpcContext): RpcValue {
  return wantedGroups()
    .flatMap((group) => {
      const inUse = controller.group(group.name);
      return group.processes.map((config) => ({ group, config, inUse }));
    })
    .sort((a, b) => compareText(a.config.name, b.config.name))
    .map(({ group, config, inUse }) => {
      const logs = inUse?.processes.get(config.name)?.logs;
      return renderConfigInfo(group, config, inUse !== undefined, logs);
    });
}

const NAME = ['name', 'string'] as const;
const WAIT = ['wait', 'boolean'] as const;
const SIGNAL = ['signal', 'string'] as const;

/** What starting and stopping have in common: one process, a group, all. */
function runMethods(
  verb: 'start' | 'stop',
  one: (context: RpcContext, name: string, isWaiting: boolean) => Promise<RpcValue>,
  several: (
    context: RpcContext,
    processes: readonly ManagedProcess[],
    isWaiting: boolean,
  ) => Promise<RpcValue[]>,
): RpcMethod[] {
  const title = verb === 'start' ? 'Start' : 'Stop';
  return [
    {
      name: `supervisor.${verb}Process`,
      returns: 'boolean',
      params: [NAME, WAIT],
      optional: 1,
      help: `${title} a process, or every process of a group given as group:*.`,
      run(context, values) {
        const params = new Params(values);
        return one(context, params.text(0), params.flag(1, true));
      },
    },
    {
      name: `supervisor.${verb}ProcessGroup`,
      returns: 'array',
      params: [NAME, WAIT],
      optional: 1,
      help: `${title} every process of a group.`,
      run(context, values) {
        const params = new Params(values);
        const group = findGroup(context.controller, params.text(0));
        return several(context, processesOf(group), params.flag(1, true));
      },
    },
    {
      name: `supervisor.${verb}AllProcesses`,
      returns: 'array',
      params: [WAIT],
      optional: 1,
      help: `${title} every process.`,
      run(context, values) {
        const isWaiting = new Params(values).flag(0, true);
        return several(context, allProcesses(context.controller), isWaiting);
      },
    },
  ];
}

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
      return signalAll(context, processesOf(group), params.text(1));
    },
  },
  {
    name: 'supervisor.signalAllProcesses',
    returns: 'array',
    params: [SIGNAL],
    help: 'Send a signal to every process.',
    run(context, values) {
      return signalAll(context, allProcesses(context.controller), new Params(values).text(0));
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
  ...runMethods('start', start, startAll),
  ...runMethods('stop', stop, stopAll),
  ...SIGNAL_METHODS,
  ...INFO_METHODS,
];
