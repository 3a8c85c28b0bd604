/** A real keeper, controller and services below a folder of the private namespace. */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHostFiles } from '../../src/host/folder/host-files.ts';
import { launchDaemon } from '../../src/host/keeper/daemon-launcher.ts';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { silentLogger } from '../../src/log/logger.ts';
import { type ProcessInfo, SupervisorClient } from '../../src/supervisor/client.ts';
import { ensureSupervisor, writeSupervisorFiles } from '../../src/supervisor/launch.ts';
import { supervisorPaths } from '../../src/supervisor/layout.ts';
import { type SupervisorUpgrade, upgradeSupervisor } from '../../src/supervisor/upgrade.ts';
import { isAlive } from './keeper-run.ts';
import { appendToEtc } from './private-etc.ts';

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** uid of the user that services run as. */
export const SERVICE_UID = 4001;

/** Runs a program and gives its output, whatever its status. */
export function runCommand(
  file: string,
  args: readonly string[],
  input = '',
): Promise<CommandResult> {
  const env = { PATH: process.env['PATH'] ?? '' };
  return new Promise((resolve) => {
    const child = execFile(file, [...args], { env }, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ status, stdout, stderr });
    });
    child.stdin?.end(input);
  });
}

/** Waits until a probe gives something. */
export async function until<T>(
  probe: () => T | undefined | Promise<T | undefined>,
  what: string,
  timeoutMs = 15_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`timed out waiting for ${what}`);
    await sleep(20);
  }
}

export class SupervisorRun {
  readonly root = mkdtempSync('/srv/instance-');
  readonly paths = supervisorPaths(this.root);
  readonly home = join(this.root, 'slappart0');
  readonly client = new SupervisorClient(this.paths.socket);

  constructor() {
    chmodSync(this.root, 0o755);
    mkdirSync(this.home);
    chownSync(this.home, SERVICE_UID, SERVICE_UID);
    const passwd = readFileSync('/etc/passwd', 'utf8');
    if (!passwd.includes(`:${SERVICE_UID}:`)) {
      appendToEtc('passwd', `slapsv:x:${SERVICE_UID}:${SERVICE_UID}::/:/bin/sh\n`);
    }
  }

  /** Writes the main file and starts the daemon. */
  async launch(): Promise<void> {
    await this.writeFiles();
    await this.ensure();
  }

  async writeFiles(): Promise<void> {
    await writeSupervisorFiles({
      files: createHostFiles(),
      instanceRoot: this.root,
      masterUrl: 'http://127.0.0.1:1/',
      computerId: 'COMP-1',
    });
  }

  /** Keeper to run instead of the one of the package, and more words for its command line. */
  keeper: string | undefined;
  keeperArguments: readonly string[] = [];
  keeperEnv: Readonly<Record<string, string>> = {};

  ensure(): Promise<string> {
    return ensureSupervisor({
      files: createHostFiles(),
      instanceRoot: this.root,
      log: silentLogger,
      launch: (program, args, options) =>
        launchDaemon(program, [...args, ...this.keeperArguments], {
          ...options,
          env: { ...options.env, ...this.keeperEnv },
        }),
      ...(this.keeper === undefined ? {} : { program: this.keeper }),
    });
  }

  /** Replaces keeper and controller while everything runs. */
  upgrade(): Promise<SupervisorUpgrade> {
    return upgradeSupervisor({
      files: createHostFiles(),
      instanceRoot: this.root,
      log: silentLogger,
      keeperArguments: this.keeperArguments,
      ...(this.keeper === undefined ? {} : { program: this.keeper }),
    });
  }

  get pid(): number {
    return Number(readFileSync(this.paths.pidFile, 'utf8'));
  }

  /** Pid of the keeper as its file tells; it may be dead. */
  pidOrNone(): number | undefined {
    return existsSync(this.paths.pidFile) ? this.pid : undefined;
  }

  /** Pid of the controller: the Node that is a child of the keeper and no service. */
  controllerPid(): number {
    const [found] = this.controllerPids();
    if (found === undefined) throw new Error('no controller');
    return found;
  }

  /** All controllers: one, unless it is being replaced. */
  controllerPids(): number[] {
    const found = readdirSync('/proc').filter((pid) => {
      if (!/^\d+$/.test(pid)) return false;
      try {
        const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return args.includes('--keeper-fd') && args.includes(this.paths.configuration);
      } catch {
        return false;
      }
    });
    return found.map(Number);
  }

  /** A service of a partition, with the keys that the grid writes. */
  writeGroup(group: string, programs: Readonly<Record<string, string>>): void {
    const names = Object.keys(programs).map((name) => `${group}_${name}`);
    const sections = Object.entries(programs).map(([name, command]) =>
      [
        `[program:${group}_${name}]`,
        `directory=${this.home}`,
        `command=${command}`,
        `process_name=${name}`,
        'autostart=false',
        'autorestart=false',
        'startsecs=0',
        'startretries=0',
        'exitcodes=0',
        'stopsignal=TERM',
        'stopwaitsecs=60',
        'stopasgroup=true',
        'killasgroup=true',
        `user=${SERVICE_UID}`,
        `group=${SERVICE_UID}`,
        'serverurl=AUTO',
        'redirect_stderr=true',
        `stdout_logfile=${this.logPath(group, name)}`,
        'stdout_logfile_maxbytes=100KB',
        'stdout_logfile_backups=1',
        `environment=USER="slapsv",HOME="${this.home}"`,
        '',
      ].join('\n'),
    );
    const text = [`[group:${group}]`, `programs=${names.join(',')}`, '', ...sections].join('\n');
    writeFileSync(join(this.paths.groupFolder, `${group}.conf`), text, { mode: 0o600 });
  }

  logPath(group: string, name: string): string {
    return join(this.home, `.${group}_${name}.log`);
  }

  info(): Promise<ProcessInfo[]> {
    return this.client.call<ProcessInfo[]>('supervisor.getAllProcessInfo');
  }

  /** Processes without the watchdog. */
  async services(): Promise<ProcessInfo[]> {
    return (await this.info()).filter(({ group }) => group !== 'watchdog');
  }

  /** Our supervisorctl, as built. */
  ctl(...args: string[]): Promise<CommandResult> {
    const program = join(packageRoot(), 'dist', 'bin', 'supervisorctl.js');
    return runCommand(process.execPath, [program, '-c', this.paths.configuration, ...args]);
  }

  /** Our supervisorctl as a shell that reads these lines. */
  shell(...lines: string[]): Promise<CommandResult> {
    const program = join(packageRoot(), 'dist', 'bin', 'supervisorctl.js');
    const args = [program, '-c', this.paths.configuration];
    return runCommand(process.execPath, args, lines.map((line) => `${line}\n`).join(''));
  }

  mainLog(): string {
    return readFileSync(this.paths.logFile, 'utf8');
  }

  /** Ends the daemon and waits for its socket to go. */
  async stop(): Promise<void> {
    this.client.close();
    if (!existsSync(this.paths.pidFile)) return;
    const { pid } = this;
    process.kill(pid, 'SIGTERM');
    await until(() => (isAlive(pid) ? undefined : true), 'the end of the keeper');
  }
}
