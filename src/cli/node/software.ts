/** Handler of `slapos node software`. */
import { runSoftware } from '../../software/run-software.ts';
import type { CommandContext } from '../command.ts';
import { withAwayStatus } from './away-status.ts';
import { runGridCommand } from './grid-command.ts';

export function run(context: CommandContext): Promise<number> {
  return withAwayStatus(context, () => runGridCommand(context, 'software', runSoftware));
}
