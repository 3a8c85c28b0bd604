import type { CommandSpec, OptionSpec } from '../command.ts';
import { GLOBAL_OPTIONS } from '../global-options.ts';
import { listGroupWords, listNextWords } from './completion-words.ts';

/** A word in single quotes as fish reads it. */
function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** Functions that list names which only the node or the Master knows. */
function renderFunctions(): string {
  return `function __fish_slapos_run
  set -l words (commandline -opc)
  $words[1] $argv 2> /dev/null
end
function __fish_slapos_services
  __fish_slapos_run service list | jq -r 'to_entries[] | "\\(.key)\\t\\(.value)"'
end
function __fish_slapos_node_services
  printf 'all\\tevery service\\n'
  __fish_slapos_run node supervisorctl status | sed -e 's/  */\\t/'
end
function __fish_slapos_softwares
  __fish_slapos_run proxy show --software | tail -n +6 | awk '/available/ {print $4"\\t"$1}'
end
function __fish_slapos_partitions
  __fish_slapos_run proxy show --partitions | tail -n +6 | awk '/busy/ {print $1"\\t"$6}'
end
`;
}

/** The condition that the words of a command were typed. */
function conditionOf(words: string): string {
  return words
    .split(' ')
    .map((word) => `__fish_seen_subcommand_from ${word}`)
    .join('; and ');
}

function nameLine(name: string, command: CommandSpec, commands: readonly CommandSpec[]): string {
  const words = command.words.split(' ');
  const last = words.at(-1) ?? '';
  if (words.length === 1) {
    return `complete -c ${name} -f -n __fish_use_subcommand -a ${last} -d ${quote(command.summary)}\n`;
  }
  const before = words.slice(0, -1).join(' ');
  const siblings = listNextWords(commands, before);
  const condition = `${conditionOf(before)}; and not __fish_seen_subcommand_from ${siblings.join(' ')}`;
  return `complete -c ${name} -f -n ${quote(condition)} -a ${last} -d ${quote(command.summary)}\n`;
}

/** The word between, of commands of three: `node certificate`. */
function middleLines(name: string, commands: readonly CommandSpec[]): string[] {
  const paths = commands
    .map((command) => command.words.split(' '))
    .filter((words) => words.length > 2)
    .map((words) => words.slice(0, 2).join(' '));
  return [...new Set(paths)].map((path) => {
    const [first = '', second = ''] = path.split(' ');
    const siblings = listNextWords(commands, first).join(' ');
    const condition = `${conditionOf(first)}; and not __fish_seen_subcommand_from ${siblings}`;
    return `complete -c ${name} -f -n ${quote(condition)} -a ${second}\n`;
  });
}

/** @param condition when to offer it; absent: always */
function optionLine(name: string, condition: string | undefined, option: OptionSpec): string {
  const spellings = option.flags.map((flag) =>
    flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
  );
  const values =
    option.choices === undefined ? '-r -F ' : `-x -a ${quote(option.choices.join(' '))} `;
  const kind = option.arity === 'flag' ? '' : values;
  const when = condition === undefined ? '' : `-n ${quote(condition)} `;
  return `complete -c ${name} ${when}${kind}${spellings.join(' ')} -d ${quote(option.help)}\n`;
}

/** Names that are asked for when completing: of services, partitions and releases. */
function dynamicLines(name: string): string {
  const line = (words: string, list: string) =>
    `complete -c ${name} -f -n ${quote(conditionOf(words))} -a '(${list})'\n`;
  const valueLine = (words: string, option: string, list: string) => {
    const condition = `${conditionOf(words)}; and __fish_contains_opt ${option} only`;
    return `complete -c ${name} -f -n ${quote(condition)} -a '(${list})'\n`;
  };
  return [
    line('service info', '__fish_slapos_services'),
    line('request', '__fish_slapos_services'),
    ...['start', 'stop', 'restart', 'status', 'tail'].map((verb) =>
      line(`node ${verb}`, '__fish_slapos_node_services'),
    ),
    valueLine('node software', 'only-sr', '__fish_slapos_softwares'),
    valueLine('node instance', 'only-cp', '__fish_slapos_partitions'),
    valueLine('node promise', 'only-cp', '__fish_slapos_partitions'),
  ].join('');
}

/**
 * The completion script for fish.
 * @param name command to complete, made of letters, digits, `.`, `_`, `+` and `-`
 */
export function renderFishCompletion(name: string, commands: readonly CommandSpec[]): string {
  const groupLines = listGroupWords(commands).map(
    (group) => `complete -c ${name} -f -n __fish_use_subcommand -a ${group}\n`,
  );
  const globalLines = GLOBAL_OPTIONS.filter((option) => option.isHidden !== true).map((option) =>
    // Each command has a line of its own for its help.
    optionLine(name, option.name === 'help' ? '__fish_use_subcommand' : undefined, option),
  );
  const commandLines = commands.map((command) => {
    const condition = conditionOf(command.words);
    const options = command.options.filter((option) => option.isHidden !== true);
    const help = `complete -c ${name} -n ${quote(condition)} -s h -l help -d 'show this help'\n`;
    return (
      nameLine(name, command, commands) +
      help +
      options.map((option) => optionLine(name, condition, option)).join('')
    );
  });
  const groups = [...groupLines, ...middleLines(name, commands)].join('');
  const lines = [groups, ...globalLines, ...commandLines, dynamicLines(name)];
  return renderFunctions() + lines.join('');
}
