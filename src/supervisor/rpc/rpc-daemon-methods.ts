/** Methods about the daemon itself and its groups (spec/supervisor.md 4.3). */

import { ConfigurationError, type GroupConfig } from '../configuration/program-config.ts';
import { renderRemoteEvent } from '../event/event.ts';
import { diffGroups, type GroupDiff } from '../group-diff.ts';
import { findGroup } from '../operations.ts';
import { readLogText } from '../output/log-text.ts';
import { fault } from './fault.ts';
import { Params, type RpcContext, type RpcMethod } from './rpc-method.ts';
import type { RpcValue } from './xml-rpc.ts';

/** Version of supervisor that we are compatible with. */
export const SUPERVISOR_VERSION = '4.3.0';
const API_VERSION = '3.0';

/**
 * Reads the files and compares them with what runs.
 * @throws RpcFault CANT_REREAD
 */
export function readDiff({ controller, reload }: RpcContext): GroupDiff {
  let wanted: readonly GroupConfig[];
  try {
    wanted = reload();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    throw fault('CANT_REREAD', error.message);
  }
  const running = controller.groups().map(({ config }) => config);
  return diffGroups(running, wanted);
}

function reloadConfig(context: RpcContext): RpcValue {
  const { added, changed, removed } = readDiff(context);
  return [[added, changed, removed]];
}

async function addProcessGroup(context: RpcContext, name: string): Promise<boolean> {
  const config = context.wantedGroups().find((group) => group.name === name);
  if (config === undefined) throw fault('BAD_NAME', name);
  if (context.controller.group(name) !== undefined) throw fault('ALREADY_ADDED', name);
  await context.controller.addGroup(config);
  await context.settle();
  return true;
}

async function removeProcessGroup(context: RpcContext, name: string): Promise<boolean> {
  const { controller } = context;
  findGroup(controller, name);
  if (!controller.removeGroup(name)) throw fault('STILL_RUNNING', name);
  await context.settle();
  return true;
}

const LOG_RANGE = [
  ['offset', 'int'],
  ['length', 'int'],
] as const;

function readMainLog(name: string): RpcMethod {
  return {
    name: `supervisor.${name}`,
    returns: 'string',
    params: LOG_RANGE,
    help: 'Read a part of the main log.',
    run({ log }, values) {
      const params = new Params(values);
      return readLogText(log.path, params.integer(0), params.integer(1));
    },
  };
}

export const DAEMON_METHODS: readonly RpcMethod[] = [
  ...['getAPIVersion', 'getVersion'].map((name): RpcMethod => {
    return {
      name: `supervisor.${name}`,
      returns: 'string',
      params: [],
      help: 'Version of this interface.',
      run: () => API_VERSION,
    };
  }),
  {
    name: 'supervisor.getSupervisorVersion',
    returns: 'string',
    params: [],
    help: 'Version of supervisor that this daemon behaves like.',
    run: () => SUPERVISOR_VERSION,
  },
  {
    name: 'supervisor.getIdentification',
    returns: 'string',
    params: [],
    help: 'Identifier of this daemon.',
    run: ({ identifier }) => identifier,
  },
  {
    name: 'supervisor.getPID',
    returns: 'int',
    params: [],
    help: 'Process id of this daemon.',
    run: ({ daemonPid }) => daemonPid,
  },
  {
    name: 'supervisor.getState',
    returns: 'struct',
    params: [],
    help: 'State of this daemon as a struct of statecode and statename.',
    run: () => ({ statecode: 1, statename: 'RUNNING' }),
  },
  readMainLog('readLog'),
  readMainLog('readMainLog'),
  {
    name: 'supervisor.clearLog',
    returns: 'boolean',
    params: [],
    help: 'Empty the main log.',
    run({ log }) {
      log.clear();
      return true;
    },
  },
  {
    name: 'supervisor.shutdown',
    returns: 'boolean',
    params: [],
    help: 'Stop every process and end the daemon.',
    run({ leave }) {
      leave('SHUTDOWN');
      return true;
    },
  },
  {
    name: 'supervisor.restart',
    returns: 'boolean',
    params: [],
    help: 'Stop every process, read the configuration and start again.',
    run({ leave }) {
      leave('RESTARTING');
      return true;
    },
  },
  {
    name: 'supervisor.reloadConfig',
    returns: 'array',
    params: [],
    help: 'Read the files again and tell which groups were added, changed and removed; nothing is applied.',
    run: reloadConfig,
  },
  {
    name: 'supervisor.addProcessGroup',
    returns: 'boolean',
    params: [['name', 'string']],
    help: 'Add a group of the configuration as last read.',
    run: (context, values) => addProcessGroup(context, new Params(values).text(0)),
  },
  {
    name: 'supervisor.removeProcessGroup',
    returns: 'boolean',
    params: [['name', 'string']],
    help: 'Remove a group whose processes are all stopped.',
    run: (context, values) => removeProcessGroup(context, new Params(values).text(0)),
  },
  {
    name: 'supervisor.sendRemoteCommEvent',
    returns: 'boolean',
    params: [
      ['type', 'string'],
      ['data', 'string'],
    ],
    help: 'Send an event of a type of your own to the listeners.',
    isAlwaysServed: true,
    run({ controller }, values) {
      const params = new Params(values);
      controller.emit(renderRemoteEvent(params.text(0), params.text(1)));
      return true;
    },
  },
  {
    name: 'slapos.getVersion',
    returns: 'struct',
    params: [],
    help: 'Versions and pids of keeper and controller.',
    run: ({ versions }) => ({ ...versions() }),
  },
  {
    name: 'slapos.upgrade',
    returns: 'boolean',
    params: [
      ['program', 'string'],
      ['words', 'array'],
    ],
    help: 'Replace keeper and controller while services run: the keeper becomes this program with these words.',
    async run({ upgrade }, values) {
      const words = values[1];
      if (!Array.isArray(words)) throw fault('INCORRECT_PARAMETERS');
      await upgrade(new Params(values).text(0), words.map(String));
      return true;
    },
  },
];
