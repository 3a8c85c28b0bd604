/** From the words of a command line to what has to be done (spec/cli.md 1). */
import type { CommandSpec, OptionValue } from './command.ts';
import { CommandLineError, UnknownCommandError } from './command-line-error.ts';
import { readValues } from './commander-parser.ts';
import { DEFAULT_SETTINGS, GLOBAL_OPTIONS, type GlobalSettings } from './global-options.ts';
import { COMMANDS, findCommand } from './registry.ts';
import { type GivenOption, looksLikeOption, takeGlobalOption, tokenize } from './tokenize.ts';

export type Action =
  | { readonly kind: 'version' }
  | { readonly kind: 'global-help' }
  | { readonly kind: 'command-list' }
  | { readonly kind: 'command-help'; readonly command: CommandSpec }
  | {
      readonly kind: 'run';
      readonly command: CommandSpec;
      /** The words of the line, which may be an alias. */
      readonly calledAs: string;
      readonly options: Readonly<Record<string, OptionValue | undefined>>;
      readonly positionals: readonly string[];
    };

export interface ParsedLine {
  readonly settings: GlobalSettings;
  readonly action: Action;
}

interface FoundCommand {
  readonly words: readonly string[];
  readonly command: CommandSpec | undefined;
  readonly given: readonly GivenOption[];
  readonly rest: readonly string[];
}

/** Reads words until they name a command, taking the global options among them out. */
function locateCommand(argv: readonly string[]): FoundCommand {
  const words: string[] = [];
  const given: GivenOption[] = [];
  for (let at = 0; at < argv.length; ) {
    const word = argv[at] as string;
    if (looksLikeOption(word)) {
      const taken = takeGlobalOption(argv.slice(at), GLOBAL_OPTIONS);
      if (taken === undefined) throw new UnknownCommandError(`slapos: invalid option '${word}'`);
      given.push(...taken.given);
      at += taken.used;
      continue;
    }
    words.push(word);
    at += 1;
    const command = findCommand(words.join(' '));
    if (command !== undefined) return { words, command, given, rest: argv.slice(at) };
  }
  const isNodeAlone = words.length === 1 && words[0] === 'node';
  const command = isNodeAlone ? findCommand('node status') : undefined;
  return { words, command, given, rest: [] };
}

/** Whether the line asks for `-h` or `--version` in so many words. */
function hasWord(argv: readonly string[], wanted: readonly string[]): boolean {
  const separator = argv.indexOf('--');
  return argv
    .slice(0, separator < 0 ? argv.length : separator)
    .some((word) => wanted.includes(word));
}

/** The command whose help is shown for these words; options among them are left out. */
function helpTarget(argv: readonly string[]): CommandSpec | undefined {
  const words = argv.filter((word) => !looksLikeOption(word));
  for (let count = 1; count <= words.length; count++) {
    const command = findCommand(words.slice(0, count).join(' '));
    if (command !== undefined) return command;
  }
  return undefined;
}

/** The message of an unknown command, with the commands that exist. */
function unknownCommand(words: readonly string[]): UnknownCommandError {
  const names = COMMANDS.map((command) => `'${command.words}'`).join(', ');
  return new UnknownCommandError(
    `slapos: the command '${words.join(' ')}' does not exist.\n\n` +
      `Available commands: ${names}\n\n` +
      'See slapos help COMMAND for one of them.\n' +
      'A command may be missing because this slapos is too old.',
  );
}

function choice<T extends string>(option: GivenOption | undefined, fallback: T): T {
  const value = option?.values[0];
  if (option === undefined || value === undefined) return fallback;
  if (option.spec.choices?.includes(value) === true) return value as T;
  throw new CommandLineError(
    `argument ${option.spec.flags.join('/')}: invalid choice: '${value}' ` +
      `(choose from ${option.spec.choices?.join(', ')})`,
  );
}

/** Decodes the global options. */
function decodeSettings(given: readonly GivenOption[]): GlobalSettings {
  const last = (name: string) => given.findLast((option) => option.spec.name === name);
  const verbose = given.filter((option) => option.spec.name === 'verbose').length;
  if (verbose > 0 && last('quiet') !== undefined) {
    throw new CommandLineError('argument -q/--quiet: not allowed with argument -v/--verbose');
  }
  return {
    verbosity: last('quiet') === undefined ? 1 + verbose : 0,
    isDebug: last('debug') !== undefined,
    logFile: last('log_file')?.values[0],
    logColor: choice(last('log_color'), 'auto'),
    hasLogTime: last('no_log_time') === undefined,
    logFormat: choice(last('log_format'), 'text'),
  };
}

/** What `slapos help WORDS` shows. */
function helpAction(words: readonly string[]): Action {
  if (words.length === 0) return { kind: 'command-list' };
  const name = words.join(' ');
  const command = findCommand(name === 'node' ? 'node status' : name);
  if (command === undefined) throw unknownCommand(words);
  return { kind: 'command-help', command };
}

function parseCommand(found: FoundCommand, command: CommandSpec): ParsedLine {
  const mode = command.positionals?.at(-1)?.arity;
  const tables = {
    command: command.options,
    global: GLOBAL_OPTIONS,
    mode: mode === 'rest' || mode === 'passthrough' ? mode : 'normal',
  } as const;
  const tokens = tokenize(found.rest, tables);
  const isGlobal = (option: GivenOption) => GLOBAL_OPTIONS.includes(option.spec);
  const global = [...found.given, ...tokens.given.filter(isGlobal)];
  const settings = decodeSettings(global);
  const asks = (name: string) => global.some((option) => option.spec.name === name);
  if (asks('version')) return { settings, action: { kind: 'version' } };
  if (asks('help')) return { settings, action: { kind: 'command-help', command } };
  if (command.words === 'help') return { settings, action: helpAction(tokens.positionals) };
  const own = tokens.given.filter((option) => !isGlobal(option));
  const values = readValues(command, own, tokens.positionals);
  return { settings, action: { kind: 'run', command, calledAs: found.words.join(' '), ...values } };
}

function parseWithoutCommand(found: FoundCommand): ParsedLine {
  const settings = decodeSettings(found.given);
  const asks = (name: string) => found.given.some((option) => option.spec.name === name);
  if (asks('version')) return { settings, action: { kind: 'version' } };
  if (found.words.length === 0 || asks('help')) {
    return { settings, action: { kind: 'global-help' } };
  }
  throw unknownCommand(found.words);
}

/**
 * Reads a command line, without the two words of the interpreter and the program.
 * @throws CommandLineError (exit 2) for a wrong option or argument.
 * @throws UnknownCommandError (exit 5) when the words name no command.
 */
export function parseCommandLine(argv: readonly string[]): ParsedLine {
  if (hasWord(argv, ['--version'])) {
    return { settings: DEFAULT_SETTINGS, action: { kind: 'version' } };
  }
  if (hasWord(argv, ['-h', '--help'])) {
    const command = helpTarget(argv);
    const action: Action =
      command === undefined ? { kind: 'global-help' } : { kind: 'command-help', command };
    return { settings: DEFAULT_SETTINGS, action };
  }
  const found = locateCommand(argv);
  if (found.command === undefined) return parseWithoutCommand(found);
  try {
    return parseCommand(found, found.command);
  } catch (error) {
    if (!(error instanceof CommandLineError) || error.command !== undefined) throw error;
    throw new CommandLineError(error.message, found.command);
  }
}
