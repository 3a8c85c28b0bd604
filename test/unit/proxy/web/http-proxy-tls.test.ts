/** Certificates of the servers behind the HTTP proxy: real TLS on loopback. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { closeAll, listening, proxyWith, say, serve } from '../../../support/http-proxy-scene.ts';
import { createLoopbackCertificate } from '../../../support/loopback-certificate.ts';
import type { ProxyFixture } from '../../../support/proxy-fixture.ts';
import { rawRequest } from '../../../support/raw-request.ts';

const { certificate, key } = createLoopbackCertificate('server');
const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
const ALLOW = ['127.0.0.1:*', 'inner.example:*', 'other.example:*'];
let folder: string;
let caFile: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-http-proxy-'));
  caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, certificate);
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(closeAll);

const secure = () =>
  listening(
    createServer({ key, cert: certificate }, (message, reply) => reply.end(message.headers.host)),
  );
const ask = (proxy: ProxyFixture, place: string) => rawRequest(proxy.url, `/http_proxy/${place}/`);

test('certificates are verified, against the name that was asked for', async () => {
  const port = await secure();
  const closed = await proxyWith(ALLOW, { resolve });
  expect(await ask(closed, `https/127.0.0.1:${port}`)).toMatchObject({ status: 526 });
  const proxy = await proxyWith(ALLOW, { resolve, caFile });
  for (const host of ['127.0.0.1', 'inner.example']) {
    const answer = await ask(proxy, `https/${host}:${port}`);
    expect(answer).toMatchObject({ status: 200, text: `${host}:${port}` });
  }
  expect(await ask(proxy, `https/other.example:${port}`)).toMatchObject({ status: 526 });
});

test('verification is left out when the configuration says so', async () => {
  const port = await secure();
  const proxy = await proxyWith(ALLOW, { resolve, isTlsVerified: false });
  expect(await ask(proxy, `https/other.example:${port}`)).toMatchObject({ status: 200 });
});

test('a redirection is verified too', async () => {
  const port = await secure();
  const location = `https://127.0.0.1:${port}/`;
  const plain = await serve((_message, reply) => reply.writeHead(302, { location }).end());
  const proxy = await proxyWith(ALLOW, { resolve });
  expect(await ask(proxy, `http/127.0.0.1:${plain}`)).toMatchObject({ status: 526 });
});

test('a server that speaks no TLS, is silent or goes away', async () => {
  const proxy = await proxyWith(ALLOW, { resolve, caFile });
  const plain = await say('HTTP/1.1 200 OK\r\n\r\n');
  expect(await ask(proxy, `https/127.0.0.1:${plain}`)).toMatchObject({ status: 526 });
  const gone = await listening(createTcpServer((socket) => socket.resetAndDestroy()));
  expect(await ask(proxy, `https/127.0.0.1:${gone}`)).toMatchObject({ status: 523 });
  const silent = await say('', false);
  const hasty = await proxyWith(ALLOW, { resolve, timeoutMs: 100 });
  expect(await ask(hasty, `https/127.0.0.1:${silent}`)).toMatchObject({ status: 524 });
});

test('a file of authorities that is missing is named, and found when it is there', async () => {
  const port = await secure();
  const late = join(folder, 'late.pem');
  const proxy = await proxyWith(ALLOW, { resolve, caFile: late });
  const answer = await ask(proxy, `https/127.0.0.1:${port}`);
  expect(answer).toMatchObject({
    status: 503,
    text: expect.stringContaining('http_proxy_ca_file'),
  });
  writeFileSync(late, certificate);
  expect((await ask(proxy, `https/127.0.0.1:${port}`)).status).toBe(200);
});
