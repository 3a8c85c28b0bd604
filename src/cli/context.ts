import type { Config } from '../config/config.ts';
import type { CommandContext, CommandSpec, OptionValue } from './command.ts';
import type { GlobalSettings } from './global-options.ts';
import type { RunLog } from './log-setup.ts';
import { createOutput } from './output.ts';
import type { ProcessIo } from './process-io.ts';
import { COMMANDS } from './registry.ts';
import { statusLineOf } from './status-line.ts';

export interface ContextParts {
  readonly action: {
    readonly command: CommandSpec;
    readonly calledAs: string;
    readonly options: Readonly<Record<string, OptionValue | undefined>>;
    readonly positionals: readonly string[];
  };
  readonly settings: GlobalSettings;
  readonly log: RunLog;
  readonly io: ProcessIo;
  readonly configPath: string;
  readonly config: Config;
}

/** Puts together what a handler gets. */
export function createContext(parts: ContextParts): CommandContext {
  const { action, settings, log, io } = parts;
  return {
    ...action,
    commands: COMMANDS,
    configPath: parts.configPath,
    config: parts.config,
    log: log.logger,
    output: createOutput(io.stdout, io.env, () => io.stderr.clearStatus()),
    // What the terminal is like is asked only when somebody wants to know.
    get statusLine() {
      return statusLineOf(io.stderr, io.env, settings);
    },
    env: io.env,
    cwd: io.cwd,
    signal: io.signal,
    isDebug: settings.isDebug,
    verbosity: settings.verbosity,
    hasLogFileOption: settings.logFile !== undefined,
    addLogFile: (path) => log.addFile(path),
  };
}
