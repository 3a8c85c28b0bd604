/** Many clients at once, by bench/native/http-load.c, which leaves the processors to the server. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail, hasProgram, outputFolder, packageFolder } from '../support/namespace-run.ts';

export interface Crowd {
  readonly clients: number;
  readonly seconds: number;
  /** The status that every answer must have. */
  readonly status: number;
  /** Sent in turns, as {@link renderRequest} gives them. */
  readonly requests: readonly Buffer[];
}

/** What one round showed. */
export interface Round {
  readonly perSecond: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly requests: number;
  /** Part of one processor that the clients took. */
  readonly clientShare: number;
}

/** A request as it goes over the wire, on a connection that is kept. */
export function renderRequest(
  method: 'GET' | 'POST',
  path: string,
  { headers = {}, body = '' }: { headers?: Readonly<Record<string, string>>; body?: string } = {},
): Buffer {
  const form = {
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': String(Buffer.byteLength(body)),
  };
  const all = { host: '127.0.0.1', ...(body === '' ? {} : form), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
}

/** Builds the clients. @returns the program */
export function compileClients(): string {
  if (!hasProgram('cc')) fail('needs cc (Debian: apt-get install gcc libc6-dev)');
  mkdirSync(outputFolder, { recursive: true });
  const program = join(outputFolder, 'http-load');
  const source = join(packageFolder, 'bench/native/http-load.c');
  execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-o', program, source], { stdio: 'inherit' });
  return program;
}

/** @throws Error when an answer has another status or a connection fails. */
export async function runCrowd(program: string, port: number, crowd: Crowd): Promise<Round> {
  const file = join(outputFolder, 'http-load-requests');
  const lines = crowd.requests.flatMap((one) => [Buffer.from(`${one.length}\n`), one]);
  writeFileSync(file, Buffer.concat(lines));
  const numbers = [port, crowd.clients, crowd.seconds, crowd.status].map(String);
  const { seconds, cpuSeconds, timesUs } = JSON.parse(await outputOf(program, [...numbers, file]));
  const sorted = (timesUs as number[]).toSorted((a, b) => a - b);
  const at = (share: number): number =>
    (sorted[Math.floor((sorted.length - 1) * share)] ?? 0) / 1e3;
  return {
    perSecond: sorted.length / seconds,
    medianMs: at(0.5),
    p99Ms: at(0.99),
    requests: sorted.length,
    clientShare: cpuSeconds / seconds,
  };
}

function outputOf(program: string, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    const pieces: Buffer[] = [];
    child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(Buffer.concat(pieces).toString());
      else reject(new Error(`${program} ${words.join(' ')} ended with ${code}`));
    });
  });
}
