/** Ending a command together with everything that it started. */
import type { NativeAddon } from './native.ts';
import { decodeProcTable, type ProcTable } from './proc.ts';

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

/**
 * Kills a process started by the addon, its group and its descendants: all are stopped first, and
 * looked for again until no new one appears, so that none escapes by forking meanwhile.
 */
export async function killProcessTree(pid: number, addon: TreeAddon): Promise<void> {
  const stopped = new Set<number>();
  const own = process.pid;
  addon.spawnSignal({ pid, signal: SIGSTOP, isGroup: false });
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const table = decodeProcTable(await addon.procSample({}));
    const fresh = listDescendants(table, pid).filter((each) => !stopped.has(each) && each !== own);
    if (fresh.length === 0) break;
    for (const each of fresh) {
      stopped.add(each);
      sendSignal(each, SIGSTOP);
    }
  }
  for (const each of stopped) sendSignal(each, SIGKILL);
  killGroup(pid, addon);
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
