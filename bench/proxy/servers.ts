/** The proxies that are measured, each a process of its own with a fresh database. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { Pool } from 'undici';
import { packageRoot } from '../../src/host/native.ts';

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

export interface RunningProxy {
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, fields: Readonly<Record<string, string>>): Promise<Answer>;
  close(): Promise<void>;
}

/**
 * Starts a proxy in a new folder and waits until it answers.
 * @param connections how many requests may be under way at once
 */
export async function startCandidate(
  { program }: Candidate,
  folder: string,
  connections: number,
): Promise<RunningProxy> {
  const place = mkdtempSync(join(folder, 'slapos-bench-proxy-'));
  const port = await findFreePort();
  const configuration = join(place, 'slapos.cfg');
  writeFileSync(
    configuration,
    `[slapos]\ncomputer_id = COMP-1\n[slapproxy]\nhost = 127.0.0.1\nport = ${port}\ndatabase_uri = ${join(place, 'proxy.db')}\n`,
  );
  const [command = '', ...words] = program;
  const child = spawn(command, [...words, 'proxy', 'start', '--cfg', configuration], {
    stdio: 'ignore',
  });
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections, pipelining: 1 });
  const proxy = connect(pool, child);
  for (let attempt = 0; ; attempt += 1) {
    const isUp = await proxy.get('/getRunId').then(
      () => true,
      () => false,
    );
    if (isUp) return proxy;
    if (attempt > 200) throw new Error(`${program.join(' ')} does not start`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

function connect(pool: Pool, child: ChildProcess): RunningProxy {
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

async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
