/** When a destroyed partition may really be emptied (spec/grid.md 7.3.8 and 8). */
import { pythonFloat } from '../model/python-number.ts';

const DAY_SECONDS = 86_400;
/** The last second of a Date (ECMA-262): the files are the partition's to change. */
const LAST_SECOND = 8.64e12;

/**
 * The text of `.slapos-retention-lock-delay` for the filter of an instance.
 * @returns text and whether the filter's value had to be ignored because it is no number.
 */
export function renderRetentionDelay(filterValue: unknown): {
  readonly text: string;
  readonly isIgnored: boolean;
} {
  const text = String(filterValue ?? '').trim();
  const days = text === '' || text === 'None' ? 0 : Number(text);
  const isIgnored = !Number.isFinite(days);
  return { text: pythonFloat(isIgnored ? 0 : days), isIgnored };
}

export type RetentionDecision =
  | { readonly action: 'destroy' }
  /** `lockDate` is the text to write when the retention begins now. */
  | { readonly action: 'retain'; readonly until: number; readonly lockDate: string | undefined };

/**
 * @param delay content of `.slapos-retention-lock-delay`, undefined when missing
 * @param lockDate content of `.slapos-retention-lock-date`, undefined when missing
 * @param now unix seconds
 */
export function decideRetention(
  delay: string | undefined,
  lockDate: string | undefined,
  now: number,
): RetentionDecision {
  const days = Number(delay ?? '0');
  const stored = lockDate === undefined ? undefined : Number(lockDate);
  if (stored !== undefined && Number.isFinite(stored)) {
    if (stored <= now) return { action: 'destroy' };
    return { action: 'retain', until: Math.min(stored, LAST_SECOND), lockDate: undefined };
  }
  if (!Number.isFinite(days) || days <= 0) return { action: 'destroy' };
  const until = Math.min(Math.trunc(now) + days * DAY_SECONDS, LAST_SECOND);
  return { action: 'retain', until, lockDate: pythonFloat(until) };
}
