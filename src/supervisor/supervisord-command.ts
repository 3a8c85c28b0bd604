/**
 * `supervisord` as a command: reads where the daemon listens and what it writes, and starts the
 * keeper, which starts everything else (spec/supervisor.md 8; docs/keeper-protocol.md).
 */
import { existsSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { keeperRuntime, launchDaemon, supervisordProgram } from '../host/keeper/daemon-launcher.ts';
import { ConfigurationReader } from './configuration/configuration.ts';
import { diskFiles } from './configuration/configuration-files.ts';
import { ConfigurationError, type DaemonConfig } from './configuration/program-config.ts';
import {
  parseSupervisordOptions,
  SUPERVISORD_USAGE,
  type SupervisordOptions,
  SupervisordUsageError,
} from './configuration/supervisord-options.ts';
import { UserTable } from './configuration/users.ts';
import { SUPERVISOR_VERSION } from './rpc/rpc-daemon-methods.ts';

export interface SupervisordRun {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Path of the command itself: its folder is searched for a configuration. */
  readonly program: string;
  readonly ownUid: number;
  readonly signal: AbortSignal;
  write(text: string): void;
  writeError(text: string): void;
}

const USAGE_STATUS = 2;

function findConfiguration({ cwd, program }: SupervisordRun): string {
  const near = (path: string) => join(dirname(program), path);
  const candidates = [
    ...[near('../etc/supervisord.conf'), near('../supervisord.conf')],
    ...['supervisord.conf', 'etc/supervisord.conf'].map((path) => resolve(cwd, path)),
    ...['/etc/supervisord.conf', '/etc/supervisor/supervisord.conf'],
  ];
  const found = candidates.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new SupervisordUsageError(
    `No config file found at default paths (${candidates.join(', ')}); use the -c option to specify a config file at a different path`,
  );
}

/** The state that outlives the daemon lies beside the pid file. */
export function journalPath(pidFile: string): string {
  return `${pidFile.replace(/\.pid$/, '')}.state`;
}

/** Command line of the keeper for a configuration. Pure. */
export function planKeeperArguments(
  path: string,
  daemon: DaemonConfig,
  overrides: ReadonlyMap<string, string>,
  runtime: { readonly node: string; readonly controller: string },
): string[] {
  const socket = daemon.servers.find((server) => server.kind === 'unix');
  const octal = (mode: number) => `0${mode.toString(8)}`;
  const args = ['-c', path, '--node', runtime.node, '--controller', runtime.controller];
  args.push('--pidfile', daemon.pidFile, '--journal', journalPath(daemon.pidFile));
  args.push('--logfile', daemon.logFile ?? '/dev/null', '--umask', octal(daemon.umask));
  if (daemon.isInForeground) args.push('--nodaemon');
  if (daemon.directory !== undefined) args.push('--directory', daemon.directory);
  if (socket !== undefined) {
    args.push('--socket', socket.path, '--socket-mode', octal(socket.mode));
    const { owner } = socket;
    if (owner !== undefined) args.push('--socket-owner', `${owner.uid}:${owner.gid}`);
  }
  if (overrides.size === 0) return args;
  return [...args, '--', ...[...overrides].flatMap(([key, value]) => ['--set', `${key}=${value}`])];
}

/** Ids to start the keeper as; undefined: as we are. */
function findUser(
  { user }: DaemonConfig,
  users: UserTable,
  ownUid: number,
): { readonly uid: number; readonly gid: number } | undefined {
  if (user === undefined) return undefined;
  const owner = users.findOwner(user);
  if (owner === undefined) {
    const kind = /^\d+$/.test(user) ? 'id' : 'name';
    throw new SupervisordUsageError(`Invalid user ${kind} ${user}`);
  }
  if (owner.uid === ownUid) return undefined;
  if (ownUid === 0) return owner;
  throw new SupervisordUsageError("Can't drop privilege as nonroot user");
}

async function start(options: SupervisordOptions, run: SupervisordRun): Promise<number> {
  const path = resolve(run.cwd, options.configuration ?? findConfiguration(run));
  const users = new UserTable();
  const { daemon } = new ConfigurationReader(path, {
    files: diskFiles,
    env: run.env,
    hostName: hostname(),
    cwd: run.cwd,
    temporaryFolder: run.env['TMPDIR'] ?? tmpdir(),
    users,
    overrides: options.overrides,
  }).read();
  const args = planKeeperArguments(path, daemon, options.overrides, keeperRuntime());
  const user = findUser(daemon, users, run.ownUid);
  const { status, output } = await launchDaemon(supervisordProgram(), args, {
    isForeground: daemon.isInForeground,
    signal: run.signal,
    env: run.env,
    cwd: run.cwd,
    ...(user === undefined ? {} : { user }),
  });
  run.writeError(output);
  return status < 0 ? 1 : status;
}

/** Runs `supervisord` and resolves to its exit status; in the foreground when the daemon ends. */
export async function runSupervisord(
  argv: readonly string[],
  run: SupervisordRun,
): Promise<number> {
  try {
    const options = parseSupervisordOptions(argv);
    if (options.isHelp) run.write(SUPERVISORD_USAGE);
    else if (options.isVersion) run.write(`${SUPERVISOR_VERSION}\n`);
    else return await start(options, run);
    return 0;
  } catch (error) {
    const isUsage = error instanceof SupervisordUsageError || error instanceof ConfigurationError;
    if (!isUsage) throw error;
    run.writeError(`Error: ${error.message}\nFor help, use ${run.program} -h\n`);
    return USAGE_STATUS;
  }
}
