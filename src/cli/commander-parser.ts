/**
 * The chosen command as a commander Command: conversion, choices, exclusions, missing and
 * surplus arguments, and the text of the help. The words were sorted by `tokenize.ts` before, as
 * argparse would, so commander sees one spelling only: `--option=value … -- positional …`.
 */
import { accessSync, constants } from 'node:fs';
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { errorMessage } from '../errors/slapos-error.ts';
import type { CommandSpec, OptionSpec, OptionValue, PositionalSpec } from './command.ts';
import { CommandLineError } from './command-line-error.ts';
import type { GivenOption } from './tokenize.ts';

/** What the user sees in place of the value. */
export function metavarOf(spec: OptionSpec): string {
  if (spec.metavar !== undefined) return spec.metavar;
  return spec.choices === undefined ? spec.name.toUpperCase() : spec.choices.join('|');
}

function canonicalFlag(spec: OptionSpec): string {
  return spec.flags.find((flag) => flag.startsWith('--')) ?? (spec.flags[0] as string);
}

function parseInteger(text: string): number {
  if (!/^\s*[-+]?\d+\s*$/.test(text)) throw new InvalidArgumentError('It must be an integer.');
  return Number(text);
}

/** Checks that a file can be read, as argparse's FileType does when the line is parsed. */
function checkReadable(path: string): string {
  if (path === '-') return path;
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw new InvalidArgumentError(errorMessage(error));
  }
  return path;
}

function placeholder(spec: OptionSpec): string {
  if (spec.arity === 'flag') return '';
  return spec.arity === 'list' ? ` <${metavarOf(spec)}...>` : ` <${metavarOf(spec)}>`;
}

function toCommanderOption(spec: OptionSpec, all: readonly OptionSpec[]): Option {
  const option = new Option(spec.flags.join(', ') + placeholder(spec), spec.help);
  if (spec.type === 'int') option.argParser(parseInteger);
  if (spec.type === 'file') option.argParser(checkReadable);
  if (spec.choices !== undefined) option.choices(spec.choices);
  if (spec.isRepeatable === true) option.variadic = true;
  if (spec.isHidden === true) option.hideHelp();
  const excluded = all.filter((other) => other.flags.some((flag) => spec.excludes?.includes(flag)));
  option.conflicts(excluded.map((other) => new Option(other.flags.join(', ')).attributeName()));
  return option;
}

function toCommanderArgument(spec: PositionalSpec): Argument {
  if (spec.arity === 'one') return new Argument(`<${spec.name}>`, spec.help);
  if (spec.arity === 'optional') return new Argument(`[${spec.name}]`, spec.help);
  return new Argument(`[${spec.name}...]`, spec.help);
}

/** commander asks and writes nothing: looking at process.stdout takes milliseconds. */
const SILENT = {
  writeErr() {},
  writeOut() {},
  getOutHasColors: () => false,
  getErrHasColors: () => false,
  getOutHelpWidth: () => 80,
  getErrHelpWidth: () => 80,
};

/** Builds the commander Command of a spec; it never exits and writes nothing by itself. */
export function buildCommander(spec: CommandSpec): Command {
  const command = new Command(`slapos ${spec.words}`)
    .exitOverride()
    .configureOutput(SILENT)
    .helpOption('-h, --help', 'show this help and exit')
    .allowExcessArguments(false)
    .description(spec.description ?? spec.summary);
  for (const option of spec.options) command.addOption(toCommanderOption(option, spec.options));
  for (const positional of spec.positionals ?? []) {
    command.addArgument(toCommanderArgument(positional));
  }
  return command;
}

/** One spelling of what was given; of a list given twice the last one counts. */
function canonicalWords(given: readonly GivenOption[]): string[] {
  return given.flatMap((option, at) => {
    const isReplaced =
      option.spec.arity === 'list' &&
      given.slice(at + 1).some((later) => later.spec.name === option.spec.name);
    if (isReplaced) return [];
    const flag = canonicalFlag(option.spec);
    if (option.spec.arity === 'flag') return [flag];
    return option.values.map((value) => `${flag}=${value}`);
  });
}

function checkExclusions(
  spec: CommandSpec,
  given: readonly GivenOption[],
  positionals: readonly string[],
): void {
  const lonely = given.find((option) => option.spec.excludesPositionals === true);
  if (lonely === undefined || positionals.length === 0) return;
  const names = (spec.positionals ?? []).map((positional) => positional.name).join(', ');
  const message = `argument ${names}: not allowed with argument ${lonely.spec.flags.join('/')}`;
  throw new CommandLineError(message, spec);
}

function collectValues(command: Command, spec: CommandSpec) {
  const values: Record<string, OptionValue | undefined> = {};
  for (const [at, option] of spec.options.entries()) {
    const value = command.getOptionValue(command.options[at]?.attributeName() ?? '');
    const chosen = (value as OptionValue | undefined) ?? option.default;
    values[option.name] = value === undefined ? (values[option.name] ?? chosen) : chosen;
  }
  return values;
}

/**
 * Converts and checks the options and positionals of a command.
 * @throws CommandLineError carrying the command, so that its usage can be shown.
 */
export function readValues(
  spec: CommandSpec,
  given: readonly GivenOption[],
  positionals: readonly string[],
): {
  readonly options: Readonly<Record<string, OptionValue | undefined>>;
  readonly positionals: readonly string[];
} {
  checkExclusions(spec, given, positionals);
  const command = buildCommander(spec);
  try {
    command.parse([...canonicalWords(given), '--', ...positionals], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw new CommandLineError(error.message.replace(/^error: /, ''), spec);
  }
  return { options: collectValues(command, spec), positionals: command.args };
}
