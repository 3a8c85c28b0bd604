/** The command line of `supervisord` (spec/supervisor.md 8). Pure. */
import { quote } from './ini.ts';

/** A command line that cannot be used: exit 2. */
export class SupervisordUsageError extends Error {}

export interface SupervisordOptions {
  readonly configuration: string | undefined;
  /** Keys of `[supervisord]` that win over the file. */
  readonly overrides: ReadonlyMap<string, string>;
  readonly isHelp: boolean;
  readonly isVersion: boolean;
}

interface Option {
  readonly short?: string;
  readonly long: string;
  /** Key of `[supervisord]`, or what the command itself does. */
  readonly key: string;
  readonly argument?: string;
  readonly help: string;
}

const OPTIONS: readonly Option[] = [
  { short: 'c', long: 'configuration', key: '-c', argument: 'FILE', help: 'configuration file' },
  { short: 'n', long: 'nodaemon', key: 'nodaemon', help: 'stay in the foreground' },
  { short: 's', long: 'silent', key: 'silent', help: 'no log lines on standard output' },
  { short: 'h', long: 'help', key: '-h', help: 'print this text' },
  { short: 'v', long: 'version', key: '-v', help: 'print the version' },
  { short: 'u', long: 'user', key: 'user', argument: 'USER', help: 'run as this user' },
  { short: 'm', long: 'umask', key: 'umask', argument: 'UMASK', help: 'umask of the daemon' },
  {
    short: 'd',
    long: 'directory',
    key: 'directory',
    argument: 'FOLDER',
    help: 'folder to change to in the background',
  },
  { short: 'l', long: 'logfile', key: 'logfile', argument: 'FILE', help: 'main log' },
  {
    short: 'y',
    long: 'logfile_maxbytes',
    key: 'logfile_maxbytes',
    argument: 'BYTES',
    help: 'size at which the main log is rotated',
  },
  {
    short: 'z',
    long: 'logfile_backups',
    key: 'logfile_backups',
    argument: 'NUMBER',
    help: 'how many rotated main logs are kept',
  },
  {
    short: 'e',
    long: 'loglevel',
    key: 'loglevel',
    argument: 'LEVEL',
    help: 'critical, error, warn, info, debug, trace or blather',
  },
  { short: 'j', long: 'pidfile', key: 'pidfile', argument: 'FILE', help: 'pid file' },
  { short: 'i', long: 'identifier', key: 'identifier', argument: 'TEXT', help: 'identifier' },
  {
    short: 'q',
    long: 'childlogdir',
    key: 'childlogdir',
    argument: 'FOLDER',
    help: 'folder of logs whose name is left to the daemon',
  },
  { short: 'k', long: 'nocleanup', key: 'nocleanup', help: 'keep such logs of earlier daemons' },
  {
    short: 'a',
    long: 'minfds',
    key: 'minfds',
    argument: 'NUMBER',
    help: 'accepted: the daemon takes all descriptors that it may have',
  },
  {
    short: 't',
    long: 'strip_ansi',
    key: 'strip_ansi',
    help: 'take escape sequences out of the output of processes',
  },
  { long: 'minprocs', key: 'minprocs', argument: 'NUMBER', help: 'accepted' },
];

export const SUPERVISORD_USAGE = `supervisord -- run a set of applications as daemons.

Usage: supervisord [options]

Options:
${OPTIONS.map(({ short, long, argument, help }) => {
  const flags = short === undefined ? `--${long}` : `-${short}/--${long}`;
  return `${flags}${argument === undefined ? '' : ` ${argument}`} -- ${help}\n`;
}).join('')}`;

interface Flag {
  readonly option: Option;
  /** As the user wrote it. */
  readonly text: string;
  readonly value: string | undefined;
  /** Further short options in the same word. */
  readonly rest: string;
}

function findLong(word: string): Flag {
  const equals = word.indexOf('=');
  const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
  const exact = OPTIONS.filter(({ long }) => long === name);
  const found = exact.length > 0 ? exact : OPTIONS.filter(({ long }) => long.startsWith(name));
  const [option] = found;
  if (option === undefined) throw new SupervisordUsageError(`option --${name} not recognized`);
  if (found.length > 1) {
    throw new SupervisordUsageError(`option --${name} not a unique prefix`);
  }
  const value = equals < 0 ? undefined : word.slice(equals + 1);
  if (value !== undefined && option.argument === undefined) {
    throw new SupervisordUsageError(`option --${option.long} must not have an argument`);
  }
  return { option, text: `--${option.long}`, value, rest: '' };
}

function findShort(word: string): Flag {
  const letter = word[1] ?? '';
  const option = OPTIONS.find(({ short }) => short === letter);
  if (option === undefined) throw new SupervisordUsageError(`option -${letter} not recognized`);
  const rest = word.slice(2);
  if (option.argument === undefined) return { option, text: `-${letter}`, value: undefined, rest };
  return { option, text: `-${letter}`, value: rest === '' ? undefined : rest, rest: '' };
}

/**
 * Parses as getopt(3) does, long options by any unambiguous beginning.
 * @throws SupervisordUsageError
 */
export function parseSupervisordOptions(argv: readonly string[]): SupervisordOptions {
  const values = new Map<string, string>();
  const words = [...argv];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (!word.startsWith('-') || word === '-' || word === '--') {
      const rest = word === '--' ? words : [word, ...words];
      if (rest.length === 0) break;
      const list = `[${rest.map(quote).join(', ')}]`;
      throw new SupervisordUsageError(`positional arguments are not supported: ${list}`);
    }
    const flag = word.startsWith('--') ? findLong(word) : findShort(word);
    if (flag.rest !== '') words.unshift(`-${flag.rest}`);
    const value = flag.option.argument === undefined ? 'true' : (flag.value ?? words.shift());
    if (value === undefined) {
      throw new SupervisordUsageError(`option ${flag.text} requires argument`);
    }
    values.set(flag.option.key, value);
  }
  return {
    configuration: values.get('-c'),
    overrides: new Map([...values].filter(([key]) => !key.startsWith('-'))),
    isHelp: values.has('-h'),
    isVersion: values.has('-v'),
  };
}
