/**
 * Writes the monitor files inside partitions (spec/collect.md 8.5). The folders belong to the
 * partition's user, so everything goes beneath the partition and follows no link.
 */
import { basename } from 'node:path';
import type { ProcTable } from '../host/proc.ts';
import { formatLocalTime } from '../log/line-format.ts';
import type { CollectHost } from './collect-host.ts';
import type { CollectDatabase } from './database.ts';
import {
  HISTORY_END,
  type LiveProcess,
  type MonitorGroup,
  type MonitorProcess,
  type MonitorWindow,
  renderHistoryRow,
  renderHistoryStart,
  renderMonitorReport,
  renderProcessList,
  repairHistory,
} from './monitor-json.ts';
import type { CollectUser } from './sample.ts';

type MonitorHost = Pick<CollectHost, 'beneath' | 'overwriteEnd' | 'readCommandLine' | 'nowMs'>;

const FOLDER = '.slapgrid/monitor';
/** What is read of a broken history to be saved: some ten years of minutes. */
const LARGEST_REPAIR_BYTES = 256 * 1024 * 1024;

export interface MonitorInput {
  readonly host: MonitorHost;
  readonly database: CollectDatabase;
  readonly window: MonitorWindow;
  /** The processes of all users that are alive. */
  readonly live: LiveProcesses;
}

/** Looks up a living process of a user by its pid. */
export type LiveProcesses = (user: string, pid: number) => LiveProcess | undefined;

/** Writes the files of one user, if the partition has a `.slapgrid`. */
export async function writeMonitorFiles(input: MonitorInput, user: CollectUser): Promise<void> {
  const { host, database, window } = input;
  if ((await host.beneath.stat(user.path, '.slapgrid'))?.kind !== 'directory') return;
  if ((await host.beneath.stat(user.path, FOLDER)) === undefined) {
    await host.beneath.mkdir(user.path, FOLDER, { mode: 0o755 });
  }
  const totals = await database.use((store) => store.readMonitorTotals(user.name, window));
  const report = renderMonitorReport(totals, window);
  for (const { group, row } of report.rows) await appendRow(host, user, group, row);
  await writeFile(host, user, 'monitor_resource.status.json', report.status);
  if (totals.rowCount === 0) return;
  const processes = await database.use((store) => store.listMonitorProcesses(user.name, window));
  const live = liveOnes(input.live, user.name, processes);
  const text = renderProcessList(processes, live);
  await writeFile(host, user, 'monitor_process_resource.status.json', text);
}

function liveOnes(
  find: LiveProcesses,
  user: string,
  processes: readonly MonitorProcess[],
): ReadonlyMap<number, LiveProcess> {
  return new Map(
    processes.flatMap(({ pid }) => {
      const found = find(user, pid);
      return found === undefined ? [] : [[pid, found] as const];
    }),
  );
}

async function writeFile(
  host: MonitorHost,
  user: CollectUser,
  name: string,
  text: string,
): Promise<void> {
  await host.beneath.write(user.path, `${FOLDER}/${name}`, text, { mode: 0o644 });
}

/** Adds a row to a history in place; a missing, empty or broken one is written anew. */
async function appendRow(
  host: MonitorHost,
  user: CollectUser,
  group: MonitorGroup,
  row: string,
): Promise<void> {
  const name = `monitor_resource_${group}.data.json`;
  const path = `${FOLDER}/${name}`;
  const end = renderHistoryRow(row);
  if ((await host.overwriteEnd(user.path, path, HISTORY_END, end)) === 'written') return;
  const start = await repairedStart(host, user, path, group);
  await writeFile(host, user, name, start.slice(0, -HISTORY_END.length) + end);
}

async function repairedStart(
  host: MonitorHost,
  user: CollectUser,
  path: string,
  group: MonitorGroup,
): Promise<string> {
  const fresh = renderHistoryStart(group, host.nowMs());
  try {
    const limit = { maxBytes: LARGEST_REPAIR_BYTES };
    const broken = await host.beneath.read(user.path, path, limit);
    return broken === undefined ? fresh : repairHistory(group, broken.toString(), host.nowMs());
  } catch {
    // A link, a folder or something huge stands there: nothing of it is ours to keep.
    return fresh;
  }
}

/** Makes {@link LiveProcesses} of a sample; command lines are read only when asked for. */
export function liveProcesses(
  host: Pick<MonitorHost, 'readCommandLine'>,
  table: ProcTable | undefined,
  userNames: ReadonlyMap<number, string>,
  bootTimeS: number,
): LiveProcesses {
  const indexes = new Map<number, number>();
  for (let index = 0; index < (table?.length ?? 0); index += 1) {
    indexes.set(table?.u32(index, 'pid') ?? 0, index);
  }
  return (user, pid) => {
    const index = indexes.get(pid);
    if (table === undefined || index === undefined) return undefined;
    const { uid, comm, startTicks } = table.sample(index);
    const command = host.readCommandLine(pid);
    if (command === undefined || userNames.get(uid) !== user) return undefined;
    const date = formatLocalTime(new Date((bootTimeS + startTicks / 100) * 1000));
    return { name: fullName(comm, command), command, user, date };
  };
}

/** The kernel cuts names at 15 bytes: the command tells the rest when it starts the same. */
function fullName(comm: string, command: readonly string[]): string {
  const program = basename(command[0] ?? '');
  return comm.length >= 15 && program.startsWith(comm) ? program : comm;
}
