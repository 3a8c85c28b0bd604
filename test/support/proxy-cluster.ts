/** Real `slapos proxy start` processes over one database, each on a loopback port of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { findPort } from './free-port.ts';

const START_TIMEOUT_MS = 60_000;
const POLL_MS = 5;
/** As long as a supervisor leaves a program down that could not start. */
const RESTART_MS = 50;

export interface ClusterOptions {
  readonly databaseUri: string;
  readonly proxies: number;
  /** For configuration and logs. */
  readonly folder: string;
}

export class ProxyCluster {
  readonly members: readonly ProxyMember[];

  private constructor(members: readonly ProxyMember[]) {
    this.members = members;
  }

  static async create({ databaseUri, proxies, folder }: ClusterOptions): Promise<ProxyCluster> {
    const config = join(folder, 'slapos-proxy.cfg');
    const keys = { computer_id: 'COMP-1', database_uri: databaseUri, state_folder: folder };
    const lines = Object.entries(keys).map(([key, value]) => `${key} = ${value}\n`);
    writeFileSync(config, `[slapproxy]\n${lines.join('')}`);
    const members: ProxyMember[] = [];
    for (let index = 0; index < proxies; index += 1) {
      members.push(new ProxyMember(config, join(folder, `proxy-${index}.log`), await findPort()));
    }
    return new ProxyCluster(members);
  }

  /** Starts those that do not run, and waits until each takes connections. */
  async start(): Promise<void> {
    await Promise.all(this.members.map((member) => member.start()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.end('SIGTERM')));
  }
}

export class ProxyMember {
  readonly url: string;
  readonly #config: string;
  readonly #log: string;
  readonly #port: number;
  #child: ChildProcess | undefined;
  #starting: Promise<void> | undefined;
  /** Whether it took connections when it was looked at last, and nobody ended it since. */
  isUp = false;

  constructor(config: string, log: string, port: number) {
    this.#config = config;
    this.#log = log;
    this.#port = port;
    this.url = `http://127.0.0.1:${port}/`;
  }

  log(): string {
    return existsSync(this.#log) ? readFileSync(this.#log, 'utf8') : '';
  }

  /** Starts it unless it runs; calls that come together share one start. */
  start(): Promise<void> {
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  /** Sends a signal and waits for the end, if it runs. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    this.isUp = false;
    if (child === undefined || hasEnded(child)) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }

  async #start(): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (!(await this.#isListening())) {
      if (performance.now() > deadline) throw new Error(`no proxy:\n${this.log().slice(-2000)}`);
      if (this.#child === undefined || hasEnded(this.#child)) {
        if (this.#child?.exitCode === 1) await delay(RESTART_MS);
        this.#spawn();
      }
      await delay(POLL_MS);
    }
    this.isUp = true;
  }

  #spawn(): void {
    const program = join(packageRoot(), 'dist/bin/slapos.js');
    const words = ['proxy', 'start', '--cfg', this.#config, '--port', String(this.#port)];
    const log = openSync(this.#log, 'a');
    const { NODE_EXTRA_CA_CERTS: _unused, ...env } = process.env;
    this.#child = spawn(process.execPath, [program, ...words], {
      stdio: ['ignore', log, log],
      env,
    });
    closeSync(log);
  }

  #isListening(): Promise<boolean> {
    if (this.#child === undefined || hasEnded(this.#child)) return Promise.resolve(false);
    return new Promise((resolve) => {
      const socket = connect(this.#port, '127.0.0.1');
      const tell = (isListening: boolean) => {
        socket.destroy();
        resolve(isListening);
      };
      socket.once('connect', () => tell(true)).once('error', () => tell(false));
    });
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
