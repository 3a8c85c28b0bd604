/** From a process's configuration to what the keeper is asked to start (spec/supervisor.md 3.2). */
import { basename } from 'node:path';
import { parseCommandLine } from './command-line.ts';
import { quote } from './ini.ts';
import type { ProcessConfig } from './program-config.ts';

/** What looking for a command needs of the machine. */
export interface CommandFiles {
  /** Mode bits and kind; undefined when there is nothing. */
  status(path: string): { readonly isDirectory: boolean; readonly mode: number } | undefined;
  /** access(2) with X_OK. */
  mayExecute(path: string): boolean;
}

export type ResolvedCommand =
  | { readonly kind: 'found'; readonly file: string; readonly args: readonly string[] }
  /** `isMissing`: fault 20 instead of 21. */
  | { readonly kind: 'failed'; readonly reason: string; readonly isMissing: boolean };

const DEFAULT_PATH = '/bin:/usr/bin:/usr/local/bin';

function search(program: string, path: string, files: CommandFiles): string | undefined {
  for (const folder of path.split(':')) {
    const candidate = `${folder === '' ? '.' : folder}/${program}`;
    if (files.status(candidate) !== undefined) return candidate;
  }
  return undefined;
}

function failed(reason: string, isMissing = false): ResolvedCommand {
  return { kind: 'failed', reason, isMissing };
}

/** Finds the program of a process, or says why it cannot be started. */
export function resolveCommand(
  config: ProcessConfig,
  daemonEnv: Readonly<Record<string, string>>,
  files: CommandFiles,
): ResolvedCommand {
  let words: string[];
  try {
    words = parseCommandLine(config.command);
  } catch (error) {
    return failed(`can't parse command ${quote(config.command)}: ${(error as Error).message}`);
  }
  const program = words[0];
  if (program === undefined) return failed('command is empty');
  const path = config.environment['PATH'] ?? daemonEnv['PATH'] ?? DEFAULT_PATH;
  const file = program.includes('/') ? program : search(program, path, files);
  const status = file === undefined ? undefined : files.status(file);
  if (file === undefined || status === undefined) {
    return failed(`can't find command ${quote(program)}`, true);
  }
  if (status.isDirectory) return failed(`command at ${quote(file)} is a directory`);
  if ((status.mode & 0o111) === 0) return failed(`command at ${quote(file)} is not executable`);
  if (!files.mayExecute(file)) return failed(`no permission to run command ${quote(file)}`);
  return { kind: 'found', file, args: words };
}

/** Environment of a process: the daemon's, then who supervises it, then its own. */
export function planEnvironment(
  config: ProcessConfig,
  groupName: string,
  daemon: { readonly env: Readonly<Record<string, string>>; readonly serverUrl: string },
): string[] {
  const isAuto = config.serverUrl.toUpperCase() === 'AUTO';
  const environment = {
    ...daemon.env,
    SUPERVISOR_ENABLED: '1',
    SUPERVISOR_SERVER_URL: isAuto ? daemon.serverUrl : config.serverUrl,
    SUPERVISOR_PROCESS_NAME: config.name,
    SUPERVISOR_GROUP_NAME: groupName,
    ...config.environment,
  };
  return Object.entries(environment).map(([key, value]) => `${key}=${value}`);
}

/** Name of a log file that the daemon chooses (spec 7). */
export function autoLogName(processName: string, channel: string, identifier: string): string {
  return `${basename(processName)}-${channel}---${identifier}-`;
}

/** `group:name`, or the name alone when both are equal. */
export function namespec(group: string, name: string): string {
  return group === name ? name : `${group}:${name}`;
}
