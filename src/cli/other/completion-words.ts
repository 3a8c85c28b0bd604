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

/** First words of the commands that consist of several. */
export function listGroupWords(commands: readonly CommandSpec[]): string[] {
  return [...new Set(listGroupPaths(commands).map((path) => path.split(' ')[0] as string))];
}

/** The words before the last of every command, and before those. */
function listGroupPaths(commands: readonly CommandSpec[]): string[] {
  const paths = commands.flatMap((command) => {
    const words = command.words.split(' ');
    return words.slice(1).map((_word, index) => words.slice(0, index + 1).join(' '));
  });
  return [...new Set(paths)];
}

/** What may follow these words. */
export function listNextWords(commands: readonly CommandSpec[], path: string): string[] {
  const words = commands
    .filter((command) => command.words.startsWith(`${path} `))
    .map((command) => command.words.slice(path.length + 1).split(' ')[0] as string);
  return [...new Set(words)];
}

/** All nodes, sorted by path: the root, the groups and the commands. */
export function listCompletionNodes(commands: readonly CommandSpec[]): CompletionNode[] {
  const roots = [...new Set(commands.map((command) => command.words.split(' ')[0] as string))];
  const groups = listGroupPaths(commands).map((path) => ({
    path: path.split(' '),
    words: listNextWords(commands, path),
  }));
  const leaves = commands.map((command) => ({
    path: command.words.split(' '),
    words: optionWords(command),
  }));
  const byPath = (left: CompletionNode, right: CompletionNode) =>
    left.path.join(' ') < right.path.join(' ') ? -1 : 1;
  return [{ path: [], words: roots }, ...[...groups, ...leaves].sort(byPath)];
}
