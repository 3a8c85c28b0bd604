import type { CommandSpec, OptionSpec } from '../command.ts';
import { listGroupWords } from './completion-words.ts';

/** A word in single quotes as zsh reads it. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** `name:text` of _describe: a colon in the name would end it. */
function described(name: string, text: string): string {
  return quote(`${name.replaceAll(':', '\\:')}:${text}`);
}

function describeLine(title: string, pairs: ReadonlyArray<readonly [string, string]>): string {
  const words = pairs.map(([name, text]) => described(name, text)).join(' ');
  return `list=( ${words} ); _describe -t commands ${quote(title)} list`;
}

/** Text inside the brackets of a specification of _arguments. */
function bracketed(text: string): string {
  return text.replace(/[[\]\\:]/g, '\\$&');
}

function optionSpecs(option: OptionSpec): string[] {
  const what = option.choices === undefined ? '_files' : `(${option.choices.join(' ')})`;
  const metavar = bracketed(option.metavar ?? option.name);
  const value = option.arity === 'flag' ? '' : `:${metavar}:${what}`;
  const isLong = (flag: string) => flag.startsWith('--');
  return option.flags.map((flag) => {
    const joined = option.arity === 'optional' ? '=-' : option.arity === 'flag' ? '' : '=';
    return quote(`*${flag}${isLong(flag) ? joined : ''}[${bracketed(option.help)}]${value}`);
  });
}

function argumentsLine(command: CommandSpec): string {
  const shown = command.options.filter((option) => option.isHidden !== true);
  const specs = ["'(-h --help)'{-h,--help}'[show this help]'", ...shown.flatMap(optionSpecs)];
  return `_arguments ${specs.join(' ')} '*: :_files'`;
}

function groupCase(group: string, commands: readonly CommandSpec[]): string {
  const members = commands.filter((command) => command.words.startsWith(`${group} `));
  const pairs = members.map((each) => [each.words.slice(group.length + 1), each.summary] as const);
  return `    ${quote(group)}) ${describeLine('command', pairs)} ;;\n`;
}

/**
 * The completion function for zsh, to be stored as `_NAME` in a folder of `fpath`.
 * @param name command to complete, made of letters, digits, `.`, `_`, `+` and `-`
 */
export function renderZshCompletion(name: string, commands: readonly CommandSpec[]): string {
  const groups = listGroupWords(commands);
  const single = commands.filter((command) => !command.words.includes(' '));
  const first = [
    ...groups.map((group) => [group, `${group} commands`] as const),
    ...single.map((command) => [command.words, command.summary] as const),
  ];
  const cases = commands
    .map((command) => `    ${quote(command.words)}) ${argumentsLine(command)} ;;\n`)
    .join('');
  return `#compdef ${name}
# The words before the cursor that name a command, without options.
local -a list typed
local at
typed=( \${\${words[2,CURRENT-1]}:#-*} )
at="\${typed[1]}"
case "$at" in
    ${groups.map(quote).join('|')}) [[ -z "\${typed[2]}" ]] || at="$at \${typed[2]}" ;;
esac
case "$at" in
    '') ${describeLine('command', first)} ;;
${groups.map((group) => groupCase(group, commands)).join('')}${cases}esac
`;
}
