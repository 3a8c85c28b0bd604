/** `status` (spec/supervisor.md 5). */
import type { ProcessInfo } from '../client.ts';
import { namespec } from '../process/spawn-plan.ts';
import { FAULTS } from '../rpc/fault.ts';
import { isRpcFault } from '../rpc/xml-rpc.ts';
import { type CtlAction, type CtlSession, EXIT, isUp, line, splitName } from './session.ts';

const MIN_NAME_WIDTH = 30;
const STATE_WIDTH = 10;
const STOPPED_CODES: ReadonlySet<number> = new Set([0, 100, 200, 1000]);

/** A row of `slapos.explainProcesses`. */
export interface ProcessReason {
  readonly name: string;
  readonly group: string;
  readonly last_exit: {
    readonly known: boolean;
    /** Seconds since the epoch, 0 for never. */
    readonly time: number;
    readonly status: number;
    /** Name of the signal, or ''. */
    readonly signal: string;
    readonly core: boolean;
  };
  readonly last_line: string;
}

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

function renderTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}

/** `exit status 3 at 2026-11-20 23:33:12`; '' when it never ended. */
export function renderLastExit({ last_exit: exit }: ProcessReason): string {
  if (exit.time === 0) return '';
  const how = exit.signal === '' ? `exit status ${exit.status}` : `killed by ${exit.signal}`;
  const what = exit.known ? `${how}${exit.core ? ' (core dumped)' : ''}` : 'ended unseen';
  return `${what} at ${renderTime(exit.time)}`;
}

/** How it ended last and what it said; '' when nothing is known. */
export function describeReason(reason: ProcessReason): string {
  const parts = [
    renderLastExit(reason),
    reason.last_line === '' ? '' : `last line: ${reason.last_line}`,
  ];
  return parts.filter((part) => part !== '').join('; ');
}

/** The line below a process that says why it does not run; undefined when nothing is known. */
export function renderReason(reason: ProcessReason | undefined): string | undefined {
  const text = reason === undefined ? '' : describeReason(reason);
  return text === '' ? undefined : `    ${text}`;
}

/** What of a process is worth a reason without having been asked for: a failure. */
function isFailure({ statename, spawnerr }: ProcessInfo): boolean {
  if (statename === 'EXITED') return spawnerr !== '';
  return statename === 'FATAL' || statename === 'BACKOFF';
}

function isDown({ statename }: ProcessInfo): boolean {
  return ['EXITED', 'FATAL', 'BACKOFF', 'STOPPED'].includes(statename);
}

type Reasons = ReadonlyMap<string, ProcessReason>;

/** Reasons by namespec. */
function readReasons(session: CtlSession, infos: readonly ProcessInfo[]): Promise<Reasons> {
  return readRows<ProcessReason>(session, 'slapos.explainProcesses', infos);
}

interface ProcessUsage {
  readonly name: string;
  readonly group: string;
  readonly cgroup: object | null;
}

/** Rows by namespec of a method of ours; none when the supervisor is a stock one. */
async function readRows<Row extends { readonly name: string; readonly group: string }>(
  session: CtlSession,
  method: string,
  infos: readonly ProcessInfo[],
): Promise<ReadonlyMap<string, Row>> {
  if (infos.length === 0) return new Map();
  const names = infos.map(({ group, name }) => `${group}:${name}`);
  try {
    const rows = await session.client.call<Row[]>(method, names);
    return new Map(rows.map((row) => [namespec(row.group, row.name), row]));
  } catch (error) {
    if (isRpcFault(error) && error.faultCode === FAULTS.UNKNOWN_METHOD) return new Map();
    throw error;
  }
}

function withReason(info: ProcessInfo, reasons: Reasons): object {
  const reason = reasons.get(namespec(info.group, info.name));
  if (reason === undefined) return info;
  const { last_exit: exit, last_line: lastLine } = reason;
  return { ...info, last_exit: exit.time === 0 ? null : exit, last_line: lastLine };
}

/** The processes with all that is known of them; `cgroup` is null for one without its own. */
async function renderJson(session: CtlSession, infos: readonly ProcessInfo[]): Promise<string> {
  const [reasons, usages] = await Promise.all([
    readReasons(session, infos),
    readRows<ProcessUsage>(session, 'slapos.getUsage', infos),
  ]);
  const rows = infos.map((info) => {
    const usage = usages.get(namespec(info.group, info.name));
    const row = withReason(info, reasons);
    return usage === undefined ? row : { ...row, cgroup: usage.cgroup };
  });
  return JSON.stringify(rows, null, 2);
}

export interface StatusOptions {
  readonly isJson: boolean;
  readonly isVerbose: boolean;
  readonly names: readonly string[];
}

/** Takes `--format json` and `--why` (`-v`) out of the words. */
export function takeOptions(args: readonly string[]): StatusOptions {
  const names: string[] = [];
  let format = '';
  let isVerbose = false;
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at] as string;
    if (word === '--format') format = args[++at] ?? '';
    else if (word.startsWith('--format=')) format = word.slice('--format='.length);
    else if (['--why', '-v', '--verbose'].includes(word)) isVerbose = true;
    else names.push(word);
  }
  return { isJson: format === 'json', isVerbose, names };
}

/** The lines of upstream and, on a terminal or when asked for, why something does not run. */
async function showTable(
  session: CtlSession,
  infos: readonly ProcessInfo[],
  isVerbose: boolean,
): Promise<void> {
  const wanted = isVerbose
    ? infos.filter(isDown)
    : session.isTerminal
      ? infos.filter(isFailure)
      : [];
  const reasons = await readReasons(session, wanted);
  for (const [index, text] of renderStatus(infos).entries()) {
    line(session, text);
    const { group, name } = infos[index] as ProcessInfo;
    const reason = renderReason(reasons.get(namespec(group, name)));
    if (reason !== undefined) line(session, reason);
  }
}

async function status(session: CtlSession, args: readonly string[]): Promise<void> {
  if (!(await isUp(session))) {
    session.exitStatus = EXIT.UNKNOWN;
    return;
  }
  const { isJson, isVerbose, names } = takeOptions(args);
  const infos = await session.client.call<ProcessInfo[]>('supervisor.getAllProcessInfo');
  const isAll = names.length === 0 || names.includes('all');
  const { found, errors } = isAll ? { found: infos, errors: [] } : selectProcesses(infos, names);
  if (errors.length > 0) session.exitStatus = EXIT.UNKNOWN;
  for (const error of errors) {
    if (isJson) session.writeError(`${error}\n`);
    else line(session, error);
  }
  if (isJson) {
    line(session, await renderJson(session, found));
  } else await showTable(session, found, isVerbose);
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
  moreHelp:
    'status --why [...]\tSay of all that do not run how they ended, and the last line of their log\n' +
    'status --format json [...]\tThe same for programs',
  run: status,
};
