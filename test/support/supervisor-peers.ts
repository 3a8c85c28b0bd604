/** The stock supervisord and ours under the same configuration, and the stock clients of both. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { SupervisorClient } from '../../src/supervisor/client.ts';
import { isAlive } from './keeper-run.ts';
import { type CommandResult, runCommand, until } from './supervisor-run.ts';

/** A stock supervisor installed on this machine. */
export interface Peer {
  readonly title: string;
  readonly supervisord: string;
  readonly supervisorctl: string;
  readonly python: string;
}

function peerAt(title: string, bin: string, python: string): Peer[] {
  const peer = {
    title,
    supervisord: join(bin, 'supervisord'),
    supervisorctl: join(bin, 'supervisorctl'),
    python,
  };
  return [peer.supervisord, peer.supervisorctl, python].every((path) => existsSync(path))
    ? [peer]
    : [];
}

/** Those that are there: from PyPI beside SLAPOS_PEER_PYTHON, and Debian's. */
export function findPeers(): readonly Peer[] {
  const python = process.env['SLAPOS_PEER_PYTHON'];
  const fromPyPi = python === undefined ? [] : peerAt('PyPI', dirname(python), python);
  return [...fromPyPi, ...peerAt('Debian', '/usr/bin', '/usr/bin/python3')];
}

/** Words that start our daemon. */
export const OUR_SUPERVISORD: readonly string[] = [
  process.execPath,
  join(packageRoot(), 'dist', 'bin', 'supervisord.js'),
];

/** A daemon below a folder of its own, whose path stands for `ROOT` in its configuration. */
export class PeerDaemon {
  readonly root = mkdtempSync('/srv/sv-');
  readonly configuration = join(this.root, 'main.conf');
  readonly socket = join(this.root, 'sv.sock');
  client: SupervisorClient;
  readonly #command: readonly string[];

  constructor(command: readonly string[], files: Readonly<Record<string, string>>) {
    this.#command = command;
    this.client = new SupervisorClient(this.socket);
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  /** From now on shows a password. */
  login(username: string, password: string): void {
    this.client = new SupervisorClient({ socketPath: this.socket, username, password });
  }

  write(name: string, text: string): void {
    const path = join(this.root, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text.replaceAll('ROOT', this.root), {
      mode: text.startsWith('#!') ? 0o755 : 0o644,
    });
  }

  remove(name: string): void {
    rmSync(join(this.root, name));
  }

  read(name: string): string {
    return readFileSync(join(this.root, name), 'utf8');
  }

  async start(): Promise<void> {
    const [program = '', ...words] = this.#command;
    const result = await runCommand(program, [...words, '-c', this.configuration]);
    if (result.status !== 0) throw new Error(`${program}: ${result.stdout}${result.stderr}`);
    await until(() => this.client.call('supervisor.getState').catch(() => undefined), 'an answer');
  }

  get pid(): number {
    return Number(this.read('pid'));
  }

  async awaitState(name: string, state: string): Promise<void> {
    const probe = async () => {
      const call = this.client.call<{ statename: string }>('supervisor.getProcessInfo', name);
      // While it restarts there is no answer, or no such process yet.
      const info = await call.catch(() => undefined);
      return info?.statename === state ? true : undefined;
    };
    await until(probe, `${name} ${state}`, 20_000);
  }

  async awaitEnd(pid: number): Promise<void> {
    await until(() => (isAlive(pid) ? undefined : true), 'the end of the daemon', 40_000);
  }

  async stop(): Promise<void> {
    this.client.close();
    if (!existsSync(join(this.root, 'pid'))) return;
    const { pid } = this;
    process.kill(pid, 'SIGTERM');
    await this.awaitEnd(pid);
  }
}

/** The stock supervisorctl, imported once and run many times. */
export class StockCtl {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: Interface;
  #last: Promise<unknown> = Promise.resolve();

  constructor(python: string) {
    const script = join(packageRoot(), 'test', 'support', 'supervisorctl-runs.py');
    this.#child = spawn(python, [script], { cwd: '/', env: { PATH: process.env['PATH'] ?? '' } });
    this.#child.stderr.on('data', (data: Buffer) => process.stderr.write(data));
    this.#lines = createInterface({ input: this.#child.stdout });
  }

  run(args: readonly string[], input = ''): Promise<CommandResult> {
    const result = this.#last.then(() => {
      return new Promise<CommandResult>((resolve) => {
        this.#lines.once('line', (line) => resolve(JSON.parse(line) as CommandResult));
        this.#child.stdin.write(`${JSON.stringify({ args, input })}\n`);
      });
    });
    this.#last = result;
    return result;
  }

  close(): void {
    this.#lines.close();
    this.#child.stdin.end();
  }
}

/** What differs from one run to the next: pids, times, versions, folders. */
export function mask(text: string, root: string): string {
  return text
    .replaceAll(root, 'ROOT')
    .replace(/pid\s+\d+, uptime \d+:\d\d:\d\d/g, 'pid N, uptime T')
    .replace(/\bpid:? ?\d+/g, 'pid N')
    .replace(/\(\d+\)/g, '(N)')
    .replace(/^\d+$/gm, 'N')
    .replace(/^\d\.\d\.\d$/gm, 'VERSION')
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}/g, 'DATE')
    .replace(/\w{3} \d\d \d\d:\d\d [AP]M/g, 'TIME')
    .replace(/---supervisor-[\w-]{8}\.log/g, '---supervisor-X.log');
}
