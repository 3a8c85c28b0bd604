/** A proxy that may open few files, with more clients than that. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bundleProgram } from '../../support/bundle-slapos.ts';
import { computerDocument } from '../../support/proxy-fixture.ts';
import { RawClient } from '../../support/raw-client.ts';

const OPEN_FILES = 128;
const MODULES = join(import.meta.dirname, '../../../node_modules');

let folder: string;
let program: string;
let child: ChildProcess | undefined;
const clients: RawClient[] = [];
beforeEach(async () => {
  ({ folder, program } = await bundleProgram('test/fixtures/proxy-program.ts'));
});
afterEach(() => {
  for (const client of clients.splice(0)) client.end();
  child?.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

async function start(...words: readonly string[]): Promise<string> {
  const limited = `ulimit -n ${OPEN_FILES} && exec "$0" "$@"`;
  const command = [process.execPath, program, join(folder, 'proxy.db'), ...words];
  child = spawn('sh', ['-c', limited, ...command], {
    env: { ...process.env, NODE_PATH: MODULES },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout ?? process.stdin, 'data')) as [Buffer];
  return line.toString().trim();
}

function open(url: string): RawClient {
  const client = new RawClient(url);
  clients.push(client);
  return client;
}

function renderPost(path: string, fields: Readonly<Record<string, string>>): string {
  const body = new URLSearchParams(fields).toString();
  const type = 'Content-Type: application/x-www-form-urlencoded';
  const head = `POST ${path} HTTP/1.1\r\nHost: proxy\r\n${type}\r\nContent-Length: ${body.length}`;
  return `${head}\r\n\r\n${body}`;
}

test.each([
  { what: 'its own limit', words: [] },
  { what: 'EMFILE of accept(2)', words: ['1000'] },
])('clients that are answered in spite of $what', async ({ words }) => {
  const url = await start(...words);
  const post = renderPost('/loadComputerConfigurationFromXML', { xml: computerDocument(2) });
  const early = open(url);
  await early.send(post.slice(0, 100));
  const crowd = Array.from({ length: 2 * OPEN_FILES }, () => open(url));
  for (const client of crowd) client.socket.write('GET /getRunId HTTP/1.1\r\n');
  await Promise.race(crowd.map(({ closed }) => closed));
  expect(await early.ask(post.slice(100))).toMatch(/^HTTP\/1.1 200 /);
  const full = 'GET /getFullComputerInformation?computer_id=COMP-1 HTTP/1.1\r\nHost: proxy\r\n\r\n';
  expect(await early.ask(full)).toMatch(/^HTTP\/1.1 200 [\s\S]*slappart1/);
  for (const client of crowd) client.end();
  let answer = '';
  while (answer === '') {
    answer = await open(url)
      .get('/getRunId')
      .catch(() => '');
  }
  expect(answer).toMatch(/^HTTP\/1.1 200 /);
  expect(child?.exitCode).toBeNull();
});
