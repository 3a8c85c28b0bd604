/** Who may run a command (spec/cli.md 4). */
import type { Config } from '../config/config.ts';
import { readBoolean } from '../config/values.ts';
import { UsageError } from '../errors/slapos-error.ts';
import type { CommandSpec } from './command.ts';
import { EXIT } from './exit-code.ts';

function notRoot(): UsageError {
  return new UsageError('SLAPOS_ERR_NOT_ROOT', 'This slapos command must be run as root.', {
    exitCode: EXIT.refused,
    hint: 'use sudo, or set root_check = false in section [slapos] for an unprivileged node',
  });
}

/** The check that comes before the configuration is read. */
export function checkRootAlways(command: CommandSpec, uid: number): void {
  if (command.rootCheck === 'always' && uid !== 0) throw notRoot();
}

/** The check that `root_check` can turn off, in `[slapos]` or else in the command's own section. */
export function checkRootConfigured(command: CommandSpec, config: Config, uid: number): void {
  if (command.rootCheck !== 'permissive' && command.rootCheck !== 'strict') return;
  const { ownSection, rootCheck } = command;
  const isOwn = ownSection !== undefined && config.get('slapos', 'root_check') === undefined;
  const section = isOwn ? ownSection : 'slapos';
  const isChecked = readBoolean(config, section, 'root_check', true, rootCheck);
  if (isChecked && uid !== 0) throw notRoot();
}
