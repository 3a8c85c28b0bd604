/** Types of the values of the configuration language (spec/supervisor.md 2.1 and 2.3). All pure. */
import { constants } from 'node:os';
import { quote } from './ini.ts';

/** A value that its type does not allow; the caller adds section and file. */
export class ValueError extends Error {
  /** Key of the section that it is about, once somebody knows. */
  key: string | undefined;
}

const TRUE_WORDS = new Set(['yes', 'true', 'on', '1']);
const FALSE_WORDS = new Set(['no', 'false', 'off', '0']);

export function parseBoolean(text: string): boolean {
  const word = text.toLowerCase();
  if (TRUE_WORDS.has(word)) return true;
  if (FALSE_WORDS.has(word)) return false;
  throw new ValueError(`not a valid boolean value: ${quote(text)}`);
}

export function parseInteger(text: string): number {
  if (!/^\s*[+-]?\d+\s*$/.test(text)) {
    throw new ValueError(`invalid literal for int() with base 10: ${quote(text)}`);
  }
  return Number(text);
}

const SIZE_UNITS: Readonly<Record<string, number>> = { KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 };

/** `50MB` and the like, in bytes. */
export function parseByteSize(text: string): number {
  const unit = SIZE_UNITS[text.slice(-2).toUpperCase()];
  return unit === undefined ? parseInteger(text) : parseInteger(text.slice(0, -2)) * unit;
}

/** Comma-separated words; an empty text is an empty list. */
export function parseList(text: string): string[] {
  return text === '' ? [] : text.split(',').map((word) => word.trim());
}

/** File mode or umask in octal. */
export function parseOctal(text: string): number {
  if (!/^\s*(0o)?[0-7]+\s*$/i.test(text)) {
    throw new ValueError(`${text} can not be converted to an octal type`);
  }
  return Number.parseInt(text.trim().replace(/^0o/i, ''), 8);
}

export function parseExitCodes(text: string): number[] {
  return parseList(text).map((word) => {
    const code = /^\d+$/.test(word) ? Number(word) : -1;
    if (code < 0 || code > 255) {
      throw new ValueError(`not a valid list of exit codes: ${quote(text)}`);
    }
    return code;
  });
}

export type AutoRestart = boolean | 'unexpected';

export function parseAutoRestart(text: string): AutoRestart {
  const word = text.toLowerCase();
  if (TRUE_WORDS.has(word)) return true;
  if (FALSE_WORDS.has(word)) return false;
  if (word === 'unexpected') return 'unexpected';
  throw new ValueError(`invalid 'autorestart' value ${quote(text)}`);
}

const SIGNALS = constants.signals as Readonly<Record<string, number>>;

/** Names without SIG. */
export const SIGNAL_NAMES: readonly string[] = Object.keys(SIGNALS).map((name) => name.slice(3));

/** Number of a signal given by name, with or without SIG, or by number. */
export function parseSignal(text: string): number {
  const word = text.trim().toUpperCase();
  if (/^\d+$/.test(word)) {
    const number = Number(word);
    if (number > 0 && number <= 64) return number;
  }
  const number = SIGNALS[word.startsWith('SIG') ? word : `SIG${word}`];
  if (number === undefined) throw new ValueError(`value ${quote(text)} is not a valid signal name`);
  return number;
}

/** `SIGTERM` for 15; `signal 40` for one without a name. */
export function signalName(number: number): string {
  if (number === 6) return 'SIGABRT';
  for (const [name, value] of Object.entries(SIGNALS)) if (value === number) return name;
  return `signal ${number}`;
}

/** Name of a program, group or process: no blank, colon or slash. */
export function parseName(text: string): string {
  const name = text.trim();
  const bad = /[ :/]/.exec(name);
  if (bad !== null) {
    throw new ValueError(`Invalid name: ${quote(name)} because of character: ${quote(bad[0])}`);
  }
  return name;
}

/** A log file: a path, none at all, chosen by the daemon, or the system log. */
export type LogTarget =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'none' | 'auto' | 'syslog' };

export function parseLogTarget(text: string): LogTarget {
  const word = text.toLowerCase();
  if (word === 'none' || word === 'off') return { kind: 'none' };
  if (word === 'auto' || word === 'syslog') return { kind: word };
  return { kind: 'file', path: text };
}
