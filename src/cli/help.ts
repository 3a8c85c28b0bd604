/** Texts of `slapos --help`, `slapos help` and the help of one command (spec/cli.md 1). */
import type { Help, Option } from 'commander';
import type { CommandSpec, OptionSpec } from './command.ts';
import { buildCommander, metavarOf } from './commander-parser.ts';
import { GLOBAL_OPTIONS } from './global-options.ts';
import { COMMANDS } from './registry.ts';

/** One option as usage shows it: `[--cfg CFG]`. */
function usageItem(option: OptionSpec): string {
  const flag = option.flags[0] as string;
  const metavar = metavarOf(option);
  if (option.arity === 'flag') return `[${flag}]`;
  if (option.arity === 'optional') return `[${flag}[=${metavar}]]`;
  return option.arity === 'list' ? `[${flag} ${metavar} ...]` : `[${flag} ${metavar}]`;
}

/** Joins items into lines of at most `columns` characters; the first begins at `start`. */
function wrapItems(
  items: readonly string[],
  indent: number,
  columns: number,
  start: number,
): string {
  let text = '';
  let column = start;
  for (const item of items) {
    const isFirst = text === '';
    const isNewLine = column + 1 + item.length > columns && !isFirst;
    text += isNewLine ? `\n${' '.repeat(indent)}${item}` : `${isFirst ? '' : ' '}${item}`;
    column = isNewLine ? indent + item.length : column + item.length + (isFirst ? 0 : 1);
  }
  return text;
}

function positionalItems(command: CommandSpec): string[] {
  return (command.positionals ?? []).map((positional) => {
    if (positional.arity === 'one') return positional.name;
    return positional.arity === 'optional' ? `[${positional.name}]` : `[${positional.name} ...]`;
  });
}

/** `usage: slapos node bang [-h] [--cfg CFG] …`, wrapped, without a final newline. */
export function renderUsage(command: CommandSpec | undefined, columns: number): string {
  const name = command === undefined ? 'slapos' : `slapos ${command.words}`;
  const options = command?.options ?? GLOBAL_OPTIONS.filter((option) => option.name !== 'help');
  const items = [
    '[-h]',
    ...options.filter((option) => option.isHidden !== true).map(usageItem),
    ...(command === undefined ? ['COMMAND', '...'] : positionalItems(command)),
  ];
  const start = `usage: ${name} `;
  const indent = start.length <= columns / 2 ? start.length : 'usage: '.length;
  return start + wrapItems(items, indent, columns, start.length);
}

/** Column where descriptions start; a longer term has a line of its own, as argparse does it. */
const TERM_WIDTH = 22;

function formatItem(term: string, width: number, description: string, helper: Help): string {
  const indent = ' '.repeat(width + 4);
  const columns = Math.max(30, (helper.helpWidth ?? 80) - indent.length);
  const text = helper.boxWrap(description, columns).replaceAll('\n', `\n${indent}`);
  const gap = term.length > width ? `\n${indent}` : ' '.repeat(width + 2 - term.length);
  return `  ${term}${gap}${text}`;
}

/** Metavars without the brackets of commander: `--node KEY=VALUE ...`. */
function optionTerm(option: Option): string {
  return option.flags.replace(/<(.*?)(\.\.\.)?>$/, (_all, name, more) =>
    more ? `${name} ...` : name,
  );
}

const TITLES: Readonly<Record<string, string>> = {
  'Arguments:': 'positional arguments:',
  'Options:': 'options:',
};

/** The help of one command. */
export function renderCommandHelp(command: CommandSpec, columns: number): string {
  const commander = buildCommander(command);
  commander.configureHelp({
    helpWidth: columns,
    commandUsage: () => renderUsage(command, columns).slice('usage: '.length),
    padWidth: () => TERM_WIDTH,
    formatItem,
    optionTerm,
    optionDescription: (option) => option.description,
    styleTitle: (title) => TITLES[title] ?? title.toLowerCase(),
  });
  const examples = (command.examples ?? []).map((example) => `  ${example}\n`).join('');
  return (
    commander.helpInformation() +
    (examples === '' ? '' : `\nexamples:\n${examples}`) +
    '\nGlobal options such as --verbose and --log-file: see slapos --help.\n'
  );
}

function commandLine(command: CommandSpec): string {
  return `  ${command.words.padEnd(13)}  ${command.summary}\n`;
}

function optionLines(): string {
  return GLOBAL_OPTIONS.filter((option) => option.isHidden !== true)
    .map((option) => {
      const value =
        option.arity === 'optional' ? `[=${metavarOf(option)}]` : ` ${metavarOf(option)}`;
      const term = `  ${option.flags.join(', ')}${option.arity === 'flag' ? '' : value}`;
      const gap = term.length > 24 ? `\n${' '.repeat(26)}` : ' '.repeat(26 - term.length);
      return `${term}${gap}${option.help}\n`;
    })
    .join('');
}

/** The help of `slapos` itself: options, then the commands by group. */
export function renderGlobalHelp(version: string, columns: number): string {
  const groups = [...new Set(COMMANDS.map((command) => command.group))].sort();
  const blocks = groups.map((group) => {
    const members = COMMANDS.filter((command) => command.group === group);
    return `\n${group} commands:\n${members.map(commandLine).join('')}`;
  });
  return (
    `${renderUsage(undefined, columns)}\n\nSlapOS client ${version}\n\n` +
    `options:\n${optionLines()}${blocks.join('')}`
  );
}

/** What `slapos help` without words shows. */
export function renderCommandList(columns: number): string {
  return `${renderUsage(undefined, columns)}\n\nCommands:\n${COMMANDS.map(commandLine).join('')}`;
}
