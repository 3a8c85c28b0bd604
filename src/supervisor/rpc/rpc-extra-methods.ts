/** Our own methods beside upstream's (spec/supervisor.md 11.9): updates, changes, usage. */
import { readCgroupUsage } from '../../host/process/cgroup-usage.ts';
import type { Controller } from '../controller.ts';
import type { GroupDiff } from '../group-diff.ts';
import { applyGroupUpdate } from '../group-update.ts';
import type { ManagedProcess } from '../process/managed-process.ts';
import { renderProcessInfo } from './process-info.ts';
import { readDiff } from './rpc-daemon-methods.ts';
import { selectProcesses } from './rpc-explain-methods.ts';
import { Params, type RpcContext, type RpcMethod } from './rpc-method.ts';
import type { RpcValue } from './xml-rpc.ts';

/** Updates run one after the other: each starts from what the one before left. */
const updates = new WeakMap<Controller, Promise<unknown>>();

function narrow(diff: GroupDiff, names: RpcValue | undefined): GroupDiff {
  if (!Array.isArray(names) || names.length === 0) return diff;
  const wanted = new Set((names as readonly RpcValue[]).map(String));
  const only = (list: readonly string[]) => list.filter((name) => wanted.has(name));
  return { added: only(diff.added), changed: only(diff.changed), removed: only(diff.removed) };
}

function listProblems({ problems }: RpcContext): RpcValue {
  return problems().map((problem) => ({ ...problem }));
}

async function update(context: RpcContext, names: RpcValue | undefined): Promise<RpcValue> {
  const diff = narrow(readDiff(context), names);
  await applyGroupUpdate(context.controller, diff, context.wantedGroups());
  await context.settle();
  return { ...diff, problems: listProblems(context) };
}

function applyUpdate(context: RpcContext, names: RpcValue | undefined): Promise<RpcValue> {
  const before = updates.get(context.controller) ?? Promise.resolve();
  const result = before.then(() => update(context, names));
  updates.set(
    context.controller,
    result.catch(() => undefined),
  );
  return result;
}

function getChanges({ controller }: RpcContext, token: string): RpcValue {
  const { token: next, isFull, changed, removed } = controller.changes.since(token);
  const processes = changed.flatMap((name) => controller.findByFullName(name) ?? []);
  return {
    token: next,
    full: isFull,
    processes: processes.map((each) => ({ ...renderProcessInfo(each, controller.nowMs) })),
    removed,
  };
}

async function usageOf({ status, groupName, config }: ManagedProcess): Promise<RpcValue> {
  const usage = status.pid === 0 ? null : await readCgroupUsage(status.pid);
  const cgroup =
    usage === null
      ? null
      : {
          path: usage.path,
          cpu_seconds: usage.cpuSeconds,
          memory_kib: Math.ceil(usage.memoryBytes / 1024),
          processes: usage.processCount,
          read_kib: Math.ceil(usage.readBytes / 1024),
          written_kib: Math.ceil(usage.writtenBytes / 1024),
        };
  return { name: config.name, group: groupName, pid: status.pid, cgroup };
}

const NAMES = ['names', 'array'] as const;

export const EXTRA_METHODS: readonly RpcMethod[] = [
  {
    name: 'slapos.applyUpdate',
    returns: 'struct',
    params: [NAMES],
    optional: 1,
    help:
      'Read the files again and make the groups (all of them without names) what they say: stops ' +
      'at the same time, and of a changed group only what changed. Answers added, changed, ' +
      'removed, and problems as of getConfigProblems.',
    run: (context, values) => applyUpdate(context, values[0]),
  },
  {
    name: 'slapos.getChanges',
    returns: 'struct',
    params: [['token', 'string']],
    optional: 1,
    help:
      'Tell which processes changed since the answer that gave the token: processes as of ' +
      'getProcessInfo, removed names, the next token. full: forget what you knew.',
    run(context, values) {
      return getChanges(context, values.length === 0 ? '' : new Params(values).text(0));
    },
  },
  {
    name: 'slapos.getUsage',
    returns: 'array',
    params: [NAMES],
    optional: 1,
    help:
      'Tell what processes (all of them without names) have used: cgroup is nil for a process ' +
      'without a cgroup of its own, else path, cpu_seconds, memory_kib, processes, read_kib and ' +
      'written_kib.',
    run: (context, values) => Promise.all(selectProcesses(context, values[0] ?? []).map(usageOf)),
  },
  {
    name: 'slapos.getConfigProblems',
    returns: 'array',
    params: [],
    help:
      'Files that the last reading of the configuration could not use: structs of file, line (0 ' +
      'for none), section, key and message.',
    run: listProblems,
  },
];
