/**
 * A real PostgreSQL server of a test: its own folder, its own loopback port, an unprivileged user
 * (the program refuses root) and a random password.
 *
 * Invariant: the server does not outlive this process. A guard that waits for the end of a pipe that
 * this process holds kills it and removes the folder, however this process ends.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { findPort } from './free-port.ts';

const PROGRAMS = '/usr/lib/postgresql';
const USER = 'slapos';
const NOBODY = 65534;
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 5;

export interface PostgresOptions {
  /** Off for plain tests; on where what a kill leaves is judged. */
  readonly hasFsync?: boolean;
  readonly maxConnections?: number;
  /** Settings of postgresql.conf besides. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Where the folder is made, for a file system of its own. */
  readonly parentFolder?: string;
}

/** `smart` waits for clients to go, `fast` sends them away, `immediate` leaves recovery to the start. */
export type StopMode = 'smart' | 'fast' | 'immediate';
const STOP_SIGNALS = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

/** The folder of the programs of the newest version, undefined when there is none. */
export function findPostgres(): string | undefined {
  const versions = existsSync(PROGRAMS) ? readdirSync(PROGRAMS) : [];
  return versions
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(PROGRAMS, version, 'bin'))
    .find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
}

/** Makes a cluster and starts its server. Ends with `close()`, at the latest with this process. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const programs = findPostgres();
  if (programs === undefined) throw new Error(`there is no ${PROGRAMS}/*/bin/initdb`);
  const folder = mkdtempSync(join(options.parentFolder ?? tmpdir(), 'slapos-pg-'));
  const password = randomBytes(12).toString('hex');
  const guard = startGuard(folder);
  try {
    initialise(programs, folder, password);
    for (let attempt = 1; ; attempt++) {
      const port = await findPort();
      const server = new PostgresServer({ programs, folder, password, port, guard, options });
      try {
        await server.start();
        return server;
      } catch (error) {
        // Another took the port since.
        if (attempt === 5 || !/could not bind/.test(server.log())) throw error;
      }
    }
  } catch (error) {
    endGuard(guard);
    throw error;
  }
}

interface Parts {
  readonly programs: string;
  readonly folder: string;
  readonly password: string;
  readonly port: number;
  readonly guard: ChildProcess;
  readonly options: PostgresOptions;
}

export class PostgresServer {
  readonly port: number;
  /** Holds `data`, `log` and the socket. */
  readonly folder: string;
  readonly #parts: Parts;
  #postmaster: ChildProcess | undefined;
  #databaseCount = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.port = parts.port;
    this.folder = parts.folder;
  }

  get pid(): number | undefined {
    return this.#postmaster?.pid;
  }

  /** Address of a database over loopback. */
  uri(database: string): string {
    return `postgres://${USER}:${this.#parts.password}@127.0.0.1:${this.port}/${database}`;
  }

  /** Address of a database over the unix socket. */
  socketUri(database: string): string {
    const folder = encodeURIComponent(join(this.folder, 'run'));
    return `postgres://${USER}:${this.#parts.password}@/${database}?host=${folder}&port=${this.port}`;
  }

  /** All that the server has logged since it was made. */
  log(): string {
    return readFileSync(join(this.folder, 'log'), 'utf8');
  }

  /** Starts it after `stop` or `kill`, and waits until it takes connections. */
  async start(): Promise<void> {
    if (this.#postmaster !== undefined) return;
    // What a killed server wrote last says ready too.
    rmSync(statusFile(this.folder), { force: true });
    const postmaster = this.#spawn();
    this.#postmaster = postmaster;
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (!isReady(this.folder)) {
      if (hasEnded(postmaster) || performance.now() > deadline) {
        await this.kill();
        throw new Error(`PostgreSQL did not start:\n${this.log()}`);
      }
      await delay(POLL_MS);
    }
  }

  /** Ends it as `pg_ctl stop -m MODE` does. */
  async stop(mode: StopMode = 'fast'): Promise<void> {
    const postmaster = this.#postmaster;
    if (postmaster === undefined) return;
    if (!hasEnded(postmaster)) postmaster.kill(STOP_SIGNALS[mode]);
    await end(postmaster);
    this.#postmaster = undefined;
  }

  /** SIGKILL to the postmaster and to every process of it, and waits until none is left. */
  async kill(): Promise<void> {
    const postmaster = this.#postmaster;
    if (postmaster?.pid === undefined) return;
    // Stopped, it makes no further process meanwhile.
    postmaster.kill('SIGSTOP');
    const pids = hasEnded(postmaster) ? [] : listChildren(postmaster.pid);
    for (const pid of pids) signal(pid);
    postmaster.kill('SIGKILL');
    await end(postmaster);
    while (pids.some(isAlive)) await delay(POLL_MS);
    this.#postmaster = undefined;
  }

  /** Makes an empty database and returns its address. */
  async createDatabase(name = `test${++this.#databaseCount}`, template = 'template1') {
    await this.query(`CREATE DATABASE "${name}" TEMPLATE "${template}"`);
    return this.uri(name);
  }

  /** Removes a database, whoever is connected to it. */
  async dropDatabase(name: string): Promise<void> {
    await this.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
  }

  /** Runs one statement as the owner of everything, over a connection of its own. */
  async query(
    text: string,
    database = 'postgres',
    values: readonly unknown[] = [],
  ): Promise<Array<Record<string, unknown>>> {
    const client = new Client({ connectionString: this.uri(database) });
    // A connection that breaks fails what is asked over it.
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(text, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  /** Ends the server and removes its folder. */
  async close(): Promise<void> {
    await this.stop('immediate');
    endGuard(this.#parts.guard);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #spawn(): ChildProcess {
    const { programs, folder, port, options } = this.#parts;
    const settings = {
      listen_addresses: '127.0.0.1',
      port: String(port),
      unix_socket_directories: join(folder, 'run'),
      max_connections: String(options.maxConnections ?? 50),
      fsync: options.hasFsync === true ? 'on' : 'off',
      ...options.settings,
    };
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const log = openSync(join(folder, 'log'), 'a', 0o600);
    try {
      const child = spawn(join(programs, 'postgres'), ['-D', join(folder, 'data'), ...args], {
        cwd: folder,
        detached: true,
        stdio: ['ignore', log, log],
        ...identity(),
      });
      child.unref();
      return child;
    } finally {
      closeSync(log);
    }
  }
}

function initialise(programs: string, folder: string, password: string): void {
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  mkdirSync(join(folder, 'run'));
  const { uid, gid } = identity();
  if (uid !== undefined && gid !== undefined) {
    for (const path of [folder, passwordFile, join(folder, 'run')]) chownSync(path, uid, gid);
  }
  const args = ['-D', join(folder, 'data'), `--username=${USER}`, `--pwfile=${passwordFile}`];
  const plain = ['--no-sync', '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C'];
  const { status, error, stdout, stderr } = spawnSync(
    join(programs, 'initdb'),
    [...args, ...plain, '--wal-segsize=1'],
    { cwd: folder, encoding: 'utf8', ...identity() },
  );
  if (status !== 0) throw new Error(`initdb: ${error?.message ?? stdout + stderr}`);
}

function identity(): { readonly uid?: number; readonly gid?: number } {
  return process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
}

function statusFile(folder: string): string {
  return join(folder, 'data', 'postmaster.pid');
}

/** Line 8 of postmaster.pid is the state (PostgreSQL 10 and newer). */
function isReady(folder: string): boolean {
  try {
    return readFileSync(statusFile(folder), 'utf8').split('\n')[7]?.trim() === 'ready';
  } catch {
    return false;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

async function end(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const exit = once(child, 'exit');
  child.ref();
  await exit;
}

export function listChildren(pid: number): number[] {
  const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return list.split(' ').filter(Boolean).map(Number);
}

function signal(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}

/** A zombie holds nothing any more. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\t[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/**
 * Waits for the end of its standard input, kills the server whose folder this is and removes it. A
 * pid that a killed server left is believed only where the process stands in the folder.
 */
const GUARD = `
cat >/dev/null
pid=$(head -n1 "$1/data/postmaster.pid" 2>/dev/null || true)
if [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd")" = "$1/data" ]; then
  kill -STOP "$pid"
  kill -KILL $(cat "/proc/$pid/task/$pid/children") "$pid" 2>/dev/null
fi
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf "$1" 2>/dev/null && break
  sleep 0.1
done`;

function startGuard(folder: string): ChildProcess {
  const guard = spawn('/bin/sh', ['-c', GUARD, 'postgres-guard', folder], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.unref();
  // A pipe keeps a process running; node:net knows how to let go of it.
  (guard.stdin as unknown as { unref(): void }).unref();
  return guard;
}

function endGuard(guard: ChildProcess): void {
  guard.stdin?.end();
}
