/** From a process's configuration to what the keeper is asked to start (spec/supervisor.md 3.2). */
import { basename } from 'node:path';
import type { CommandStatus } from '../../host/package/command-files.ts';
import { parseCommandLine } from '../configuration/command-line.ts';
import { quote } from '../configuration/ini.ts';
import type { ProcessConfig } from '../configuration/program-config.ts';

/** What stands under a path; undefined when there is nothing. */
export type LookAtCommand = (path: string) => Promise<CommandStatus | undefined>;

export type ResolvedCommand =
  | { readonly kind: 'found'; readonly file: string; readonly args: readonly string[] }
  /** `isMissing`: fault 20 instead of 21. */
  | { readonly kind: 'failed'; readonly reason: string; readonly isMissing: boolean };

const DEFAULT_PATH = '/bin:/usr/bin:/usr/local/bin';

interface FoundFile {
  readonly path: string;
  readonly status: CommandStatus | undefined;
}

async function search(program: string, path: string, look: LookAtCommand): Promise<FoundFile> {
  for (const folder of path.split(':')) {
    const candidate = `${folder === '' ? '.' : folder}/${program}`;
    const status = await look(candidate);
    if (status !== undefined) return { path: candidate, status };
  }
  return { path: program, status: undefined };
}

function failed(reason: string, isMissing = false): ResolvedCommand {
  return { kind: 'failed', reason, isMissing };
}

/** Finds the program of a process, or says why it cannot be started. */
export async function resolveCommand(
  config: ProcessConfig,
  daemonEnv: Readonly<Record<string, string>>,
  look: LookAtCommand,
): Promise<ResolvedCommand> {
  let words: string[];
  try {
    words = parseCommandLine(config.command);
  } catch (error) {
    return failed(`can't parse command ${quote(config.command)}: ${(error as Error).message}`);
  }
  const program = words[0];
  if (program === undefined) return failed('command is empty');
  const path = config.environment['PATH'] ?? daemonEnv['PATH'] ?? DEFAULT_PATH;
  const { path: file, status } = program.includes('/')
    ? { path: program, status: await look(program) }
    : await search(program, path, look);
  if (status === undefined) return failed(`can't find command ${quote(program)}`, true);
  if (status.isDirectory) return failed(`command at ${quote(file)} is a directory`);
  if ((status.mode & 0o111) === 0) return failed(`command at ${quote(file)} is not executable`);
  if (!status.mayExecute) return failed(`no permission to run command ${quote(file)}`);
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
