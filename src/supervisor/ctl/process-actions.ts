/** `start`, `stop`, `restart`, `signal`, `clear` (spec/supervisor.md 5). */
import type { CallStatus } from '../client.ts';
import { namespec } from '../process/spawn-plan.ts';
import { FAULTS } from '../rpc/fault.ts';
import { isRpcFault, type RpcValue } from '../rpc/xml-rpc.ts';
import { type CtlAction, type CtlSession, EXIT, isUp, line, refuse, splitName } from './session.ts';

/** How one verb talks about its results. */
interface Verb {
  readonly word: string;
  /** Text after a success. */
  readonly done: string;
  readonly methods: { readonly one: string; readonly group: string; readonly all: string };
  /** Parameters after the name. */
  readonly params: readonly RpcValue[];
  readonly faults: Readonly<Record<number, string>>;
  /** Faults that leave the exit status alone. */
  readonly ignored: readonly number[];
  readonly noGroupStatus: number;
}

const START: Verb = {
  word: 'start',
  done: 'started',
  methods: {
    one: 'supervisor.startProcess',
    group: 'supervisor.startProcessGroup',
    all: 'supervisor.startAllProcesses',
  },
  params: [],
  faults: {
    [FAULTS.BAD_NAME]: 'no such process',
    [FAULTS.NO_FILE]: 'no such file',
    [FAULTS.NOT_EXECUTABLE]: 'file is not executable',
    [FAULTS.ALREADY_STARTED]: 'already started',
    [FAULTS.SPAWN_ERROR]: 'spawn error',
    [FAULTS.ABNORMAL_TERMINATION]: 'abnormal termination',
  },
  ignored: [FAULTS.ALREADY_STARTED],
  noGroupStatus: EXIT.INVALID_ARGS,
};

const STOP: Verb = {
  word: 'stop',
  done: 'stopped',
  methods: {
    one: 'supervisor.stopProcess',
    group: 'supervisor.stopProcessGroup',
    all: 'supervisor.stopAllProcesses',
  },
  params: [],
  faults: {
    [FAULTS.BAD_NAME]: 'no such process',
    [FAULTS.NOT_RUNNING]: 'not running',
    [FAULTS.FAILED]: 'failed',
  },
  ignored: [FAULTS.NOT_RUNNING],
  noGroupStatus: EXIT.GENERIC,
};

const CLEAR: Verb = {
  word: 'clear',
  done: 'cleared',
  methods: {
    one: 'supervisor.clearProcessLogs',
    group: 'supervisor.clearProcessLogs',
    all: 'supervisor.clearAllProcessLogs',
  },
  params: [],
  faults: { [FAULTS.BAD_NAME]: 'no such process', [FAULTS.FAILED]: 'failed' },
  ignored: [],
  noGroupStatus: EXIT.GENERIC,
};

function signalVerb(signal: string): Verb {
  return {
    word: 'signal',
    done: 'signalled',
    methods: {
      one: 'supervisor.signalProcess',
      group: 'supervisor.signalProcessGroup',
      all: 'supervisor.signalAllProcesses',
    },
    params: [signal],
    faults: {
      [FAULTS.BAD_NAME]: 'no such process',
      [FAULTS.BAD_SIGNAL]: 'bad signal name',
      [FAULTS.NOT_RUNNING]: 'not running',
    },
    ignored: [],
    noGroupStatus: EXIT.GENERIC,
  };
}

function exitStatusOf(code: number): number {
  const isDown =
    code === FAULTS.SPAWN_ERROR ||
    code === FAULTS.ABNORMAL_TERMINATION ||
    code === FAULTS.NOT_RUNNING;
  return isDown ? EXIT.NOT_RUNNING : EXIT.GENERIC;
}

/** One line for one result, and its part of the exit status. */
function tell(session: CtlSession, verb: Verb, name: string, code: number): void {
  if (code === FAULTS.SUCCESS) {
    line(session, `${name}: ${verb.done}`);
    return;
  }
  line(session, `${name}: ERROR (${verb.faults[code] ?? `unknown result code ${code}`})`);
  if (!verb.ignored.includes(code)) session.exitStatus = exitStatusOf(code);
}

function tellAll(session: CtlSession, verb: Verb, results: readonly CallStatus[]): void {
  for (const { group, name, status } of results) tell(session, verb, namespec(group, name), status);
}

async function onGroup(session: CtlSession, verb: Verb, group: string): Promise<void> {
  try {
    const { client } = session;
    tellAll(
      session,
      verb,
      await client.call<CallStatus[]>(verb.methods.group, group, ...verb.params),
    );
  } catch (error) {
    if (!isRpcFault(error)) throw error;
    if (error.faultCode !== FAULTS.BAD_NAME) throw error;
    line(session, `${group}: ERROR (no such group)`);
    session.exitStatus = verb.noGroupStatus;
  }
}

async function onProcess(session: CtlSession, verb: Verb, name: string): Promise<void> {
  // A group where a process is wanted: upstream's word for none.
  const { group, process = 'None' } = splitName(name);
  const shown = namespec(group, process);
  try {
    await session.client.call(verb.methods.one, name, ...verb.params);
    tell(session, verb, shown, FAULTS.SUCCESS);
  } catch (error) {
    if (!isRpcFault(error) || !(error.faultCode in verb.faults)) throw error;
    tell(session, verb, shown, error.faultCode);
  }
}

async function runVerb(session: CtlSession, verb: Verb, names: readonly string[]): Promise<void> {
  if (names.includes('all')) {
    const results = await session.client.call<CallStatus[]>(verb.methods.all, ...verb.params);
    return tellAll(session, verb, results);
  }
  for (const name of names) {
    const { group, process } = splitName(name);
    if (process === undefined && verb !== CLEAR) await onGroup(session, verb, group);
    else await onProcess(session, verb, name);
  }
}

function simpleAction(verb: Verb, help: string, emptyStatus: number): CtlAction {
  return {
    name: verb.word,
    help,
    async run(session, args) {
      if (!(await isUp(session))) return;
      if (args.length === 0) {
        return refuse(session, this, `${verb.word} requires a process name`, emptyStatus);
      }
      await runVerb(session, verb, args);
    },
  };
}

const START_ACTION = simpleAction(
  START,
  'start <name>\t\tStart a process\n' +
    'start <gname>:*\t\tStart all processes in a group\n' +
    'start <name> <name>\tStart multiple processes or groups\n' +
    'start all\t\tStart all processes',
  EXIT.INVALID_ARGS,
);

const STOP_ACTION = simpleAction(
  STOP,
  'stop <name>\t\tStop a process\n' +
    'stop <gname>:*\t\tStop all processes in a group\n' +
    'stop <name> <name>\tStop multiple processes or groups\n' +
    'stop all\t\tStop all processes',
  EXIT.GENERIC,
);

const CLEAR_ACTION = simpleAction(
  CLEAR,
  "clear <name>\t\tClear a process' log files.\n" +
    "clear <name> <name>\tClear multiple process' log files\n" +
    "clear all\t\tClear all process' log files",
  EXIT.GENERIC,
);

const RESTART_ACTION: CtlAction = {
  name: 'restart',
  help:
    'restart <name>\t\tRestart a process\n' +
    'restart <gname>:*\tRestart all processes in a group\n' +
    'restart <name> <name>\tRestart multiple processes or groups\n' +
    'restart all\t\tRestart all processes\n' +
    'Note: restart does not reread config files. For that, see reread and update.',
  async run(session, args) {
    if (!(await isUp(session))) return;
    if (args.length === 0) return refuse(session, this, 'restart requires a process name');
    await runVerb(session, STOP, args);
    await runVerb(session, START, args);
  },
};

const SIGNAL_ACTION: CtlAction = {
  name: 'signal',
  help:
    'signal <signal name> <name>\t\tSignal a process\n' +
    'signal <signal name> <gname>:*\t\tSignal all processes in a group\n' +
    'signal <signal name> <name> <name>\tSignal multiple processes or groups\n' +
    'signal <signal name> all\t\tSignal all processes',
  async run(session, args) {
    if (!(await isUp(session))) return;
    const [signal, ...names] = args;
    if (signal === undefined || names.length === 0) {
      return refuse(session, this, 'signal requires a signal name and a process name');
    }
    await runVerb(session, signalVerb(signal), names);
  },
};

export const PROCESS_ACTIONS: readonly CtlAction[] = [
  START_ACTION,
  STOP_ACTION,
  RESTART_ACTION,
  SIGNAL_ACTION,
  CLEAR_ACTION,
];
