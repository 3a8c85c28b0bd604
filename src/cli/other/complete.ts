/** `complete`: completion scripts made from the registry (spec/cli.md 8). */
import { UsageError } from '../../errors/slapos-error.ts';
import type { CommandContext } from '../command.ts';
import { renderBashCompletion, renderCompletionData } from './completion-bash.ts';
import { renderFishCompletion } from './completion-fish.ts';

/** The name goes into a script: nothing that a shell would read as more than a word. */
function checkName(name: string): string {
  if (/^[A-Za-z0-9_][A-Za-z0-9._+-]*$/.test(name)) return name;
  throw new UsageError('SLAPOS_ERR_USAGE', `Not the name of a command: ${name}`, {
    hint: 'use letters, digits, dots, dashes and underscores',
  });
}

export async function run({ commands, options, output }: CommandContext): Promise<number> {
  const name = checkName(String(options['name']));
  if (options['shell'] === 'none') output.write(renderCompletionData(commands));
  else if (options['shell'] === 'fish') output.write(renderFishCompletion(name, commands));
  else output.write(renderBashCompletion(name, commands));
  return 0;
}
