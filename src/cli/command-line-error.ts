import { UsageError } from '../errors/slapos-error.ts';
import type { CommandSpec } from './command.ts';

/** A mistake on the command line; `command` is the one whose usage helps, if it was recognised. */
export class CommandLineError extends UsageError {
  readonly command: CommandSpec | undefined;

  constructor(message: string, command?: CommandSpec) {
    super('SLAPOS_ERR_USAGE', message);
    this.command = command;
  }
}

/** The words name no command. Exit 5, as a critical log line and not as usage. */
export class UnknownCommandError extends UsageError {
  constructor(message: string) {
    super('SLAPOS_ERR_UNKNOWN_COMMAND', message, { exitCode: 5 });
  }
}
