/** When a partition's folder is measured and what of it is kept (spec/collect.md 7). */
import type { RunStamp } from './sample.ts';

/** A folder up to this size is not recorded. */
export const SMALLEST_RECORDED_KIB = 1024;

/**
 * Seconds until the next measure of a partition is due; 0 or less: due now.
 * @param last stamp of the newest row, undefined when there is none
 * @param cycleS seconds between two measures, 0 for every run
 * @param nowMs a stamp that lies in its future is of a clock that was set back: it counts as that old
 */
export function folderWaitS(last: RunStamp | undefined, cycleS: number, nowMs: number): number {
  if (cycleS === 0 || last === undefined) return 0;
  const lastMs = Date.parse(`${last.date}T${last.time}Z`);
  return Number.isNaN(lastMs) ? 0 : cycleS - Math.abs(nowMs - lastMs) / 1000;
}

/** The pid that a pid file holds, or undefined for anything else: empty, garbage, zero. */
export function parsePid(text: string): number | undefined {
  const pid = Number(/^\s*(\d{1,10})\s*$/.exec(text)?.[1]);
  return pid > 0 && pid <= 0x7fff_ffff ? pid : undefined;
}
