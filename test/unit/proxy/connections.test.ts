/** Clients that are slow, silent or many: everybody else is answered. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import { boundConnections, defaultLimits } from '../../../src/proxy/connections.ts';
import { createProxyServer } from '../../../src/proxy/server.ts';
import {
  computerDocument,
  instanceRequest,
  type ProxyFixture,
  postForm,
  startProxy,
} from '../../support/proxy-fixture.ts';
import { RawClient } from '../../support/raw-client.ts';

const FULL = '/getFullComputerInformation?computer_id=COMP-1';
const LARGE = 1024 * 1024;

let proxy: ProxyFixture | undefined;
const clients: RawClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.end();
  await proxy?.close();
  proxy = undefined;
});

function open(url: string): RawClient {
  const client = new RawClient(url);
  clients.push(client);
  return client;
}

async function describeComputer(url: string): Promise<void> {
  const { status } = await postForm(`${url}loadComputerConfigurationFromXML`, {
    xml: computerDocument(2),
  });
  expect(status).toBe(200);
}

test('a thousand connections that wait between two requests', async () => {
  proxy = await startProxy();
  const { url } = proxy;
  await describeComputer(url);
  const waiting = await Promise.all(
    Array.from({ length: 1000 }, async () => {
      const client = open(url);
      expect(await client.get('/getRunId')).toMatch(/^HTTP\/1.1 200 /);
      return client;
    }),
  );
  expect((await proxy.master.getFullComputerInformation('COMP-1')).partitions).toHaveLength(2);
  const answers = await Promise.all(waiting.map((client) => client.get(FULL)));
  expect(answers.filter((answer) => answer.startsWith('HTTP/1.1 200 '))).toHaveLength(1000);
});

// A machine that is held up as long as this would cut off others too.
const LIMITS = { headMs: 2000, requestMs: 3000 };

test('clients that never come to the end of what they say', async () => {
  proxy = await startProxy({ limits: LIMITS });
  const other = open(proxy.url);
  await other.get('/getRunId');
  const [silent, slowHead, slowBody] = [open(proxy.url), open(proxy.url), open(proxy.url)];
  slowHead.socket.write('GET /getRunId HTTP/1.1\r\nX-Slow: ');
  const form = 'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000000';
  slowBody.socket.write(`POST /useComputer HTTP/1.1\r\nHost: proxy\r\n${form}\r\n\r\n`);
  const cut = [silent.closed, slowHead.dribble(50), slowBody.dribble(50)];
  for (const one of cut) {
    expect(await other.get('/getRunId')).toMatch(/^HTTP\/1.1 200 /);
    await one;
  }
  expect(slowHead.received).toMatch(/^HTTP\/1.1 408 /);
  expect(slowBody.received).toMatch(/^HTTP\/1.1 408 /);
  expect(await other.get('/getRunId')).toMatch(/^HTTP\/1.1 200 /);
});

test('a client that asks for large answers and reads none', async () => {
  // Nothing else may end it: the next of its requests is always half received.
  const never = 3_600_000;
  proxy = await startProxy({ limits: { silenceMs: 1500, headMs: never, requestMs: never } });
  const { master, url } = proxy;
  await describeComputer(url);
  await master.requestInstance(instanceRequest('large', { parameters: { a: 'x'.repeat(LARGE) } }));
  const other = open(url);
  const deaf = open(url);
  deaf.socket.pause();
  // So many that they cannot all be sent: the connection's end is seen by the one who writes.
  deaf.socket.write(`GET ${FULL} HTTP/1.1\r\nHost: proxy\r\n\r\n`.repeat(200_000));
  expect(await other.get('/getRunId')).toMatch(/^HTTP\/1.1 200 /);
  await deaf.closed;
  expect(await other.get('/getRunId')).toMatch(/^HTTP\/1.1 200 /);
  expect((await master.getFullComputerInformation('COMP-1')).partitions).toHaveLength(2);
});

test('connections that are not in use make room', async () => {
  proxy = await startProxy({ limits: { maxConnections: 8 } });
  for (let index = 0; index < 40; index += 1) {
    expect(await open(proxy.url).get('/getRunId')).toMatch(/^HTTP\/1.1 200 /);
  }
});

test('without a place left those that are there are answered, and others later', async () => {
  proxy = await startProxy({ limits: { maxConnections: 8 } });
  const { url } = proxy;
  const busy = Array.from({ length: 8 }, () => open(url));
  await Promise.all(busy.map((client) => client.send('GET /getRunId HTTP/1.1\r\n')));
  await open(url).closed;
  for (const client of busy) {
    expect(await client.ask('Host: proxy\r\n\r\n')).toMatch(/^HTTP\/1.1 200 /);
  }
  // All eight wait for a request now, until the first one that is not let in.
  await open(url).closed;
  await busy[0]?.closed;
  expect(await open(url).get('/getRunId')).toMatch(/^HTTP\/1.1 200 /);
});

test('a connection that cannot be accepted ends nothing', async () => {
  const server = createServer();
  const said: string[] = [];
  const log = { ...silentLogger, error: (message: string) => said.push(message) };
  boundConnections(server, defaultLimits(), log);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.emit('error', new Error('accept EMFILE'));
  server.close();
  await once(server, 'close');
  expect(said).toEqual(['Connections fail: accept EMFILE']);
});

test('a port that is taken is told to who asks for it, and not logged besides', async () => {
  proxy = await startProxy();
  const said: string[] = [];
  const log = { ...silentLogger, error: (message: string) => said.push(message) };
  const { port } = new URL(proxy.url);
  const second = createProxyServer({ store: proxy.store, log, defaultComputerId: 'COMP-1' });
  await expect(second.listen('127.0.0.1', Number(port))).rejects.toThrow('EADDRINUSE');
  expect(said).toEqual([]);
});

test('fewer connections than files may be open', () => {
  expect(defaultLimits(1024).maxConnections).toBe(960);
  expect(defaultLimits(64).maxConnections).toBe(16);
  expect(defaultLimits(1_048_576).maxConnections).toBe(4096);
  expect(defaultLimits(Number.POSITIVE_INFINITY).maxConnections).toBe(4096);
  expect(defaultLimits().maxConnections).toBeGreaterThan(0);
});
