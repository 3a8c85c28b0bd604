/** The proxies that are measured, each a process of its own with a fresh database. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { Pool } from 'undici';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { packageFolder } from '../support/namespace-run.ts';

export interface Candidate {
  readonly who: string;
  readonly program: readonly string[];
}

/** Ours, and slapproxy beside SLAPOS_PEER_PYTHON where it is installed. */
export function listCandidates(): Candidate[] {
  const ours = { who: 'ours', program: [process.execPath, join(packageRoot(), 'bin/slapos')] };
  const python = process.env['SLAPOS_PEER_PYTHON'];
  const peer = python === undefined ? '' : join(dirname(python), 'slapos');
  if (python === undefined || !existsSync(peer)) return [ours];
  return [ours, { who: 'slapproxy', program: [python, peer] }];
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly etag: string | undefined;
}

export interface Place {
  readonly path: string;
  readonly port: number;
}

export interface RunningServer {
  readonly who: string;
  readonly port: number;
  readonly pid: number;
  close(): Promise<void>;
}

export interface RunningProxy extends RunningServer {
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, fields: Readonly<Record<string, string>>): Promise<Answer>;
}

/**
 * Makes a folder with a configuration; proxies that are started in it share a database.
 * @param uri of a database elsewhere
 */
export async function preparePlace(folder: string, uri?: string): Promise<Place> {
  const path = mkdtempSync(join(folder, 'slapos-bench-proxy-'));
  const port = await findFreePort();
  const database = `port = ${port}\ndatabase_uri = ${uri ?? join(path, 'proxy.db')}\nstate_folder = ${path}\n`;
  writeFileSync(
    join(path, 'slapos.cfg'),
    `[slapos]\ncomputer_id = COMP-1\n[slapproxy]\nhost = 127.0.0.1\n${database}`,
  );
  return { path, port };
}

/** Starts a proxy and waits until it answers. */
export async function startCandidate(
  { who, program }: Candidate,
  { path, port }: Place,
): Promise<RunningProxy> {
  const [command = '', ...words] = program;
  const configuration = join(path, 'slapos.cfg');
  const child = spawn(command, [...words, 'proxy', 'start', '--cfg', configuration], {
    stdio: 'ignore',
  });
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 1, pipelining: 1 });
  const proxy = connect(pool, child);
  await untilAnswered(proxy, '/getRunId', child);
  return { who, port, pid: child.pid ?? 0, ...proxy };
}

async function untilAnswered(
  { get }: Pick<RunningProxy, 'get'>,
  path: string,
  child: ChildProcess,
): Promise<void> {
  while (!(await get(path).then(Boolean, () => false))) {
    if (child.exitCode !== null) throw new Error(`${child.spawnargs.join(' ')} does not start`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

/**
 * Starts a server that answers with two texts and does nothing else, on the same node:http.
 */
export async function startBareServer(
  folder: string,
  texts: { readonly document: string; readonly instance: string },
): Promise<RunningServer> {
  const { path, port } = await preparePlace(folder);
  const files = [join(path, 'document'), join(path, 'instance')] as const;
  writeFileSync(files[0], texts.document);
  writeFileSync(files[1], texts.instance);
  const program = join(packageFolder, 'bench/support/bare-server.mjs');
  const child = spawn(process.execPath, [program, String(port), ...files], { stdio: 'ignore' });
  const server = connect(new Pool(`http://127.0.0.1:${port}`), child);
  await untilAnswered(server, '/', child);
  const close = async () => {
    await server.close();
    removePlace({ path, port });
  };
  return { who: 'bare server', port, pid: child.pid ?? 0, close };
}

function connect(pool: Pool, child: ChildProcess): Pick<RunningProxy, 'get' | 'post' | 'close'> {
  const ask = async (request: Parameters<Pool['request']>[0]): Promise<Answer> => {
    const { statusCode, headers, body } = await pool.request(request);
    const text = await body.text();
    return { status: statusCode, text, etag: headers['etag'] as string | undefined };
  };
  return {
    get: (path, headers = {}) => ask({ method: 'GET', path, headers }),
    post: (path, fields) => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      return ask({ method: 'POST', path, headers, body: new URLSearchParams(fields).toString() });
    },
    async close() {
      await pool.destroy();
      const ended = new Promise((done) => child.once('exit', done));
      child.kill('SIGTERM');
      await ended;
    },
  };
}

export function removePlace({ path }: Place): void {
  rmSync(path, { recursive: true, force: true });
}

/** Memory that a process has now, from proc_pid_status(5). */
export function readResidentMb(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(text)?.[1] ?? Number.NaN) / 1024;
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
