/** Who may run a command (spec/cli.md 4). */
import type { Config } from '../config/config.ts';
import { ConfigError, UsageError } from '../errors/slapos-error.ts';
import type { CommandSpec } from './command.ts';
import { EXIT } from './exit-code.ts';

const YES = new Set(['1', 'yes', 'true', 'on']);
const NO = new Set(['0', 'no', 'false', 'off']);

function notRoot(): UsageError {
  return new UsageError('SLAPOS_ERR_NOT_ROOT', 'This slapos command must be run as root.', {
    exitCode: EXIT.refused,
    hint: 'use sudo, or set root_check = false in section [slapos] for an unprivileged node',
  });
}

/** Reads `[slapos] root_check`; each kind of command words a wrong value in its own way. */
function isRootChecked(command: CommandSpec, config: Config): boolean {
  const value = config.get('slapos', 'root_check');
  if (value === undefined) return true;
  const word = value.toLowerCase();
  if (YES.has(word) || NO.has(word)) return YES.has(word);
  const message =
    command.rootCheck === 'strict'
      ? `${value} is neither True nor False.`
      : `Not a boolean: ${value}`;
  throw new ConfigError('SLAPOS_ERR_CONFIG_VALUE', message, {
    hint: 'write root_check = true or root_check = false',
    context: { section: 'slapos', key: 'root_check', ...config.locate('slapos', 'root_check') },
  });
}

/** The check that comes before the configuration is read. */
export function checkRootAlways(command: CommandSpec, uid: number): void {
  if (command.rootCheck === 'always' && uid !== 0) throw notRoot();
}

/** The check that `[slapos] root_check` can turn off. */
export function checkRootConfigured(command: CommandSpec, config: Config, uid: number): void {
  if (command.rootCheck !== 'permissive' && command.rootCheck !== 'strict') return;
  if (isRootChecked(command, config) && uid !== 0) throw notRoot();
}
