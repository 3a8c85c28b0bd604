import type { CommandSpec, OptionSpec } from '../command.ts';

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

/** Words that may follow each path of words that names no command yet, with what they are. */
function listPrefixes(commands: readonly CommandSpec[]): Map<string, Map<string, string>> {
  const prefixes = new Map<string, Map<string, string>>();
  for (const { words, summary } of commands) {
    const path = words.split(' ');
    for (const [index, word] of path.entries()) {
      const before = path.slice(0, index).join(' ');
      const next = prefixes.get(before) ?? new Map<string, string>();
      const isCommand = index === path.length - 1;
      if (isCommand || !next.has(word)) next.set(word, isCommand ? summary : `${word} commands`);
      prefixes.set(before, next);
    }
  }
  return prefixes;
}

/**
 * The completion function for zsh, to be stored as `_NAME` in a folder of `fpath`.
 * @param name command to complete, made of letters, digits, `.`, `_`, `+` and `-`
 */
export function renderZshCompletion(name: string, commands: readonly CommandSpec[]): string {
  const prefixes = listPrefixes(commands);
  const known = [...prefixes.keys(), ...commands.map(({ words }) => words)].filter(Boolean);
  const nodes = [...prefixes].map(
    ([path, next]) => `    ${quote(path)}) ${describeLine('command', [...next])} ;;\n`,
  );
  const leaves = commands.map((each) => `    ${quote(each.words)}) ${argumentsLine(each)} ;;\n`);
  return `#compdef ${name}
# The words before the cursor that name a command, whatever options stand between them.
local -a list
local at word
for word in \${\${words[2,CURRENT-1]}:#-*}; do
    case "\${at:+$at }$word" in
        ${known.map(quote).join('|')}) at="\${at:+$at }$word" ;;
        *) break ;;
    esac
done
case "$at" in
${nodes.join('')}${leaves.join('')}esac
`;
}
