/** Handler of `slapos node instance`. */
import { runInstance } from '../../instance/run-instance.ts';
import type { CommandContext } from '../command.ts';
import { runServiceCommand } from './grid-command.ts';

export function run(context: CommandContext): Promise<number> {
  return runServiceCommand(context, 'instance', runInstance);
}
