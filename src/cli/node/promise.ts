/** Handler of `slapos node promise`; it shares the pid file of `node instance`. */
import { runPromisePass } from '../../instance/run-promise-pass.ts';
import type { CommandContext } from '../command.ts';
import { runLookingCommand } from './grid-command.ts';

export function run(context: CommandContext): Promise<number> {
  return runLookingCommand(context, 'instance', runPromisePass);
}
