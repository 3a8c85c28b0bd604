/** Every action of supervisorctl, `help`, and running one line. */
import { errorMessage } from '../../errors/slapos-error.ts';
import { isHttpStatusError, isUnreachable, SupervisorClient } from '../client.ts';
import { quote } from '../configuration/ini.ts';
import { isRpcFault } from '../rpc/xml-rpc.ts';
import { DAEMON_ACTIONS } from './daemon-actions.ts';
import { GROUP_ACTIONS } from './group-actions.ts';
import { LOG_ACTIONS } from './log-actions.ts';
import { PROCESS_ACTIONS } from './process-actions.ts';
import { type CtlAction, type CtlSession, EXIT, line, unreachableCode } from './session.ts';
import { STATUS_ACTION } from './status-action.ts';
import { parseTypedLine } from './typed-line.ts';

const HELP_WIDTH = 79;

const HELP_ACTION: CtlAction = {
  name: 'help',
  help: 'help\t\tPrint a list of available actions\nhelp <action>\tPrint help for <action>',
  async run(session, args) {
    if (args.length === 0) return line(session, renderTopics());
    const name = args.join(' ');
    const action = ACTIONS.get(name);
    if (action === undefined) line(session, `*** No help on ${name}`);
    else line(session, action.help);
    if (session.isTerminal && action?.moreHelp !== undefined) line(session, action.moreHelp);
  },
};

function endShell(name: string): CtlAction {
  return {
    name,
    help: `${name}\tExit the supervisor shell.`,
    async run(session) {
      line(session, '');
      session.isEnded = true;
    },
  };
}

const ACTIONS: ReadonlyMap<string, CtlAction> = new Map(
  [
    STATUS_ACTION,
    ...PROCESS_ACTIONS,
    ...GROUP_ACTIONS,
    ...LOG_ACTIONS,
    ...DAEMON_ACTIONS,
    HELP_ACTION,
    endShell('exit'),
    endShell('quit'),
  ].map((action) => [action.name, action]),
);

/** The end of input as a word. */
const END_ACTION = endShell('EOF');

/** Names of the actions, sorted. */
export function actionNames(): string[] {
  return [...ACTIONS.keys()].sort();
}

/** Columns filled from top to bottom, as few rows as fit. */
function renderColumns(names: readonly string[]): string[] {
  for (let rowCount = 1; ; rowCount += 1) {
    const columns: string[][] = [];
    for (let at = 0; at < names.length; at += rowCount) {
      columns.push(names.slice(at, at + rowCount));
    }
    const widths = columns.map((column) => Math.max(...column.map((name) => name.length)));
    const total = widths.reduce((sum, width) => sum + width + 2, -2);
    if (total > HELP_WIDTH && rowCount < names.length) continue;
    return Array.from({ length: rowCount }, (_, row) => {
      const cells = columns.map((column, index) => (column[row] ?? '').padEnd(widths[index] ?? 0));
      return cells.join('  ');
    });
  }
}

function renderTopics(): string {
  const title = 'default commands (type help <topic>):';
  const names = actionNames().filter((name) => name !== 'help');
  return `\n${title}\n${'='.repeat(title.length)}\n${renderColumns(names).join('\n')}\n`;
}

/** An error nobody expected, in the form that callers of upstream look for. */
function tellError(session: CtlSession, error: unknown): void {
  line(session, `error: ${renderError(session, error)}: file: supervisorctl line: 0`);
  session.exitStatus = EXIT.GENERIC;
}

/** How Python tells of what often hinders a connection. */
const CONNECTION_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: "<class 'FileNotFoundError'>, [Errno 2] No such file or directory",
  ECONNREFUSED: "<class 'ConnectionRefusedError'>, [Errno 111] Connection refused",
  EACCES: "<class 'PermissionError'>, [Errno 13] Permission denied",
};

function renderError(session: CtlSession, error: unknown): string {
  if (isRpcFault(error)) {
    return `<class 'xmlrpc.client.Fault'>, <Fault ${error.faultCode}: ${quote(error.message)}>`;
  }
  if (isHttpStatusError(error)) {
    const place = `${session.client.target.host ?? ''}/RPC2`;
    const reason = `${error.status} ${error.message}`;
    return `<class 'xmlrpc.client.ProtocolError'>, <ProtocolError for ${place}: ${reason}>`;
  }
  const known = isUnreachable(error) ? CONNECTION_ERRORS[unreachableCode(error)] : undefined;
  if (known !== undefined) return known;
  return `<class '${error instanceof Error ? error.name : 'Error'}'>, ${errorMessage(error)}`;
}

/** Asks who somebody is; false at the end of input. */
async function login(session: CtlSession): Promise<boolean> {
  const username = await session.ask('Username:');
  if (username === undefined) return false;
  const password = await session.ask('Password:', true);
  if (password === undefined) return false;
  line(session, '');
  const { target } = session.client;
  session.client.close();
  session.client = new SupervisorClient({ ...target, username, password });
  return true;
}

async function runKnown(
  session: CtlSession,
  action: CtlAction,
  args: readonly string[],
): Promise<void> {
  try {
    await action.run(session, args);
  } catch (error) {
    if (session.signal.aborted) {
      session.exitStatus = EXIT.INTERRUPTED;
      return line(session, '');
    }
    if (!isHttpStatusError(error) || error.status !== 401) return tellError(session, error);
    line(session, 'Server requires authentication');
    if (!session.isInteractive) return tellError(session, error);
    if (await login(session)) await runKnown(session, action, args);
  }
}

/** Runs one line as it was typed. */
export async function runLine(session: CtlSession, typed: string): Promise<void> {
  const parsed = parseTypedLine(typed);
  if (parsed === undefined) return;
  const { name, args, text } = parsed;
  const action = name === 'EOF' ? END_ACTION : ACTIONS.get(name);
  if (action !== undefined) return runKnown(session, action, args);
  line(session, `*** Unknown syntax: ${text}`);
  session.exitStatus = EXIT.GENERIC;
}
