/** `tail`, `maintail`, `fg` (spec/supervisor.md 5). */
import { request } from 'node:http';
import { makeLogPrintable } from '../../log/printable.ts';
import type { ProcessInfo, SupervisorClient } from '../client.ts';
import { quote } from '../configuration/ini.ts';
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
} from './session.ts';

const DEFAULT_BYTES = 1600;

/** Follows a log until the end of the connection or Ctrl-C; resolves to the HTTP status. */
function follow(
  client: SupervisorClient,
  path: string,
  streams: { write(data: string): void; readonly signal: AbortSignal },
): Promise<number> {
  const { socketPath, host, port } = client.target;
  return new Promise((resolve, reject) => {
    const outgoing = request({
      ...(socketPath === undefined ? { host, port } : { socketPath, host: 'localhost' }),
      path,
      headers: client.authorization(),
    });
    outgoing.on('error', (error) => (streams.signal.aborted ? resolve(200) : reject(error)));
    outgoing.on('response', (response) => {
      const status = response.statusCode ?? 0;
      if (status !== 200) {
        response.resume();
        return resolve(status);
      }
      response.setEncoding('utf8');
      response.on('data', (text: string) => streams.write(text));
      response.on('close', () => resolve(status));
    });
    streams.signal.addEventListener('abort', () => outgoing.destroy(), { once: true });
    outgoing.end();
  });
}

/** Address of a log; the colon of a name stays as it is. */
function logPath(name: string, channel: string): string {
  return `/logtail/${encodeURIComponent(name).replaceAll('%3A', ':')}/${channel}`;
}

/** Programs of partitions write logs: a terminal must not obey what stands in them. */
function shown({ isTerminal }: CtlSession, text: string): string {
  return isTerminal ? makeLogPrintable(text) : text;
}

async function followOrTell(session: CtlSession, path: string): Promise<void> {
  line(session, '==> Press Ctrl-C to exit <==');
  const write = (text: string) => session.write(shown(session, text));
  const status = await follow(session.client, path, { write, signal: session.signal });
  if (session.signal.aborted) line(session, '');
  if (status === 200) return;
  const { address } = session.client;
  session.writeError(`${address}${path} Cannot read, status code ${status}\n`);
}

type Modifier =
  | { readonly kind: 'bytes'; readonly count: number }
  | { readonly kind: 'follow' }
  | { readonly kind: 'bad'; readonly word: string };

function parseModifier(word: string): Modifier {
  if (word === '-f') return { kind: 'follow' };
  return /^-\d+$/.test(word)
    ? { kind: 'bytes', count: Number(word.slice(1)) }
    : { kind: 'bad', word };
}

/** Takes a leading `-f` or `-BYTES` off the words. */
function takeModifier(args: readonly string[]): { modifier: Modifier; rest: readonly string[] } {
  const [first, ...rest] = args;
  if (first === undefined || !first.startsWith('-')) {
    return { modifier: { kind: 'bytes', count: DEFAULT_BYTES }, rest: args };
  }
  return { modifier: parseModifier(first), rest };
}

function isChannel(word: string): word is 'stdout' | 'stderr' {
  return word === 'stdout' || word === 'stderr';
}

const TAIL_FAULTS: Readonly<Record<number, string>> = {
  [FAULTS.NO_FILE]: 'no log file',
  [FAULTS.FAILED]: 'unknown error reading log',
  [FAULTS.BAD_NAME]: 'no such process name',
};

async function readEnd(
  session: CtlSession,
  name: string,
  run: () => Promise<string>,
): Promise<void> {
  try {
    line(session, shown(session, await run()));
  } catch (error) {
    if (!isRpcFault(error)) throw error;
    const reason = TAIL_FAULTS[error.faultCode];
    if (reason === undefined) throw error;
    line(session, `${name}: ERROR (${reason})`);
    session.exitStatus = EXIT.GENERIC;
  }
}

async function showTail(
  session: CtlSession,
  modifier: Exclude<Modifier, { kind: 'bad' }>,
  name: string,
  channel: 'stdout' | 'stderr',
): Promise<void> {
  if (modifier.kind === 'follow') {
    return followOrTell(session, logPath(name, channel));
  }
  const method = channel === 'stdout' ? 'readProcessStdoutLog' : 'readProcessStderrLog';
  await readEnd(session, name, () => {
    return session.client.call<string>(`supervisor.${method}`, name, -modifier.count, 0);
  });
}

const TAIL_ACTION: CtlAction = {
  name: 'tail',
  help:
    'tail [-f] <name> [stdout|stderr] (default stdout)\n' +
    'Ex:\n' +
    'tail -f <name>\t\tContinuous tail of named process stdout\n' +
    '\t\t\tCtrl-C to exit.\n' +
    'tail -100 <name>\tlast 100 *bytes* of process stdout\n' +
    'tail <name> stderr\tlast 1600 *bytes* of process stderr',
  async run(session, args) {
    if (!(await isUp(session))) return;
    if (args.length === 0) return refuse(session, this, 'too few arguments');
    if (args.length > 3) return refuse(session, this, 'too many arguments');
    const { modifier, rest } = takeModifier(args);
    if (modifier.kind === 'bad')
      return refuseBriefly(session, `Error: bad argument ${modifier.word}`);
    // `-f` may also stand behind the name, as in `slapos node tail NAME -f`.
    const isLate = modifier.kind === 'bytes' && rest.at(-1) === '-f' && rest.length > 1;
    const words = isLate ? rest.slice(0, -1) : rest;
    const channel = words.length > 1 ? (words.at(-1) as string) : 'stdout';
    const [name] = words;
    if (name === undefined) return refuseBriefly(session, 'Error: tail requires process name');
    if (!isChannel(channel)) return refuseBriefly(session, `Error: bad channel ${quote(channel)}`);
    await showTail(session, isLate ? { kind: 'follow' } : modifier, name, channel);
  },
};

const MAINTAIL_ACTION: CtlAction = {
  name: 'maintail',
  help:
    'maintail -f \tContinuous tail of supervisor main log file (Ctrl-C to exit)\n' +
    'maintail -100\tlast 100 *bytes* of supervisord main log file\n' +
    'maintail\tlast 1600 *bytes* of supervisor main log file\n',
  async run(session, args) {
    if (!(await isUp(session))) return;
    if (args.length > 1) return refuse(session, this, 'too many arguments');
    const { modifier, rest } = takeModifier(args);
    const bad = rest[0] ?? (modifier.kind === 'bad' ? modifier.word : undefined);
    if (bad !== undefined) return refuseBriefly(session, `Error: bad argument ${bad}`);
    if (modifier.kind === 'follow') return followOrTell(session, '/mainlogtail');
    const count = modifier.kind === 'bytes' ? modifier.count : DEFAULT_BYTES;
    await readEnd(session, 'supervisord', () => {
      return session.client.call<string>('supervisor.readLog', -count, 0);
    });
  },
};

/** Sends typed lines until the end of input; false when the process is not there any more. */
async function sendLines(session: CtlSession, name: string): Promise<boolean> {
  for (;;) {
    const text = await session.ask('');
    if (text === undefined || session.signal.aborted) return true;
    try {
      await session.client.call('supervisor.sendProcessStdin', name, `${text}\n`);
    } catch (error) {
      if (!isRpcFault(error)) throw error;
      if (error.faultCode === FAULTS.NOT_RUNNING) return false;
      line(session, `ERROR: ${error.message}`);
      return true;
    }
    const info = await session.client.call<ProcessInfo>('supervisor.getProcessInfo', name);
    if (info.statename !== 'RUNNING') return false;
  }
}

/** Shows both logs and sends typed lines until Ctrl-C or the end of input. */
async function foreground(session: CtlSession, name: string): Promise<void> {
  const ended = new AbortController();
  const signal = AbortSignal.any([session.signal, ended.signal]);
  const streams = { write: (text: string) => session.write(shown(session, text)), signal };
  const followed = (['stdout', 'stderr'] as const).map((channel) => {
    return follow(session.client, logPath(name, channel), streams).catch(() => 0);
  });
  try {
    if (!(await sendLines(session, name))) line(session, 'Process got killed');
    line(session, 'Exiting foreground');
  } finally {
    ended.abort();
    await Promise.all(followed);
  }
}

/** True when the process runs; otherwise says why not. */
async function isForegroundable(session: CtlSession, name: string): Promise<boolean> {
  try {
    const info = await session.client.call<ProcessInfo>('supervisor.getProcessInfo', name);
    if (info.statename === 'RUNNING') return true;
    refuseBriefly(session, 'ERROR: process not running');
  } catch (error) {
    if (!isRpcFault(error)) throw error;
    const isUnknown = error.faultCode === FAULTS.BAD_NAME;
    refuseBriefly(session, `ERROR: ${isUnknown ? 'bad process name supplied' : error.message}`);
  }
  return false;
}

const FG_ACTION: CtlAction = {
  name: 'fg',
  help: 'fg <process>\tConnect to a process in foreground mode\n\t\tCtrl-C to exit',
  async run(session, args) {
    if (!(await isUp(session))) return;
    const [name, ...more] = args;
    if (name === undefined) {
      refuseBriefly(session, `ERROR: no process name supplied\n${this.help}`);
    } else if (more.length > 0) {
      refuseBriefly(session, 'ERROR: too many process names supplied');
    } else if (await isForegroundable(session, name)) {
      line(session, '==> Press Ctrl-C to exit <==');
      await foreground(session, name);
    }
  },
};

export const LOG_ACTIONS: readonly CtlAction[] = [TAIL_ACTION, MAINTAIL_ACTION, FG_ACTION];
