/** `slapos.explainProcesses`: why processes are as they are. Ours, beside upstream's methods. */
import { readProgramLog } from '../../host/log/program-log.ts';
import { signalName } from '../configuration/value-types.ts';
import { allProcesses, findTarget, processesOf } from '../operations.ts';
import { lastLine } from '../output/log-line.ts';
import type { LogPaths, ManagedProcess } from '../process/managed-process.ts';
import type { LastExit, ProcessState } from '../process/process-state.ts';
import type { RpcContext, RpcMethod } from './rpc-method.ts';
import { isRpcFault, type RpcValue } from './xml-rpc.ts';

const READ_BYTES = 4096;
const PARALLEL_READS = 16;

/** States in which the log may tell why. */
const TELLING_STATES: ReadonlySet<ProcessState> = new Set(['BACKOFF', 'EXITED', 'FATAL']);

async function readLastLine(path: string): Promise<string> {
  const part = await readProgramLog(path, (size) => {
    return { offset: Math.max(0, size - READ_BYTES), length: READ_BYTES };
  }).catch(() => undefined);
  if (part === undefined) return '';
  return lastLine(part.data.toString('utf8'), part.sizeBytes <= READ_BYTES);
}

/** The last line of what the process said; of its errors, when they have a log of their own. */
async function findLastLine({ stdout, stderr }: LogPaths): Promise<string> {
  const errors = stderr === '' ? '' : await readLastLine(stderr);
  return errors === '' && stdout !== '' ? readLastLine(stdout) : errors;
}

function renderLastExit(exit: LastExit | null): RpcValue {
  return {
    known: exit !== null && !exit.isLost,
    time: exit === null ? 0 : Math.floor(exit.atMs / 1000),
    status: exit?.status ?? 0,
    signal: exit === null || exit.signal === 0 ? '' : signalName(exit.signal),
    core: exit?.hasDumpedCore ?? false,
  };
}

async function explain(process: ManagedProcess): Promise<RpcValue> {
  const { status, logs, groupName, config } = process;
  return {
    name: config.name,
    group: groupName,
    last_exit: renderLastExit(status.lastExit),
    last_line: TELLING_STATES.has(status.state) ? await findLastLine(logs) : '',
  };
}

/** Processes by namespec, a group's all by `group:*`; names of nothing are left out. */
export function selectProcesses({ controller }: RpcContext, names: RpcValue): ManagedProcess[] {
  if (!Array.isArray(names) || names.length === 0) return allProcesses(controller);
  const found = (names as readonly RpcValue[]).flatMap((name) => {
    try {
      const { group, process } = findTarget(controller, String(name));
      return process === undefined ? processesOf(group) : [process];
    } catch (error) {
      if (isRpcFault(error)) return [];
      throw error;
    }
  });
  return [...new Set(found)];
}

async function explainAll(processes: readonly ManagedProcess[]): Promise<RpcValue[]> {
  const rows: RpcValue[] = [];
  const waiting = processes.entries();
  const work = async () => {
    for (const [index, process] of waiting) rows[index] = await explain(process);
  };
  await Promise.all(Array.from({ length: PARALLEL_READS }, work));
  return rows;
}

export const EXPLAIN_METHODS: readonly RpcMethod[] = [
  {
    name: 'slapos.explainProcesses',
    returns: 'array',
    params: [['names', 'array']],
    optional: 1,
    help:
      'Tell of each process (all of them without names) how it ended last, and the last line of ' +
      'its log when it does not run: structs of name, group, last_exit (known, time, status, ' +
      'signal, core) and last_line. A time of 0 stands for never.',
    run: (context, values) => explainAll(selectProcesses(context, values[0] ?? [])),
  },
];
