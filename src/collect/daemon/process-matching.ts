/** Which processes of one sample are those of the sample before. */
import type { ProcTable } from '../../host/proc.ts';

/** In place of the index of a process that is not there. */
export const NOBODY = -1;

export interface ProcessMatching {
  /** Index in the sample before of each process of now, {@link NOBODY} for a new one. */
  readonly before: Int32Array;
  /** Index now of each process of the sample before, {@link NOBODY} for one that ended. */
  readonly after: Int32Array;
}

/** Both samples are in the order of their pids. */
export function matchProcesses(last: ProcTable, now: ProcTable): ProcessMatching {
  const before = new Int32Array(now.length).fill(NOBODY);
  const after = new Int32Array(last.length).fill(NOBODY);
  let at = 0;
  for (let index = 0; index < now.length; index += 1) {
    const pid = now.u32(index, 'pid');
    while (at < last.length && last.u32(at, 'pid') < pid) at += 1;
    if (at >= last.length) break;
    const isSame =
      last.u32(at, 'pid') === pid && last.f64(at, 'startTicks') === now.f64(index, 'startTicks');
    if (!isSame) continue;
    before[index] = at;
    after[at] = index;
  }
  return { before, after };
}

/** Index of a process in a sample in the order of pids; {@link NOBODY} when it is not in it. */
export function findProcess(table: ProcTable, pid: number): number {
  let [low, high] = [0, table.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (table.u32(middle, 'pid') < pid) low = middle + 1;
    else high = middle;
  }
  return low < table.length && table.u32(low, 'pid') === pid ? low : NOBODY;
}
