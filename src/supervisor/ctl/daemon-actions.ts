/** `pid`, `version`, `shutdown`, `reload`, `open` (spec/supervisor.md 5). */
import type { ProcessInfo } from '../client.ts';
import { isUnreachable, parseServerUrl, SupervisorClient } from '../client.ts';
import { FAULTS } from '../rpc/fault.ts';
import { isRpcFault } from '../rpc/xml-rpc.ts';
import {
  type CtlAction,
  type CtlSession,
  EXIT,
  isUp,
  line,
  refuse,
  refuseBriefly,
  unreachableCode,
} from './session.ts';
import { STATUS_ACTION } from './status-action.ts';

async function showPids(session: CtlSession, names: readonly string[]): Promise<void> {
  for (const name of names) {
    try {
      const info = await session.client.call<ProcessInfo>('supervisor.getProcessInfo', name);
      line(session, String(info.pid));
      if (info.pid === 0) session.exitStatus = EXIT.NOT_RUNNING;
    } catch (error) {
      if (!isRpcFault(error) || error.faultCode !== FAULTS.BAD_NAME) throw error;
      line(session, `No such process ${name}`);
      session.exitStatus = EXIT.GENERIC;
    }
  }
}

const PID_ACTION: CtlAction = {
  name: 'pid',
  help:
    'pid\t\t\tGet the PID of supervisord.\n' +
    'pid <name>\t\tGet the PID of a single child process by name.\n' +
    'pid all\t\t\tGet the PID of every child process, one per line.',
  async run(session, args) {
    if (!(await isUp(session))) return;
    if (args.length === 0) {
      line(session, String(await session.client.call<number>('supervisor.getPID')));
    } else if (args.includes('all')) {
      const infos = await session.client.call<ProcessInfo[]>('supervisor.getAllProcessInfo');
      for (const info of infos) line(session, String(info.pid));
    } else await showPids(session, args);
  },
};

const VERSION_ACTION: CtlAction = {
  name: 'version',
  help: 'version\t\t\tShow the version of the remote supervisord process',
  async run(session, args) {
    if (args.length > 0) return refuse(session, this, 'version accepts no arguments');
    if (!(await isUp(session))) return;
    line(session, await session.client.call<string>('supervisor.getSupervisorVersion'));
  },
};

interface EndVerb {
  readonly word: string;
  readonly method: string;
  readonly question: string;
  readonly done: string;
  readonly help: string;
  /** Exit status when it is shutting down already. */
  readonly lateStatus: number;
  /** What is said of a daemon that cannot be reached, by errno code. */
  readonly unreachable: Readonly<Record<string, string>>;
}

async function end(session: CtlSession, verb: EndVerb): Promise<void> {
  if (session.isInteractive) {
    const answer = await session.ask(verb.question);
    if (!/^y(es)?$/i.test(answer?.trim() ?? '')) return;
  }
  try {
    await session.client.call(verb.method);
    line(session, verb.done);
  } catch (error) {
    if (isRpcFault(error) && error.faultCode === FAULTS.SHUTDOWN_STATE) {
      line(session, 'ERROR: already shutting down');
      session.exitStatus = verb.lateStatus;
      return;
    }
    const why = isUnreachable(error) ? verb.unreachable[unreachableCode(error)] : undefined;
    if (why === undefined) throw error;
    refuseBriefly(session, `ERROR: ${session.client.address} ${why} (already shut down?)`);
  }
}

function endAction(verb: EndVerb): CtlAction {
  return {
    name: verb.word,
    help: verb.help,
    async run(session, args) {
      if (args.length > 0) return refuse(session, this, `${verb.word} accepts no arguments`);
      await end(session, verb);
    },
  };
}

const SHUTDOWN_ACTION = endAction({
  word: 'shutdown',
  method: 'supervisor.shutdown',
  question: 'Really shut the remote supervisord process down y/N? ',
  done: 'Shut down',
  help: 'shutdown \tShut the remote supervisord down.',
  lateStatus: 0,
  unreachable: { ECONNREFUSED: 'refused connection', ENOENT: 'no such file' },
});

const RELOAD_ACTION = endAction({
  word: 'reload',
  method: 'supervisor.restart',
  question: 'Really restart the remote supervisord process y/N? ',
  done: 'Restarted supervisord',
  help: 'reload \t\tRestart the remote supervisord.',
  lateStatus: EXIT.GENERIC,
  unreachable: {},
});

const OPEN_ACTION: CtlAction = {
  name: 'open',
  help:
    'open <url>\tConnect to a remote supervisord process.\n' +
    '\t\t(for UNIX domain socket, use unix:///socket/path)',
  async run(session, args) {
    const [url = ''] = args;
    if (!/^(http|unix):\/\//.test(url)) {
      return refuseBriefly(session, 'ERROR: url must be http:// or unix://');
    }
    const { username, password } = session.client.target;
    session.client.close();
    session.client = new SupervisorClient({
      ...parseServerUrl(url),
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
    });
    await STATUS_ACTION.run(session, []);
  },
};

export const DAEMON_ACTIONS: readonly CtlAction[] = [
  PID_ACTION,
  VERSION_ACTION,
  SHUTDOWN_ACTION,
  RELOAD_ACTION,
  OPEN_ACTION,
];
