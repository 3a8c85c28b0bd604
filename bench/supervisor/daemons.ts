/** The supervisors that are measured. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHostFiles } from '../../src/host/folder/host-files.ts';
import { launchDaemon } from '../../src/host/keeper/daemon-launcher.ts';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { silentLogger } from '../../src/log/logger.ts';
import { SupervisorClient } from '../../src/supervisor/client.ts';
import { ensureSupervisor } from '../../src/supervisor/launch.ts';
import { findProcesses, isAlive, until } from './readings.ts';
import { type Site, writeMainFile } from './site.ts';

export interface Daemon {
  readonly who: string;
  /** Starts it; resolves when it is under way, its services may still be starting. */
  start(site: Site): Promise<void>;
  /** Asks it to stop everything and waits for its end. */
  stop(): Promise<void>;
  /** Its processes, services not included. */
  pids(): number[];
}

/** A daemon that speaks XML-RPC. */
export interface RpcDaemon extends Daemon {
  readonly client: SupervisorClient;
  /** Command line of `supervisorctl` up to the action. */
  readonly ctl: readonly string[];
}

/** Another Node for the controller: a script with --cpu-prof or --heap-prof, to see where time goes. */
function withNode(word: string): string {
  const node = process.env['SLAPOS_BENCH_NODE'];
  return word === process.execPath && node !== undefined ? node : word;
}

const STOP_LIMIT_MS = 120_000;

/** The keeper and controller of this package, started as `slapos node supervisord` does. */
export class Ours implements RpcDaemon {
  readonly who = 'ours';
  client = new SupervisorClient('');
  ctl: readonly string[] = [];
  #keeper = 0;
  #controller = 0;

  async start(site: Site): Promise<void> {
    writeMainFile(site);
    await ensureSupervisor({
      files: createHostFiles(),
      instanceRoot: site.folder,
      log: silentLogger,
      launch: (file, args, options) => launchDaemon(file, args.map(withNode), options),
    });
    this.client = new SupervisorClient(site.socket);
    const program = join(packageRoot(), 'dist', 'bin', 'supervisorctl.js');
    this.ctl = [process.execPath, program, '-c', site.configuration];
    this.#keeper = Number(readFileSync(site.pidFile, 'utf8'));
    this.#controller =
      findProcesses((_, args) => {
        return args.includes('--keeper-fd') && args.includes(site.configuration);
      })[0] ?? 0;
  }

  async stop(): Promise<void> {
    process.kill(this.#keeper, 'SIGTERM');
    await until(() => !isAlive(this.#keeper), 'the end of the keeper', STOP_LIMIT_MS);
    this.client.close();
  }

  pids(): number[] {
    return [this.#keeper, this.#controller];
  }

  /** Resident memory of each. */
  get parts(): { readonly keeper: number; readonly controller: number } {
    return { keeper: this.#keeper, controller: this.#controller };
  }
}

/** Debian's supervisord. */
export class Supervisord implements RpcDaemon {
  readonly who = 'supervisord';
  client = new SupervisorClient('');
  ctl: readonly string[] = [];
  #child: ChildProcess | undefined;

  async start(site: Site): Promise<void> {
    writeMainFile(site);
    // Three descriptors a process; Debian's default of 1024 ends at 338 of them.
    const minfds = Math.max(1024, site.options.services * 3 + 100);
    const args = ['-n', '-c', site.configuration, '-a', String(minfds)];
    this.#child = spawn('/usr/bin/supervisord', args, { stdio: 'ignore', env: {} });
    this.client = new SupervisorClient(site.socket);
    this.ctl = ['/usr/bin/supervisorctl', '-c', site.configuration];
    await until(() => existsSync(site.socket), 'the socket of supervisord');
  }

  async stop(): Promise<void> {
    const pid = this.#child?.pid ?? 0;
    process.kill(pid, 'SIGTERM');
    await until(() => !isAlive(pid), 'the end of supervisord', STOP_LIMIT_MS);
    this.client.close();
  }

  pids(): number[] {
    return [this.#child?.pid ?? 0];
  }
}

function writeScanFolder(site: Site, isLogged: boolean): string {
  const folder = join(site.folder, 'scan');
  mkdirSync(folder);
  for (let index = 0; index < site.options.services; index += 1) {
    const service = join(folder, `service${index}`);
    mkdirSync(service);
    const run = `#!${site.options.service} ${site.counter}\n`;
    writeFileSync(join(service, 'run'), run, { mode: 0o755 });
    if (isLogged) continue;
  }
  return folder;
}

/** A tree with one supervising process per service, as root and without logs. */
abstract class Tree implements Daemon {
  abstract readonly who: string;
  protected abstract readonly scanner: readonly string[];
  protected abstract readonly names: ReadonlySet<string>;
  protected scanFolder = '';
  protected root: ChildProcess | undefined;

  async start(site: Site): Promise<void> {
    this.scanFolder = writeScanFolder(site, false);
    const [program = '', ...options] = this.scanner;
    const output = openSync(join(site.folder, 'tree.log'), 'a');
    this.root = spawn(program, [...options, this.scanFolder], {
      stdio: ['ignore', output, output],
      env: { PATH: '/usr/bin:/bin' },
    });
  }

  abstract askToStop(): void;

  async stop(): Promise<void> {
    this.askToStop();
    await until(() => this.pids().length === 0, `the end of ${this.who}`, STOP_LIMIT_MS);
  }

  pids(): number[] {
    return findProcesses((name) => this.names.has(name));
  }
}

export class S6 extends Tree {
  readonly who = 's6';
  protected readonly scanner = ['/usr/bin/s6-svscan', '-c', '20000'];
  protected readonly names = new Set(['s6-svscan', 's6-supervise']);

  askToStop(): void {
    spawnSync('/usr/bin/s6-svscanctl', ['-t', this.scanFolder]);
  }
}

export class Runit extends Tree {
  readonly who = 'runit';
  protected readonly scanner = ['/usr/bin/runsvdir'];
  protected readonly names = new Set(['runsvdir', 'runsv']);

  askToStop(): void {
    process.kill(this.root?.pid ?? 0, 'SIGHUP');
  }
}

/** runsvdir takes no more services than this (its MAXSERVICES). */
export const RUNIT_LIMIT = 1000;

export function isInstalled(path: string): boolean {
  return existsSync(path);
}
