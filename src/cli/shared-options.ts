/** Options of commands of every kind (spec/cli.md 5.3 and 6). */
import type { OptionSpec } from './command.ts';

/** `--cfg` of every command that reads a configuration file. */
export const CFG_OPTION: OptionSpec = {
  flags: ['--cfg'],
  name: 'cfg',
  arity: 'value',
  metavar: 'CFG',
  help: 'configuration file to read',
};

/** `--format`: how data is printed; the first of the choices when absent. */
export function outputFormat(...choices: readonly [string, ...string[]]): OptionSpec {
  return {
    flags: ['--format'],
    name: 'format',
    arity: 'value',
    choices,
    default: choices[0],
    help: `how it is printed (${choices[0]})`,
  };
}
