/** Every action of supervisorctl, `help`, and running one line. */
import { errorMessage } from '../../errors/slapos-error.ts';
import { quote } from '../ini.ts';
import { isRpcFault } from '../xml-rpc.ts';
import { DAEMON_ACTIONS } from './daemon-actions.ts';
import { GROUP_ACTIONS } from './group-actions.ts';
import { LOG_ACTIONS } from './log-actions.ts';
import { PROCESS_ACTIONS } from './process-actions.ts';
import { type CtlAction, type CtlSession, EXIT, line } from './session.ts';
import { STATUS_ACTION } from './status-action.ts';

const HELP_WIDTH = 79;

const HELP_ACTION: CtlAction = {
  name: 'help',
  help: 'help\t\tPrint a list of available actions\nhelp <action>\tPrint help for <action>',
  async run(session, args) {
    const [name] = args;
    if (name === undefined) return line(session, renderTopics());
    const action = ACTIONS.get(name);
    if (action === undefined) line(session, `*** No help on ${name}`);
    else line(session, action.help);
  },
};

function endShell(name: string): CtlAction {
  return { name, help: `${name}\tExit the supervisor shell.`, run: async () => {} };
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
  const text = isRpcFault(error)
    ? `<class 'xmlrpc.client.Fault'>, <Fault ${error.faultCode}: ${quote(error.message)}>`
    : `<class '${error instanceof Error ? error.name : 'Error'}'>, ${errorMessage(error)}`;
  line(session, `error: ${text}: file: supervisorctl line: 0`);
  session.exitStatus = EXIT.GENERIC;
}

/** Runs one action given as words. */
export async function runAction(session: CtlSession, words: readonly string[]): Promise<void> {
  const [name, ...args] = words;
  if (name === undefined) return;
  const action = ACTIONS.get(name);
  if (action === undefined) {
    line(session, `*** Unknown syntax: ${words.join(' ')}`);
    session.exitStatus = EXIT.GENERIC;
    return;
  }
  try {
    await action.run(session, args);
  } catch (error) {
    tellError(session, error);
  }
}
