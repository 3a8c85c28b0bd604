/** Ending a command together with everything that it started. */
import type { NativeAddon } from '../native.ts';
import { decodeProcTable, type ProcTable } from '../proc.ts';

type TreeAddon = Pick<NativeAddon, 'spawnSignal' | 'procSample'>;

const SIGKILL = 9;
const SIGSTOP = 19;
/** A fork bomb wins the race for ever; its group is killed all the same. */
const MAX_ROUNDS = 20;

/** Pids of all descendants of a process, parents before children. */
export function listDescendants(table: ProcTable, ancestor: number): number[] {
  const children = new Map<number, number[]>();
  for (let index = 0; index < table.length; index++) {
    const parent = table.u32(index, 'ppid');
    const siblings = children.get(parent) ?? [];
    siblings.push(table.u32(index, 'pid'));
    children.set(parent, siblings);
  }
  const found: number[] = [];
  const pending = [...(children.get(ancestor) ?? [])];
  for (let pid = pending.shift(); pid !== undefined; pid = pending.shift()) {
    found.push(pid);
    pending.push(...(children.get(pid) ?? []));
  }
  return found;
}

/** What a pid means: a number alone is given out again. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start of the process, ticks since boot. */
  readonly startTicks: number;
}

/** All descendants of a process as they are now. */
export async function observeDescendants(
  pid: number,
  addon: Pick<NativeAddon, 'procSample'>,
): Promise<readonly ProcessIdentity[]> {
  const table = decodeProcTable(await addon.procSample({}));
  const below = new Set(listDescendants(table, pid));
  return listIdentities(table).filter((each) => below.has(each.pid));
}

function listIdentities(table: ProcTable): ProcessIdentity[] {
  return Array.from({ length: table.length }, (_, index) => ({
    pid: table.u32(index, 'pid'),
    startTicks: table.f64(index, 'startTicks'),
  }));
}

/**
 * Kills a process started by the addon, its group and its descendants. Since spawned commands adopt
 * the orphans below them, that is everything they started, whatever sessions it entered.
 */
export async function killProcessTree(pid: number, addon: TreeAddon): Promise<void> {
  addon.spawnSignal({ pid, signal: SIGSTOP, isGroup: false });
  await killAll((table) => listDescendants(table, pid), addon);
  killGroup(pid, addon);
}

/** Kills processes that are still the ones they were, and their descendants. */
export async function killProcesses(
  known: readonly ProcessIdentity[],
  addon: Pick<NativeAddon, 'procSample'>,
): Promise<void> {
  if (known.length === 0) return;
  const starts = new Map(known.map(({ pid, startTicks }) => [pid, startTicks]));
  const find = (table: ProcTable) => {
    const same = listIdentities(table).filter(({ pid, startTicks }) => {
      return starts.get(pid) === startTicks;
    });
    return same.flatMap(({ pid }) => [pid, ...listDescendants(table, pid)]);
  };
  await killAll(find, addon);
}

/**
 * Stops what `find` finds and looks again until no new one appears, so that none escapes by forking
 * meanwhile, then kills them all. A stopped process cannot fork: fork(2) starts anew after a signal.
 */
async function killAll(
  find: (table: ProcTable) => readonly number[],
  addon: Pick<NativeAddon, 'procSample'>,
): Promise<void> {
  const stopped = new Set<number>();
  const own = process.pid;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const table = decodeProcTable(await addon.procSample({}));
    const fresh = find(table).filter((each) => !stopped.has(each) && each !== own);
    if (fresh.length === 0) break;
    for (const each of fresh) {
      stopped.add(each);
      sendSignal(each, SIGSTOP);
    }
  }
  for (const each of stopped) sendSignal(each, SIGKILL);
}

/** Kills a process started by the addon and its group, if it leads one. */
export function killGroup(pid: number, addon: Pick<NativeAddon, 'spawnSignal'>): void {
  // The group first: a process that is gone can no longer vouch for its group.
  addon.spawnSignal({ pid, signal: SIGKILL, isGroup: true });
  addon.spawnSignal({ pid, signal: SIGKILL, isGroup: false });
}

function sendSignal(pid: number, signal: number): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}
