/** Runs the keeper with the fake controller of `fake-controller.cjs` in a private folder. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '../../src/host/package/package-files.ts';

export interface FakeMessage {
  readonly verb: string;
  readonly fields: ReadonlyArray<readonly [string, string | number]>;
  readonly fds?: readonly number[];
}

export interface Launched {
  readonly status: number | null;
  readonly output: string;
}

const BINARY = join(packageRoot(), 'build', 'Release', 'slapos-supervisord');

/** The value of a field, as text. */
export function field(message: FakeMessage, key: string): string {
  return String(message.fields.find(([each]) => each === key)?.[1] ?? '');
}

/** Waits until `probe` gives something. */
export async function until<T>(probe: () => T | undefined, what: string, timeoutMs = 10_000) {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = probe();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`timed out waiting for ${what}`);
    await sleep(10);
  }
}

/** One connection to the fake controller; sees all messages that this controller got. */
export class FakeClient {
  readonly messages: FakeMessage[] = [];
  isClosed = false;
  readonly #socket: Socket;
  #lastId = 0;

  constructor(path: string) {
    this.#socket = createConnection(path);
    let rest = '';
    this.#socket.on('data', (chunk) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.messages.push(JSON.parse(line) as FakeMessage);
    });
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      this.isClosed = true;
    });
  }

  send(message: object): void {
    this.#socket.write(`${JSON.stringify(message)}\n`);
  }

  close(): void {
    this.#socket.destroy();
  }

  /** The first message of a verb whose fields have these values. */
  find(verb: string, wanted: Readonly<Record<string, string>> = {}): FakeMessage | undefined {
    return this.messages.find(
      (message) =>
        message.verb === verb &&
        Object.entries(wanted).every(([key, value]) => field(message, key) === value),
    );
  }

  wait(verb: string, wanted: Readonly<Record<string, string>> = {}): Promise<FakeMessage> {
    return until(() => this.find(verb, wanted), `${verb} ${JSON.stringify(wanted)}`);
  }

  /** Sends a `spawn` for a shell line and gives the answer. */
  spawnShell(
    name: string,
    script: string,
    extra: Array<[string, string]> = [],
    fds: number[] = [],
  ) {
    const id = String(++this.#lastId);
    const fields = [
      ['id', id],
      ['name', name],
      ['file', '/bin/sh'],
      ...['sh', '-c', script].map((word) => ['arg', word]),
      ['env', 'PATH=/bin:/usr/bin'],
      ...extra,
    ];
    this.send({ verb: 'spawn', fields, fds });
    return until(
      () => this.find('spawned', { id }) ?? this.find('refused', { id }),
      `the answer to spawn ${name}`,
    );
  }

  signal(child: FakeMessage, number: number, isGroup = false): Promise<FakeMessage> {
    const id = String(++this.#lastId);
    const fields = [
      ['id', id],
      ['pid', field(child, 'pid')],
      ['start', field(child, 'start')],
      ['signal', String(number)],
      ['group', isGroup ? '1' : '0'],
    ];
    this.send({ verb: 'signal', fields });
    return this.wait('signalled', { id });
  }

  /** Asks the fake controller for a descriptor of a log file. */
  async openLog(path: string): Promise<FakeMessage> {
    const before = this.messages.filter((each) => each.verb === 'opened').length;
    this.send({ do: 'open', path });
    return until(
      () => this.messages.filter((each) => each.verb === 'opened')[before],
      `the log ${path}`,
    );
  }
}

/** A folder with everything that one keeper uses. */
export class KeeperRun {
  readonly folder = mkdtempSync(join(tmpdir(), 'slapos-keeper-'));
  readonly socket = join(this.folder, 'sv.sock');
  readonly pidFile = join(this.folder, 'supervisord.pid');
  readonly journal = join(this.folder, 'supervisord.state');
  readonly log = join(this.folder, 'supervisord.log');
  readonly #children: ChildProcess[] = [];

  start(options: { args?: string[]; env?: Record<string, string> } = {}): ChildProcess {
    const args = [
      ...['-c', join(this.folder, 'supervisord.conf'), '--node', process.execPath],
      ...['--controller', join(packageRoot(), 'test', 'support', 'fake-controller.cjs')],
      ...['--pidfile', this.pidFile, '--journal', this.journal, '--logfile', this.log],
      ...['--socket', this.socket, ...(options.args ?? [])],
    ];
    const FAKE_ADDON = join(packageRoot(), 'build', 'Release', 'slapos_native.node');
    const child = spawn(BINARY, args, {
      env: { FAKE_ADDON, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#children.push(child);
    return child;
  }

  /** Starts the daemon and waits for the launcher. */
  launch(options: Parameters<KeeperRun['start']>[0] = {}): Promise<Launched> {
    return finish(this.start(options));
  }

  connect(): FakeClient {
    return new FakeClient(this.socket);
  }

  get pid(): number {
    return Number(readFileSync(this.pidFile, 'utf8'));
  }

  /** Ends whatever still runs and removes the folder. */
  async dispose(): Promise<void> {
    if (existsSync(this.pidFile)) {
      killQuietly(this.pid, 'SIGTERM');
      this.connect().send({ do: 'exit', status: 0 });
      await until(
        () => (existsSync(this.pidFile) ? undefined : true),
        'the end of the keeper',
      ).catch(() => killQuietly(this.pid, 'SIGKILL'));
    }
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Status and output of a process. */
export function finish(child: ChildProcess): Promise<Launched> {
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, output })));
}

export function killQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

/** True while a process exists that is not a zombie. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
