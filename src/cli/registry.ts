/**
 * Every command of `slapos`, as data. Help, completion and the parser are made from this list.
 *
 * To give a command its body: write a module that exports `run: CommandHandler`
 * (`src/cli/node/format.ts`), and add one line to its spec in the `*-command(s).ts` file of its
 * group:
 *
 *     load: () => import('./format.ts'),
 *
 * That module becomes a bundle of its own, loaded only when the command is chosen. Inside it, read
 * options from `context.options` by their `name`, write data through `context.output`, log through
 * `context.log`, throw a SlaposError to fail, and return the exit status. By then the
 * configuration is read and root is checked, as the spec of the command says. An option that only
 * we have goes into the same spec.
 */
import { CACHE_COMMANDS } from './cache/commands.ts';
import { CLIENT_COMMANDS } from './client/commands.ts';
import type { CommandSpec } from './command.ts';
import { NODE_COMMANDS } from './node/commands.ts';
import { OTHER_COMMANDS } from './other/commands.ts';
import { PROXY_COMMANDS } from './proxy/commands.ts';

/** All commands, sorted by name. */
export const COMMANDS: readonly CommandSpec[] = [
  ...CACHE_COMMANDS,
  ...CLIENT_COMMANDS,
  ...NODE_COMMANDS,
  ...OTHER_COMMANDS,
  ...PROXY_COMMANDS,
].sort((left, right) => (left.words < right.words ? -1 : 1));

/** The command of these words or of an older spelling of them. */
export function findCommand(words: string): CommandSpec | undefined {
  return (
    COMMANDS.find((command) => command.words === words) ??
    COMMANDS.find((command) => command.aliases?.includes(words))
  );
}
