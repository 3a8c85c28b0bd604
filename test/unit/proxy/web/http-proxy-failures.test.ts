/** The HTTP proxy and servers that fail, and the ends of everybody who takes part. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  closeAll,
  closeLast,
  listening,
  proxyWith,
  say,
  serve,
  whenever,
} from '../../../support/http-proxy-scene.ts';
import type { ProxyFixture } from '../../../support/proxy-fixture.ts';
import { type RawRequest, rawRequest } from '../../../support/raw-request.ts';

afterEach(closeAll);

const SOON = { timeout: 30_000 };
const ask = (proxy: ProxyFixture, path: string, options: RawRequest = {}) =>
  rawRequest(proxy.url, `/http_proxy/${path}`, options);

describe('servers that fail', () => {
  test.each<[what: string, bytes: string, status: number, isEnding: boolean]>([
    ['nothing at all', '', 523, true],
    ['silence', '', 524, false],
    ['half a head', 'HTTP/1.1 200 OK\r\nA: ', 524, false],
    ['half a head and the end', 'HTTP/1.1 200 OK\r\nA: ', 523, true],
    ['no HTTP', 'SSH-2.0-x\r\n', 523, true],
    ['a head without end', `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(70_000)}`, 523, true],
    ['a head and silence', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n', 524, false],
    ['no whole body', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n', 524, true],
    ['broken pieces', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 524, false],
    ['status 099', 'HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n', 520, true],
    ['status 999', 'HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n', 520, true],
    ['another protocol', 'HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', 520, true],
    [
      'two lengths',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
      523,
      true,
    ],
  ])('with %s', async (_what, bytes, status, isEnding) => {
    const port = await say(bytes, isEnding);
    const proxy = await proxyWith(['127.0.0.1:*'], { timeoutMs: isEnding ? 5000 : 100 });
    expect((await ask(proxy, `http/127.0.0.1:${port}/`)).status).toBe(status);
  });

  test('with a body that stops are cut off', async () => {
    const port = await say('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf', false);
    const proxy = await proxyWith(['127.0.0.1:*'], { timeoutMs: 100 });
    // A machine that is busy may have seen nothing of it yet.
    const seen = await ask(proxy, `http/127.0.0.1:${port}/`).catch((error) => String(error));
    if (typeof seen === 'string') expect(seen).toMatch(/aborted|hang up/);
    else expect(seen.status).toBe(524);
  });

  test('drop by drop in the head do not hold the client for ever', async () => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.write('HTTP/1.1 200 OK\r\nA: ');
      const drops = setInterval(() => socket.write('x'), 20);
      socket.on('close', () => clearInterval(drops));
    });
    const port = await listening(server);
    const proxy = await proxyWith(['127.0.0.1:*'], { timeoutMs: 200 });
    expect((await ask(proxy, `http/127.0.0.1:${port}/`)).status).toBe(524);
  });

  test('to connect, or by name', async () => {
    const port = await serve((_message, reply) => reply.end());
    await closeLast();
    const resolve = vi.fn();
    const proxy = await proxyWith(['127.0.0.1:*', 'a.example'], { resolve, timeoutMs: 100 });
    expect((await ask(proxy, `http/127.0.0.1:${port}/`)).status).toBe(523);
    resolve.mockRejectedValueOnce(new Error('ENOTFOUND'));
    expect((await ask(proxy, 'http/a.example/')).status).toBe(523);
    resolve.mockReturnValueOnce(new Promise(() => undefined));
    expect((await ask(proxy, 'http/a.example/')).status).toBe(523);
    resolve.mockResolvedValueOnce([]);
    expect((await ask(proxy, 'http/a.example/')).status).toBe(403);
  });
});

test('names are looked up two at a time', async () => {
  let running = 0;
  let most = 0;
  const both = whenever();
  const resolve = async () => {
    running += 1;
    most = Math.max(most, running);
    if (running === 2) both.resolve();
    await both.promise;
    await new Promise((done) => setTimeout(done, 5));
    running -= 1;
    return [];
  };
  const proxy = await proxyWith(['*.a.example'], { resolve });
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, at) => ask(proxy, `http/n${at}.a.example/`)),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 403));
  expect(most).toBe(2);
});

test('a client that is still sending gets to see why it failed', async () => {
  const port = await listening(createTcpServer((socket) => socket.resetAndDestroy()));
  const proxy = await proxyWith(['127.0.0.1:*']);
  const sent = request({
    port: new URL(proxy.url).port,
    path: `/http_proxy/http/127.0.0.1:${port}/`,
    method: 'OPTIONS',
    headers: { 'content-length': '1000000' },
    agent: false,
  });
  sent.on('error', () => undefined).write('x');
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  expect(answer.statusCode).toBe(523);
  sent.destroy();
});

describe('ends', () => {
  test.each(['before the answer', 'in the midst of it'])('of the client %s', async (when) => {
    const gone = whenever();
    const arrived = whenever();
    const port = await serve((_message, reply) => {
      reply.on('close', gone.resolve);
      if (when === 'in the midst of it') reply.write('x');
      arrived.resolve();
    });
    const proxy = await proxyWith(['127.0.0.1:*'], { timeoutMs: 600_000 });
    const { port: own } = new URL(proxy.url);
    const client = request({
      port: own,
      path: `/http_proxy/http/127.0.0.1:${port}/`,
      agent: false,
    });
    client.on('error', () => undefined).end();
    await arrived.promise;
    if (when === 'in the midst of it') await once(client, 'response');
    client.destroy();
    await gone.promise;
  });

  test('of the proxy do not wait for a server', async () => {
    const arrived = whenever();
    const port = await serve((_message, reply) => {
      reply.write('x');
      arrived.resolve();
    });
    const proxy = await proxyWith(['127.0.0.1:*'], { timeoutMs: 600_000 });
    const { port: own } = new URL(proxy.url);
    const client = request({
      port: own,
      path: `/http_proxy/http/127.0.0.1:${port}/`,
      agent: false,
    });
    client.on('error', () => undefined).end();
    const [answer] = (await once(client, 'response')) as [IncomingMessage];
    answer.on('error', () => undefined).resume();
    await closeLast();
    await vi.waitFor(() => expect(answer.destroyed).toBe(true), SOON);
  });
});
