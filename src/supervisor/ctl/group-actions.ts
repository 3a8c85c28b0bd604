/** `reread`, `update`, `add`, `remove`, `avail` (spec/supervisor.md 5). */
import type { CallStatus, ProcessInfo } from '../client.ts';
import { namespec } from '../process/spawn-plan.ts';
import { FAULTS } from '../rpc/fault.ts';
import { isRpcFault } from '../rpc/xml-rpc.ts';
import type { GroupProblem } from '../update.ts';
import {
  type CtlAction,
  type CtlSession,
  EXIT,
  faultOf,
  line,
  refuse,
  refuseBriefly,
} from './session.ts';

type Changes = readonly [added: string[], changed: string[], removed: string[]];

async function reloadConfig(session: CtlSession): Promise<Changes> {
  const [changes] = await session.client.call<string[][][]>('supervisor.reloadConfig');
  return [changes?.[0] ?? [], changes?.[1] ?? [], changes?.[2] ?? []];
}

/** Tells which files could not be used: their groups are as they were. */
async function reportProblems(session: CtlSession): Promise<void> {
  const method = 'slapos.getConfigProblems';
  const refusal = await faultOf(async () => {
    for (const { message } of await session.client.call<GroupProblem[]>(method)) {
      refuseBriefly(session, `ERROR: ${message}`);
    }
  });
  // Another supervisor refuses all or nothing.
  if (refusal !== undefined && refusal.faultCode !== FAULTS.UNKNOWN_METHOD) throw refusal;
}

const REREAD_ACTION: CtlAction = {
  name: 'reread',
  help: "reread \t\t\tReload the daemon's configuration files without add/remove",
  async run(session, args) {
    if (args.length > 0) return refuse(session, this, 'reread accepts no arguments');
    try {
      const [added, changed, removed] = await reloadConfig(session);
      const lines = [
        ...added.map((name) => [name, 'available'] as const),
        ...changed.map((name) => [name, 'changed'] as const),
        ...removed.map((name) => [name, 'disappeared'] as const),
      ].sort(([a], [b]) => (a < b ? -1 : 1));
      for (const [name, what] of lines) line(session, `${name}: ${what}`);
      if (lines.length === 0) line(session, 'No config updates to processes');
      await reportProblems(session);
    } catch (error) {
      if (!isRpcFault(error)) throw error;
      session.exitStatus = EXIT.GENERIC;
      if (error.faultCode === FAULTS.SHUTDOWN_STATE)
        line(session, 'ERROR: supervisor shutting down');
      else if (error.faultCode === FAULTS.CANT_REREAD) line(session, `ERROR: ${error.message}`);
      else throw error;
    }
  },
};

async function stopAndRemove(session: CtlSession, group: string): Promise<void> {
  const results = await session.client.call<CallStatus[]>('supervisor.stopProcessGroup', group);
  line(session, `${group}: stopped`);
  const failed = results.some(({ status }) => status !== FAULTS.SUCCESS);
  if (failed) line(session, `${group}: has problems; not removing`);
  await session.client.call('supervisor.removeProcessGroup', group);
}

/** Says which of the names are no groups; the rest are those to update, undefined for all. */
async function wantedGroups(
  session: CtlSession,
  names: readonly string[],
  changes: Changes,
): Promise<ReadonlySet<string> | undefined> {
  if (names.length === 0 || names.includes('all')) return undefined;
  const infos = await session.client.call<ProcessInfo[]>('supervisor.getAllProcessInfo');
  const known = new Set([...infos.map(({ group }) => group), ...changes.flat()]);
  for (const name of names) {
    if (known.has(name)) continue;
    line(session, `ERROR: no such group: ${name}`);
    session.exitStatus = EXIT.GENERIC;
  }
  return new Set(names);
}

const UPDATE_ACTION: CtlAction = {
  name: 'update',
  help:
    'update\t\t\tReload config and add/remove as necessary, and will restart affected programs\n' +
    'update all\t\tReload config and add/remove as necessary, and will restart affected programs\n' +
    'update <gname> [...]\tUpdate specific groups',
  async run(session, args) {
    let changes: Changes;
    try {
      changes = await reloadConfig(session);
    } catch (error) {
      if (!isRpcFault(error) || error.faultCode !== FAULTS.SHUTDOWN_STATE) throw error;
      line(session, 'ERROR: already shutting down');
      session.exitStatus = EXIT.GENERIC;
      return;
    }
    await reportProblems(session);
    const wanted = await wantedGroups(session, args, changes);
    const isWanted = (name: string) => wanted === undefined || wanted.has(name);
    const [added, changed, removed] = changes;
    for (const group of removed.filter(isWanted)) {
      await stopAndRemove(session, group);
      line(session, `${group}: removed process group`);
    }
    for (const group of changed.filter(isWanted)) {
      await stopAndRemove(session, group);
      await session.client.call('supervisor.addProcessGroup', group);
      line(session, `${group}: updated process group`);
    }
    for (const group of added.filter(isWanted)) {
      await session.client.call('supervisor.addProcessGroup', group);
      line(session, `${group}: added process group`);
    }
  },
};

interface GroupVerb {
  readonly word: string;
  readonly method: string;
  readonly done: string;
  readonly help: string;
  readonly faults: Readonly<Record<number, (name: string) => string>>;
  readonly ignored: readonly number[];
}

function groupAction(verb: GroupVerb): CtlAction {
  return {
    name: verb.word,
    help: verb.help,
    async run(session, args) {
      for (const name of args) {
        const refusal = await faultOf(() => session.client.call(verb.method, name));
        if (refusal === undefined) {
          line(session, `${name}: ${verb.done} process group`);
          continue;
        }
        const message = verb.faults[refusal.faultCode];
        if (message === undefined) throw refusal;
        line(session, `ERROR: ${message(name)}`);
        if (!verb.ignored.includes(refusal.faultCode)) session.exitStatus = EXIT.GENERIC;
      }
    },
  };
}

const ADD_ACTION = groupAction({
  word: 'add',
  method: 'supervisor.addProcessGroup',
  done: 'added',
  help: 'add <name> [...]\tActivates any updates in config for process/group',
  faults: {
    [FAULTS.SHUTDOWN_STATE]: () => 'shutting down',
    [FAULTS.ALREADY_ADDED]: () => 'process group already active',
    [FAULTS.BAD_NAME]: (name) => `no such process/group: ${name}`,
  },
  ignored: [FAULTS.ALREADY_ADDED],
});

const REMOVE_ACTION = groupAction({
  word: 'remove',
  method: 'supervisor.removeProcessGroup',
  done: 'removed',
  help: 'remove <name> [...]\tRemoves process/group from active config',
  faults: {
    [FAULTS.STILL_RUNNING]: (name) => `process/group still running: ${name}`,
    [FAULTS.BAD_NAME]: (name) => `no such process/group: ${name}`,
  },
  ignored: [],
});

interface ConfigInfo {
  readonly group: string;
  readonly name: string;
  readonly inuse: boolean;
  readonly autostart: boolean;
  readonly group_prio: number;
  readonly process_prio: number;
}

const AVAIL_ACTION: CtlAction = {
  name: 'avail',
  help: 'avail\t\t\tDisplay all configured processes',
  async run(session, args) {
    if (args.length > 0) return refuse(session, this, 'avail accepts no arguments');
    let infos: readonly ConfigInfo[] = [];
    const refusal = await faultOf(async () => {
      infos = await session.client.call<ConfigInfo[]>('supervisor.getAllConfigInfo');
    });
    if (refusal?.faultCode === FAULTS.SHUTDOWN_STATE) {
      return refuseBriefly(session, 'ERROR: supervisor shutting down');
    }
    if (refusal !== undefined) throw refusal;
    for (const info of infos) {
      const columns = [
        namespec(info.group, info.name).padEnd(32),
        (info.inuse ? 'in use' : 'avail').padEnd(9),
        (info.autostart ? 'auto' : 'manual').padEnd(9),
        `${info.group_prio}:${info.process_prio}`,
      ];
      line(session, columns.join(' '));
    }
  },
};

export const GROUP_ACTIONS: readonly CtlAction[] = [
  REREAD_ACTION,
  UPDATE_ACTION,
  ADD_ACTION,
  REMOVE_ACTION,
  AVAIL_ACTION,
];
