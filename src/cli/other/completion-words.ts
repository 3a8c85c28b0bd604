/** What can follow what on the command line, from the registry. */
import type { CommandSpec, OptionSpec } from '../command.ts';

/** Words that may follow a path of words: names of commands, or the options of one. */
export interface CompletionNode {
  /** Words before, `['node', 'format']`. */
  readonly path: readonly string[];
  readonly words: readonly string[];
}

/** Spellings of the options that are shown, `-h` and `--help` first. */
export function optionWords(command: CommandSpec): string[] {
  const shown = command.options.filter((option) => option.isHidden !== true);
  return ['-h', '--help', ...shown.flatMap((option: OptionSpec) => option.flags)];
}

/** First words of the commands that consist of two. */
export function listGroupWords(commands: readonly CommandSpec[]): string[] {
  const words = commands.map((command) => command.words.split(' '));
  return [...new Set(words.filter((path) => path.length > 1).map((path) => path[0] as string))];
}

/** All nodes, sorted by path: the root, the groups and the commands. */
export function listCompletionNodes(commands: readonly CommandSpec[]): CompletionNode[] {
  const roots = [...new Set(commands.map((command) => command.words.split(' ')[0] as string))];
  const groups = listGroupWords(commands).map((group) => ({
    path: [group],
    words: commands
      .filter((command) => command.words.startsWith(`${group} `))
      .map((command) => command.words.slice(group.length + 1)),
  }));
  const leaves = commands.map((command) => ({
    path: command.words.split(' '),
    words: optionWords(command),
  }));
  const byPath = (left: CompletionNode, right: CompletionNode) =>
    left.path.join(' ') < right.path.join(' ') ? -1 : 1;
  return [{ path: [], words: roots }, ...[...groups, ...leaves].sort(byPath)];
}
