/** The daemon's own log (spec/supervisor.md 7): `2026-11-20 23:34:14,285 WARN stopped: x`. */
import { errorCode, errorMessage } from '../../errors/slapos-error.ts';
import type { RotatingFile } from '../../host/log/rotating-file.ts';
import type { LogLevel } from '../process/state-transition.ts';

const RANK: Readonly<Record<LogLevel, number>> = {
  CRIT: 50,
  ERRO: 40,
  WARN: 30,
  INFO: 20,
  DEBG: 10,
};
const THRESHOLD: Readonly<Record<string, number>> = {
  critical: 50,
  error: 40,
  warn: 30,
  info: 20,
  debug: 10,
  trace: 5,
  blather: 3,
};

function two(value: number): string {
  return String(value).padStart(2, '0');
}

function renderSecond(date: Date): string {
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** The second that was rendered last: thousands of lines may share it. */
let last = { second: Number.NaN, text: '' };

/** One line of the log, in local time. */
export function renderLogLine(date: Date, level: LogLevel, text: string): string {
  const ms = date.getTime();
  const second = Math.floor(ms / 1000);
  if (second !== last.second) last = { second, text: renderSecond(date) };
  return `${last.text},${String(ms - second * 1000).padStart(3, '0')} ${level} ${text}\n`;
}

export interface MainLog {
  readonly path: string;
  write(level: LogLevel, text: string): void;
  /** Opens the file again, after an external rotation. */
  reopen(): void;
  /** Empties the file. */
  clear(): void;
}

function renderLost(lines: number, reason: string): string {
  return renderLogLine(new Date(), 'WARN', `${lines} lines of this log are lost: ${reason}`);
}

/**
 * A log over a file; with `echo` each line goes there too. What cannot be written, to a full disk
 * for one, is counted and told with the first line that can: no decision may depend on it.
 */
export function createMainLog(
  file: Pick<RotatingFile, 'append' | 'reopen' | 'clear'>,
  options: {
    readonly path: string;
    readonly level: string;
    readonly echo?: (line: string) => void;
  },
): MainLog {
  const threshold = THRESHOLD[options.level] ?? 20;
  let lost: { readonly lines: number; readonly reason: string } | undefined;
  const append = (line: string) => {
    try {
      if (lost !== undefined) file.append(renderLost(lost.lines, lost.reason));
      lost = undefined;
      file.append(line);
    } catch (error) {
      lost = { lines: (lost?.lines ?? 0) + 1, reason: errorCode(error) || errorMessage(error) };
    }
  };
  return {
    path: options.path,
    write(level, text) {
      if (RANK[level] < threshold) return;
      const line = renderLogLine(new Date(), level, text);
      append(line);
      options.echo?.(line);
    },
    reopen: () => file.reopen(),
    clear: () => file.clear(),
  };
}
