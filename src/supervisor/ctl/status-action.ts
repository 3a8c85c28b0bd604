/** `status` (spec/supervisor.md 5). */
import type { ProcessInfo } from '../client.ts';
import { namespec } from '../spawn-plan.ts';
import { type CtlAction, type CtlSession, EXIT, isUp, line, splitName } from './session.ts';

const MIN_NAME_WIDTH = 30;
const STATE_WIDTH = 10;
const STOPPED_CODES: ReadonlySet<number> = new Set([0, 100, 200, 1000]);

/** The table of processes, one line each. */
export function renderStatus(infos: readonly ProcessInfo[]): string[] {
  const names = infos.map(({ group, name }) => namespec(group, name));
  const width = Math.max(MIN_NAME_WIDTH, ...names.map((name) => name.length)) + 3;
  return infos.map((info, index) => {
    const name = (names[index] ?? '').padEnd(width);
    return `${name}${info.statename.padEnd(STATE_WIDTH)}${info.description}`;
  });
}

/** Processes that the names mean, and a message for each name that means none. */
export function selectProcesses(
  infos: readonly ProcessInfo[],
  names: readonly string[],
): { readonly found: ProcessInfo[]; readonly errors: string[] } {
  const found: ProcessInfo[] = [];
  const errors: string[] = [];
  for (const name of names) {
    const { group, process } = splitName(name);
    const matches = infos.filter((info) => {
      return info.group === group && (process === undefined || info.name === process);
    });
    found.push(...matches);
    if (matches.length > 0) continue;
    if (process === undefined) errors.push(`${group}: ERROR (no such group)`);
    else errors.push(`${name}: ERROR (no such process)`);
  }
  return { found, errors };
}

/** Takes `--format json` out of the words. */
function takeFormat(args: readonly string[]): { isJson: boolean; names: readonly string[] } {
  const at = args.indexOf('--format');
  if (at >= 0) return { isJson: args[at + 1] === 'json', names: args.toSpliced(at, 2) };
  const names = args.filter((word) => !word.startsWith('--format='));
  return { isJson: args.includes('--format=json'), names };
}

async function status(session: CtlSession, args: readonly string[]): Promise<void> {
  if (!(await isUp(session))) {
    session.exitStatus = EXIT.UNKNOWN;
    return;
  }
  const { isJson, names } = takeFormat(args);
  const infos = await session.client.call<ProcessInfo[]>('supervisor.getAllProcessInfo');
  const isAll = names.length === 0 || names.includes('all');
  const { found, errors } = isAll ? { found: infos, errors: [] } : selectProcesses(infos, names);
  if (errors.length > 0) session.exitStatus = EXIT.UNKNOWN;
  if (isJson) {
    for (const error of errors) session.writeError(`${error}\n`);
    line(session, JSON.stringify(found, null, 2));
  } else for (const text of [...errors, ...renderStatus(found)]) line(session, text);
  if (found.some((info) => STOPPED_CODES.has(info.state))) {
    session.exitStatus = EXIT.STOPPED_PROCESS;
  }
}

export const STATUS_ACTION: CtlAction = {
  name: 'status',
  help:
    'status <name>\t\tGet status for a single process\n' +
    'status <gname>:*\tGet status for all processes in a group\n' +
    'status <name> <name>\tGet status for multiple named processes\n' +
    'status\t\t\tGet all process status info',
  run: status,
};
