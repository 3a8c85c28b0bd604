/**
 * A node of real programs in the private namespace: ours and upstream's read one configuration, so
 * that each can be the Master, the node or the client of the other.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { until } from './supervisor-run.ts';

export const COMPUTER = 'COMP-1';

export type Settings = Readonly<Record<string, string | number | boolean>>;

export interface RealNodeOptions {
  readonly folder: string;
  readonly port: number;
  /** Of `slapos proxy`, where something stands between it and the node. */
  readonly proxyPort?: number;
  /** A Python with upstream's programs beside it, where they are to be run. */
  readonly python?: string;
  /** Who runs everything, where that is not root. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Added to the sections of the configuration. */
  readonly slapos?: Settings;
  readonly slapformat?: Settings;
  readonly slapproxy?: Settings;
  /** More sections of the configuration. */
  readonly sections?: Readonly<Record<string, Settings>>;
}

export interface ProgramResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Which program runs a command line. */
export type Side = 'ours' | 'upstream';

const PROGRAM_TIMEOUT_MS = 60_000;

export class RealNode {
  readonly folder: string;
  readonly config: string;
  readonly instanceRoot: string;
  readonly softwareRoot: string;
  readonly masterUrl: string;
  private readonly python: string;
  private readonly user: RealNodeOptions['user'];
  private proxy: ChildProcess | undefined;

  constructor(options: RealNodeOptions) {
    this.folder = options.folder;
    this.python = options.python ?? '';
    this.user = options.user;
    this.config = join(this.folder, 'slapos.cfg');
    this.instanceRoot = join(this.folder, 'instance');
    this.softwareRoot = join(this.folder, 'software');
    this.masterUrl = `http://127.0.0.1:${options.port}/`;
    for (const path of [this.folder, this.instanceRoot, this.softwareRoot]) {
      mkdirSync(path, { mode: 0o755 });
      if (this.user !== undefined) chownSync(path, this.user.uid, this.user.gid);
    }
    this.write('slapos.cfg', this.renderConfig(options));
    this.write('proxy.log', '');
  }

  /** Writes a file beside the configuration. */
  write(name: string, content: string): void {
    const path = join(this.folder, name);
    writeFileSync(path, content);
    if (this.user !== undefined) chownSync(path, this.user.uid, this.user.gid);
  }

  private renderConfig(options: RealNodeOptions): string {
    const {
      port,
      proxyPort,
      slapos = {},
      slapformat = {},
      slapproxy = {},
      sections = {},
    } = options;
    return renderSections({
      slapos: {
        computer_id: COMPUTER,
        master_url: this.masterUrl,
        instance_root: this.instanceRoot,
        software_root: this.softwareRoot,
        instance_min_free_space: 0,
        software_min_free_space: 0,
        pidfile_software: join(this.folder, 'software.pid'),
        pidfile_instance: join(this.folder, 'instance.pid'),
        pidfile_report: join(this.folder, 'report.pid'),
        ...slapos,
      },
      slapformat: {
        interface_name: 'br0',
        ipv4_local_network: '10.0.0.0/16',
        partition_amount: 3,
        computer_xml: join(this.folder, 'slapos.xml'),
        create_tap: false,
        ...slapformat,
      },
      slapproxy: {
        host: '127.0.0.1',
        port: proxyPort ?? port,
        database_uri: join(this.folder, 'proxy.db'),
        ...slapproxy,
      },
      slapconsole: {},
      ...sections,
    });
  }

  /** Runs `slapos` of one side to its end. */
  async run(side: Side, ...words: readonly string[]): Promise<ProgramResult> {
    const child = this.spawn(side, words, 'pipe');
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.setEncoding('utf8').on('data', (text: string) => {
        output[name] += text;
      });
    }
    const status = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject).on('close', resolve);
    });
    return { status, ...output };
  }

  /** Runs our `slapos` and gives its standard output; another status than 0 is an error. */
  async ours(...words: readonly string[]): Promise<string> {
    return this.succeed('ours', words);
  }

  async upstream(...words: readonly string[]): Promise<string> {
    return this.succeed('upstream', words);
  }

  private async succeed(side: Side, words: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.run(side, ...words);
    if (status === 0) return stdout;
    throw new Error(`${side} slapos ${words.join(' ')} ended with ${status}\n${stdout}${stderr}`);
  }

  /** Of every program of the node. */
  get environment(): Readonly<Record<string, string>> {
    return {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: this.folder,
      LANG: 'C.UTF-8',
      SLAPOS_CONFIGURATION: this.config,
      SLAPOS_CLIENT_CONFIGURATION: this.config,
    };
  }

  private spawn(
    side: Side,
    words: readonly string[],
    output: 'pipe' | number,
    variables: Readonly<Record<string, string>> = {},
  ): ChildProcess {
    const argv =
      side === 'ours'
        ? [process.execPath, join(packageRoot(), 'dist', 'bin', 'slapos.js')]
        : [this.python, join(packageRoot(), 'test/support/upstream.py')];
    return spawn(argv[0] ?? '', [...argv.slice(1), ...words], {
      cwd: this.folder,
      env: { ...this.environment, ...variables },
      stdio: ['ignore', output, output],
      ...this.user,
      ...(output === 'pipe' ? { timeout: PROGRAM_TIMEOUT_MS } : {}),
    });
  }

  /** Of the services that run; `status` ends with 3 where some programs have done their work. */
  async listPids(): Promise<readonly string[] | null> {
    return (await this.run('ours', 'node', 'status')).stdout.match(
      /^slappart\S+ +RUNNING +pid \d+/gm,
    );
  }

  /**
   * Starts `slapos proxy start` of one side and waits until it answers.
   * @param variables more for its environment
   */
  async startProxy(side: Side, variables: Readonly<Record<string, string>> = {}): Promise<void> {
    const log = join(this.folder, 'proxy.log');
    const descriptor = openSync(log, 'a');
    const words = ['proxy', 'start', '--cfg', this.config];
    this.proxy = this.spawn(side, words, descriptor, variables);
    closeSync(descriptor);
    await until(
      () =>
        fetch(`${this.masterUrl}getRunId`).then(
          () => true,
          () => undefined,
        ),
      `the proxy, which wrote: ${readFileSync(log, 'utf8')}`,
    );
  }

  async stopProxy(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const { proxy } = this;
    if (proxy === undefined || proxy.exitCode !== null || proxy.signalCode !== null) return;
    const ended = new Promise((resolve) => proxy.once('close', resolve));
    proxy.kill(signal);
    await ended;
  }

  /** Ends everything and deletes the folder. */
  async remove(): Promise<void> {
    await this.stopSupervisor();
    await this.stopProxy();
    rmSync(this.folder, { recursive: true });
  }

  async stopSupervisor(): Promise<void> {
    const file = join(this.instanceRoot, 'var', 'run', 'supervisord.pid');
    if (!existsSync(file)) return;
    const pid = Number(readFileSync(file, 'utf8'));
    process.kill(pid, 'SIGTERM');
    await until(() => (existsSync(`/proc/${pid}`) ? undefined : true), `the end of ${pid}`);
  }

  path(...parts: readonly string[]): string {
    return join(this.instanceRoot, ...parts);
  }

  read(...parts: readonly string[]): string {
    return readFileSync(this.path(...parts), 'utf8');
  }
}

function renderSections(sections: Readonly<Record<string, Settings>>): string {
  return Object.entries(sections)
    .map(([name, settings]) => {
      const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}\n`);
      return `[${name}]\n${lines.join('')}`;
    })
    .join('\n');
}
