/** Handler of `slapos node promise`; it shares the pid file of `node instance`. */
import { runPromisePass } from '../../instance/run-promise-pass.ts';
import type { CommandContext } from '../command.ts';
import { runGridCommand } from './grid-command.ts';

export function run(context: CommandContext): Promise<number> {
  return runGridCommand(context, 'instance', runPromisePass);
}
