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

export type RetentionDecision = {
  /** Files that hold no number, for warnings. */
  readonly ignored: readonly string[];
} & (
  | { readonly action: 'destroy' }
  /** `lockDate` is the text to write when the retention begins now. */
  | { readonly action: 'retain'; readonly until: number; readonly lockDate: string | undefined }
);

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
  const days = readNumber(delay);
  const stored = readNumber(lockDate);
  const ignored = [
    ...(delay !== undefined && days === undefined ? [notANumber('delay', delay)] : []),
    ...(lockDate !== undefined && stored === undefined ? [notANumber('date', lockDate)] : []),
  ];
  if (stored !== undefined) {
    if (stored <= now) return { action: 'destroy', ignored };
    return { action: 'retain', until: Math.min(stored, LAST_SECOND), lockDate: undefined, ignored };
  }
  if (days === undefined || days <= 0) return { action: 'destroy', ignored };
  const until = Math.min(Math.trunc(now) + days * DAY_SECONDS, LAST_SECOND);
  return { action: 'retain', until, lockDate: pythonFloat(until), ignored };
}

function notANumber(name: string, text: string): string {
  return `.slapos-retention-lock-${name} holds no number: ${JSON.stringify(text.slice(0, 40))}`;
}

/** What Python's `float()` takes, infinity too but not nan. */
function readNumber(text: string | undefined): number | undefined {
  const word = (text ?? '').trim();
  if (/^\+?inf(inity)?$/i.test(word)) return Number.POSITIVE_INFINITY;
  if (!/^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(word)) return undefined;
  return Number(word);
}
