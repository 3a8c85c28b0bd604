/** Methods about the logs and the standard input of processes (spec/supervisor.md 4.3, 4.4). */

import { errorCode } from '../../errors/slapos-error.ts';
import { truncateProgramLog } from '../../host/log/program-log.ts';
import { writeProcessInput } from '../../host/process/process-input.ts';
import { allProcesses, findProcess, forEachProcess } from '../operations.ts';
import { readLogText, tailLogText } from '../output/log-text.ts';
import type { ManagedProcess } from '../process/managed-process.ts';
import { isSignallableState } from '../process/process-state.ts';
import { fault } from './fault.ts';
import { Params, type RpcContext, type RpcMethod } from './rpc-method.ts';
import type { RpcValue } from './xml-rpc.ts';

type Channel = 'stdout' | 'stderr';

const RANGE = [
  ['name', 'string'],
  ['offset', 'int'],
  ['length', 'int'],
] as const;

function readMethod(name: string, channel: Channel): RpcMethod {
  return {
    name: `supervisor.${name}`,
    returns: 'string',
    params: RANGE,
    help: `Read a part of the ${channel} log of a process.`,
    run({ controller }, values) {
      const params = new Params(values);
      const { logs } = findProcess(controller, params.text(0));
      return readLogText(logs[channel], params.integer(1), params.integer(2));
    },
  };
}

function tailMethod(name: string, channel: Channel): RpcMethod {
  return {
    name: `supervisor.${name}`,
    returns: 'array',
    params: RANGE,
    help: `Read the end of the ${channel} log of a process: text, size, whether there was more.`,
    run({ controller }, values) {
      const params = new Params(values);
      const { logs } = findProcess(controller, params.text(0));
      return tailLogText(logs[channel], params.integer(1), params.integer(2));
    },
  };
}

async function clearLogs(process: ManagedProcess, namespec: string): Promise<void> {
  const { stdout, stderr } = process.logs;
  try {
    for (const path of [stdout, stderr]) if (path !== '') await truncateProgramLog(path);
  } catch {
    throw fault('FAILED', namespec);
  }
}

function clearMethod(name: string): RpcMethod {
  return {
    name: `supervisor.${name}`,
    returns: 'boolean',
    params: [['name', 'string']],
    help: 'Empty the logs of a process.',
    async run({ controller }, values) {
      const namespec = new Params(values).text(0);
      await clearLogs(findProcess(controller, namespec), namespec);
      return true;
    },
  };
}

async function sendInput(
  { controller }: RpcContext,
  namespec: string,
  text: string,
): Promise<RpcValue> {
  const process = findProcess(controller, namespec);
  const { state, pid } = process.status;
  if (!isSignallableState(state) || pid === 0) throw fault('NOT_RUNNING', namespec);
  try {
    await writeProcessInput(pid, text);
  } catch (error) {
    // Nobody reads, it is no pipe, or the service closed it.
    if (['EPIPE', 'ENXIO', 'ENOENT'].includes(errorCode(error))) throw fault('NO_FILE', namespec);
    throw fault('FAILED', namespec);
  }
  return true;
}

export const LOG_METHODS: readonly RpcMethod[] = [
  readMethod('readProcessStdoutLog', 'stdout'),
  readMethod('readProcessLog', 'stdout'),
  readMethod('readProcessStderrLog', 'stderr'),
  tailMethod('tailProcessStdoutLog', 'stdout'),
  tailMethod('tailProcessLog', 'stdout'),
  tailMethod('tailProcessStderrLog', 'stderr'),
  clearMethod('clearProcessLogs'),
  clearMethod('clearProcessLog'),
  {
    name: 'supervisor.clearAllProcessLogs',
    returns: 'array',
    params: [],
    help: 'Empty the logs of every process.',
    run: ({ controller }) => forEachProcess(allProcesses(controller), clearLogs),
  },
  {
    name: 'supervisor.sendProcessStdin',
    returns: 'boolean',
    params: [
      ['name', 'string'],
      ['chars', 'string'],
    ],
    help: 'Write to the standard input of a process.',
    run(context, values) {
      const params = new Params(values);
      return sendInput(context, params.text(0), params.text(1));
    },
  },
];
