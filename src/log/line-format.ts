/** The forms of a log record (spec/cli.md 2), and ours in JSON. */
import type { LogLevel } from './logger.ts';
import { makeJsonPrintable, makePrintable } from './printable.ts';
import type { LogRecord } from './record.ts';
import { redactFields, redactText } from './redact.ts';

function pad(value: number, width = 2): string {
  return String(value).padStart(width, '0');
}

/** `YYYY-MM-DD HH:MM:SS` in local time. */
export function formatLocalTime(time: Date): string {
  return (
    `${time.getFullYear()}-${pad(time.getMonth() + 1)}-${pad(time.getDate())} ` +
    `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}`
  );
}

const GREEN = '\x1b[0;32m';
const BLUE = '\x1b[0;34m';
const BOLD_BLACK = '\x1b[1;30m';
const RESET = '\x1b[0m';

const MESSAGE_COLORS: Readonly<Record<LogLevel, string>> = {
  CRITICAL: '\x1b[1;31m',
  ERROR: '\x1b[0;31m',
  WARNING: '\x1b[0;33m',
  INFO: '',
  DEBUG: GREEN,
};

function paint(color: string, text: string): string {
  return color === '' ? text : `${color}${text}${RESET}`;
}

/** What a message says, without secrets and without commands to a terminal. */
function printableMessage({ message }: LogRecord): string {
  return makePrintable(redactText(message));
}

export interface ConsoleStyle {
  readonly hasTime: boolean;
  readonly hasColors: boolean;
}

/** `YYYY-MM-DD HH:MM:SS <logger>[<pid>] <LEVEL> <message>`, with a final newline. */
export function renderConsoleLine(record: LogRecord, style: ConsoleStyle): string {
  const color = (code: string, text: string) => (style.hasColors ? paint(code, text) : text);
  const time = style.hasTime ? `${color(GREEN, formatLocalTime(record.time))} ` : '';
  const name = color(BLUE, `${record.logger}[${record.pid}]`);
  const message = color(MESSAGE_COLORS[record.level], printableMessage(record));
  return `${time}${name} ${color(BOLD_BLACK, record.level)} ${message}\n`;
}

/** `[YYYY-MM-DD HH:MM:SS,mmm] <LEVEL padded to 8> <message>`, with a final newline. */
export function renderFileLine(record: LogRecord): string {
  const time = `${formatLocalTime(record.time)},${pad(record.time.getMilliseconds(), 3)}`;
  return `[${time}] ${record.level.padEnd(8)} ${printableMessage(record)}\n`;
}

/** JSON text of anything, also of what JSON.stringify refuses. */
function encodeFact(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

/** One JSON object a line: time, level, logger, pid, run, event, message, then the facts. */
export function renderJsonLine(record: LogRecord, runId: string): string {
  const { event, ...facts } = redactFields(record.fields);
  const line = {
    time: record.time.toISOString(),
    level: record.level,
    logger: record.logger,
    pid: record.pid,
    run: runId,
    event: event ?? 'log',
    message: redactText(record.message),
    ...(Object.keys(facts).length === 0 ? {} : { facts }),
  };
  return `${makeJsonPrintable(JSON.stringify(line, encodeFact))}\n`;
}
