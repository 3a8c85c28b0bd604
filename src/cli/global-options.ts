/** Options that are recognised anywhere on the line (spec/cli.md 1). */
import type { OptionSpec } from './command.ts';

export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { flags: ['-h', '--help'], name: 'help', arity: 'flag', help: 'show this help and exit' },
  { flags: ['--version'], name: 'version', arity: 'flag', help: 'show the version and exit' },
  {
    flags: ['-v', '--verbose'],
    name: 'verbose',
    arity: 'flag',
    isRepeatable: true,
    help: 'tell more; may be repeated',
  },
  {
    flags: ['-q', '--quiet'],
    name: 'quiet',
    arity: 'flag',
    excludes: ['--verbose'],
    help: 'tell only warnings and errors',
  },
  {
    flags: ['--debug'],
    name: 'debug',
    arity: 'flag',
    help: 'show where in the program an error happened',
  },
  {
    flags: ['--log-file', '--logfile', '--log_file'],
    name: 'log_file',
    arity: 'value',
    metavar: 'FILE',
    help: 'append the log to FILE too',
  },
  {
    flags: ['--log-color'],
    name: 'log_color',
    arity: 'optional',
    metavar: 'WHEN',
    choices: ['auto', 'always', 'never'],
    help: 'colours in the log: auto (default), always or never',
  },
  {
    flags: ['--log-time'],
    name: 'log_time',
    arity: 'flag',
    isHidden: true,
    help: 'accepted and not needed: the log shows the time',
  },
  {
    flags: ['--no-log-time'],
    name: 'no_log_time',
    arity: 'flag',
    help: 'no time in the lines on the console',
  },
  {
    flags: ['--log-format'],
    name: 'log_format',
    arity: 'value',
    metavar: 'FORMAT',
    choices: ['text', 'json'],
    help: 'format of the log: text (default) or json, one object a line',
  },
];

/** The global options of a line, decoded. */
export interface GlobalSettings {
  /** 0 quiet, 1 normal, 2 verbose, 3 very verbose. */
  readonly verbosity: number;
  readonly isDebug: boolean;
  /** Path of the additional log; undefined when not given. */
  readonly logFile: string | undefined;
  readonly logColor: 'auto' | 'always' | 'never';
  readonly hasLogTime: boolean;
  readonly logFormat: 'text' | 'json';
}

export const DEFAULT_SETTINGS: GlobalSettings = {
  verbosity: 1,
  isDebug: false,
  logFile: undefined,
  logColor: 'auto',
  hasLogTime: true,
  logFormat: 'text',
};
