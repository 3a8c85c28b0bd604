/** Starts the supervisor: the only place where it is launched from. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { nativeFile, packageRoot } from '../package/package-files.ts';

export interface DaemonOutcome {
  /** Exit status of the launcher, or -1 when a signal ended it or it could not be started. */
  readonly status: number;
  readonly output: string;
}

/** Path of the keeper, which is the supervisor's program. */
export function supervisordProgram(): string {
  return nativeFile('slapos-supervisord');
}

/** What the keeper runs as its controller. */
export function keeperRuntime(): { readonly node: string; readonly controller: string } {
  const controller = join(packageRoot(), 'dist', 'bin', 'supervisor-controller.js');
  return { node: process.execPath, controller };
}

const INSTALLED_WATCHDOG = '/opt/slapos/bin/slapos-watchdog';

/**
 * First words of the watchdog's command line: upstream's path where a package installed it, else
 * the one of this package under the running Node, since services get no PATH to find one.
 */
export function watchdogProgram(): string {
  if (existsSync(INSTALLED_WATCHDOG)) return INSTALLED_WATCHDOG;
  return `'${process.execPath}' '${join(packageRoot(), 'dist', 'bin', 'slapos-watchdog.js')}'`;
}

export interface LaunchOptions {
  readonly isForeground: boolean;
  readonly signal?: AbortSignal;
  /** Default: empty. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: `/`. */
  readonly cwd?: string;
  /** Default: the caller's own. Supplementary groups are dropped. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/**
 * Version and protocol of a keeper, by its own account.
 * @throws the system's error when it cannot be run, TypeError when it says something else.
 */
export async function readKeeperVersion(
  program: string,
): Promise<{ readonly version: string; readonly protocol: number }> {
  const { execFile } = await loadChildProcess();
  const { stdout } = await promisify(execFile)(program, ['--version'], { cwd: '/', env: {} });
  const found = /^slapos-supervisord (\S+) protocol (\d+)$/m.exec(stdout);
  if (found === null) throw new TypeError(`${program} is no slapos-supervisord`);
  return { version: found[1] ?? '', protocol: Number(found[2]) };
}

/** Takes 2 ms, which commands that find their daemon running need not spend. */
function loadChildProcess(): Promise<typeof import('node:child_process')> {
  return import('node:child_process');
}

/** Starts a program and waits for its exit. */
export type DaemonLauncher = (
  program: string,
  args: readonly string[],
  options: LaunchOptions,
) => Promise<DaemonOutcome>;

/**
 * The real launcher. In the foreground the standard streams are ours and an abort becomes SIGTERM;
 * otherwise output is gathered, and the call ends when the program has put itself in background.
 */
export const launchDaemon: DaemonLauncher = async (program, args, options) => {
  const { isForeground, signal, env = {}, cwd = '/', user = {} } = options;
  const { spawn } = await loadChildProcess();
  return new Promise((resolve) => {
    const output = isForeground ? 'inherit' : 'pipe';
    const stdio = ['ignore', output, output] as const;
    const child = spawn(program, args, { cwd, env, stdio: [...stdio], ...user });
    const chunks: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
      // The exit status tells more.
      stream?.on('error', (error) => chunks.push(Buffer.from(`${error.message}\n`)));
    }
    const stop = () => child.kill('SIGTERM');
    signal?.addEventListener('abort', stop, { once: true });
    const finish = (status: number, more = '') => {
      signal?.removeEventListener('abort', stop);
      // A daemon may keep our end of the pipe: its exit, not the end of its output, is what counts.
      child.stdout?.destroy();
      child.stderr?.destroy();
      resolve({ status, output: Buffer.concat(chunks).toString('utf8') + more });
    };
    child.on('error', (error) => finish(-1, error.message));
    child.on('exit', (status, by) =>
      // A child that libuv gives no pipe aborts before it can say so.
      setImmediate(() => finish(status ?? -1, by === null ? '' : `${program} ended with ${by}.`)),
    );
  });
};
