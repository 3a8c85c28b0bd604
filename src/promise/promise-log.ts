/**
 * The log `.slapgrid/promise/log/<title>.log` (spec/promise.md 5): written line by line, read back to
 * judge a promise on its last runs, and parsed by consumers outside of the node.
 */
import { formatLocalTime } from '../log/line-format.ts';

export interface LogLine {
  readonly date: string;
  readonly level: string;
  /** The same for all lines of one run. */
  readonly transaction: string;
  readonly message: string;
}

export type LogLevel = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' | 'CRITICAL';

/** The lines of one run, oldest first. */
export type LogRun = readonly LogLine[];

const LINE =
  /^(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})\s+(?:-\s+)?([A-Za-z]+)[\s-]+(\d+-\d{3})\s*(?:-\s*)?(.*)$/;
const FAILURE_LEVELS = new Set(['ERROR', 'CRITICAL']);

/** `<unix seconds>-<100..999>` */
export function transactionId(nowMs: number, random: number): string {
  return `${Math.trunc(nowMs / 1000)}-${100 + Math.trunc(random * 900)}`;
}

/** One entry; lines after the first of a message have no prefix. Local time, as upstream writes it. */
export function renderLogEntry(
  now: Date,
  level: LogLevel,
  transaction: string,
  message: string,
): string {
  return `${formatLocalTime(now)} - ${level} - ${transaction} - ${message}\n`;
}

/** Runs of a log, newest first. Text before the first complete line is skipped. */
export function parseLogRuns(text: string): readonly LogRun[] {
  const runs = new Map<string, LogLine[]>();
  let last: LogLine[] | undefined;
  for (const line of text.split('\n')) {
    // Upstream's reader leaves empty lines out, and so consumers have never seen any.
    if (line === '') continue;
    const match = LINE.exec(line);
    if (match === null) {
      if (last !== undefined) appendToLastLine(last, line);
      continue;
    }
    const [, date = '', level = '', transaction = '', message = ''] = match;
    last = runs.get(transaction) ?? [];
    last.push({ date, level, transaction, message });
    runs.delete(transaction);
    runs.set(transaction, last);
  }
  const trimmed = [...runs.values()].map((run) =>
    run.map((line) => ({ ...line, message: line.message.trim() })),
  );
  return trimmed.reverse();
}

export interface Verdict {
  readonly hasFailed: boolean;
  readonly message: string;
}

/**
 * Judges a promise on its last runs: it fails when the latest run and `failureAmount` in all of the
 * last `resultCount` runs failed.
 */
export function judgeRuns(
  runs: readonly LogRun[],
  resultCount: number,
  failureAmount: number,
): Verdict {
  const latest = runs[0];
  if (latest === undefined) return { hasFailed: false, message: 'No result found!' };
  const message = latest
    .map((line) => line.message)
    .join('\n')
    .trim();
  const failures = runs.slice(0, resultCount).filter(isFailedRun).length;
  return { hasFailed: isFailedRun(latest) && failures >= failureAmount, message };
}

export function isFailedRun(run: LogRun): boolean {
  return run.some((line) => FAILURE_LEVELS.has(line.level));
}

function appendToLastLine(run: LogLine[], text: string): void {
  const line = run.pop();
  if (line !== undefined) run.push({ ...line, message: `${line.message}\n${text}` });
}
