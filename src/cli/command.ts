/**
 * What a command is: data for parsing, help, completion and documentation, and one handler.
 * The registry (`registry.ts`) is a list of these; only the chosen command's module is loaded.
 */
import type { Config } from '../config/config.ts';
import type { SlaposError } from '../errors/slapos-error.ts';
import type { Logger } from '../log/logger.ts';
import type { Output } from './output.ts';
import type { StatusLine } from './status-line.ts';

export type CommandGroup = 'cachelookup' | 'client' | 'node' | 'other';

export type OptionValue = string | number | boolean | readonly string[];

export interface OptionSpec {
  /** All spellings, the one shown first in help first: `['-x', '--computer_xml']`. */
  readonly flags: readonly string[];
  /** Key in `context.options`; upstream's destination name, such as `computer_xml`. */
  readonly name: string;
  /**
   * `flag` takes no argument, `value` one, `list` one or more (argparse nargs='+'), `optional`
   * none or one written `--option=value`.
   */
  readonly arity: 'flag' | 'value' | 'list' | 'optional';
  /** `file` must be readable when the line is parsed, or `-`; the value stays the path. */
  readonly type?: 'string' | 'int' | 'file';
  readonly metavar?: string;
  readonly choices?: readonly string[];
  readonly default?: OptionValue;
  /** The option may be given several times and gathers its values. */
  readonly isRepeatable?: boolean;
  /** Spellings of options that may not be given together with this one: `['--only-sr']`. */
  readonly excludes?: readonly string[];
  /** No positional may go with it. */
  readonly excludesPositionals?: boolean;
  readonly isHidden?: boolean;
  readonly help: string;
}

export interface PositionalSpec {
  readonly name: string;
  readonly help: string;
  /**
   * `one` mandatory word; `rest` every word from the first positional on (argparse REMAINDER);
   * `passthrough` every word that is not an option of the command, wherever it stands.
   */
  readonly arity: 'one' | 'optional' | 'rest' | 'passthrough';
}

export interface CommandSpec {
  /** The words that name it: `node format`. */
  readonly words: string;
  /** Older or alternative names, accepted and not shown. */
  readonly aliases?: readonly string[];
  readonly group: CommandGroup;
  /** First line of the help and of the command list; upstream's words are not needed. */
  readonly summary: string;
  readonly description?: string;
  readonly examples?: readonly string[];
  readonly positionals?: readonly PositionalSpec[];
  readonly options: readonly OptionSpec[];
  /** Which configuration file the command reads (spec/cli.md 3.1). */
  readonly configFamily: 'node' | 'client' | 'none';
  /** True: the handler reads the configuration itself (the file may not exist yet). */
  readonly isConfigOptional?: boolean;
  /** When root is checked (spec/cli.md 4). */
  readonly rootCheck: 'always' | 'permissive' | 'strict' | 'never';
  /** What the configuration must have; looked at before root is checked. */
  readonly findRefusal?: (config: Config) => SlaposError | undefined;
  /** Section whose keys count where `[slapos]` lacks them. */
  readonly ownSection?: string;
  /** A program that runs until it is told to stop: a signal is its normal end, not a failure. */
  readonly isServer?:
    | boolean
    | ((options: Readonly<Record<string, OptionValue | undefined>>) => boolean);
  /** The handler heeds signals until it is too late for them: what it returns counts then. */
  readonly isSignalHeeded?: boolean;
  /** Loads the handler; absent while the command is only announced. */
  readonly load?: () => Promise<{ readonly run: CommandHandler }>;
}

/** Everything that a handler may use; handlers read no globals. */
export interface CommandContext {
  readonly command: CommandSpec;
  /** The words that the user wrote: those of the command, or an alias. */
  readonly calledAs: string;
  /** Every command there is; handlers get it here since the registry refers to them. */
  readonly commands: readonly CommandSpec[];
  /** Values by option name; absent when neither given nor defaulted. */
  readonly options: Readonly<Record<string, OptionValue | undefined>>;
  readonly positionals: readonly string[];
  /** Path of the configuration file after `~` expansion; '' for family `none`. */
  readonly configPath: string;
  /** The configuration; empty for family `none` and when optional and missing. */
  readonly config: Config;
  readonly log: Logger;
  readonly output: Output;
  /** For progress, on standard error; undefined where there is no terminal for it. */
  readonly statusLine: StatusLine | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborted by SIGINT, SIGTERM and a closed standard output. */
  readonly signal: AbortSignal;
  readonly isDebug: boolean;
  /** Logger level asked for on the command line: 0 quiet, 1 normal, 2 verbose, 3 very verbose. */
  readonly verbosity: number;
  /** True when `--log-file` was given: configured log files are then not used. */
  readonly hasLogFileOption: boolean;
  /** Adds a DEBUG file sink (the `log_file` of a configuration). Throws when it cannot be opened. */
  addLogFile(path: string): void;
}

/** Does the work and returns the exit status; failures are thrown as SlaposError. */
export type CommandHandler = (context: CommandContext) => Promise<number>;
