/** The cache of the proxy with another one behind it. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { NO_WEB } from '../../../../src/proxy/web/web-options.ts';
import { type CacheServer, startCacheServer } from '../../../support/cache-server.ts';
import { closeAll, listening, whenever } from '../../../support/http-proxy-scene.ts';
import { type ProxyFixture, startProxy } from '../../../support/proxy-fixture.ts';
import { type RawRequest, rawRequest } from '../../../support/raw-request.ts';

const SOON = { timeout: 30_000 };
let folder: string;
let proxies: ProxyFixture[];
let upstream: CacheServer;
const content = () => join(folder, 'data');
const metadata = () => join(folder, 'dir');
const digest = (text: string | Uint8Array) => createHash('sha512').update(text).digest('hex');
const BLOB = Buffer.alloc(300_000, 'blob');
const NAME = digest(BLOB);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-shacache-'));
  for (const path of [content(), metadata()]) mkdirSync(path);
  proxies = [];
  upstream = await startCacheServer();
});
afterEach(async () => {
  for (const proxy of proxies) await proxy.close();
  await upstream.close();
  await closeAll();
  rmSync(folder, { recursive: true });
});

async function start(changes = {}): Promise<ProxyFixture> {
  const shacache = {
    ...NO_WEB.shacache,
    contentFolder: content(),
    metadataFolder: metadata(),
    upstreamCacheUrl: upstream.cacheUrl,
    upstreamDirUrl: upstream.dirUrl,
    maxBlobBytes: 1_000_000,
    ...changes,
  };
  const proxy = await startProxy({ web: { ...NO_WEB, shacache } });
  proxies.push(proxy);
  return proxy;
}

const ask = (proxy: ProxyFixture, path: string, options: RawRequest = {}) =>
  rawRequest(proxy.url, `/shacache/${path}`, options);

/** Another cache that does what a test says. */
async function behave(listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listening(createServer(listener))}`;
}

describe('contents', () => {
  test('are fetched once, kept and given', async () => {
    const proxy = await start();
    upstream.blobs.set(NAME, BLOB);
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => ask(proxy, `cache/${NAME}`)),
    );
    for (const { body, status } of answers) {
      expect([status, body.equals(BLOB)]).toEqual([200, true]);
    }
    upstream.blobs.clear();
    expect((await ask(proxy, `cache/${NAME}`)).status).toBe(200);
    expect(upstream.seen).toEqual([`GET /cache/${NAME}`]);
    expect(readdirSync(content())).toEqual([NAME]);
  });

  test('that nobody has are not there, and may come later', async () => {
    const proxy = await start();
    expect((await ask(proxy, `cache/${NAME}`)).status).toBe(404);
    upstream.blobs.set(NAME, BLOB);
    expect((await ask(proxy, `cache/${NAME}`)).status).toBe(200);
  });

  test('of another digest reach nobody', async () => {
    const proxy = await start();
    upstream.blobs.set(NAME, Buffer.from('something else'));
    const answer = await ask(proxy, `cache/${NAME}`);
    expect(answer).toMatchObject({ status: 502, text: expect.stringContaining('checksum') });
    expect(answer.text).not.toContain('something else');
    expect(readdirSync(content())).toEqual([]);
  });

  test('that are cut off are resumed, or reach nobody', async () => {
    const proxy = await start();
    upstream.blobs.set(NAME, BLOB);
    upstream.faults.cutAfter = [100_000];
    expect((await ask(proxy, `cache/${NAME}`)).status).toBe(502);
    expect(readdirSync(content())).toEqual([]);
    upstream.faults.cutAfter = [100_000];
    upstream.faults.hasRanges = true;
    expect((await ask(proxy, `cache/${NAME}`)).body.equals(BLOB)).toBe(true);
  });

  test('without end are given up', async () => {
    const proxy = await start({ maxBlobBytes: 200_000 });
    upstream.blobs.set(NAME, BLOB);
    expect((await ask(proxy, `cache/${NAME}`)).status).toBe(502);
    expect(readdirSync(content())).toEqual([]);
  });

  test('stay local where no cache or only a directory is behind', async () => {
    const proxy = await start({ upstreamCacheUrl: undefined });
    expect((await ask(proxy, `cache/${NAME}`)).status).toBe(404);
    expect(upstream.seen).toEqual([]);
  });

  test('are fetched to the end for the next one when a client gives up', async () => {
    const asked = whenever();
    const go = whenever();
    const url = await behave(async (_request, reply) => {
      asked.resolve();
      await go.promise;
      reply.end(BLOB);
    });
    const proxy = await start({ upstreamCacheUrl: url });
    const abort = new AbortController();
    const first = fetch(`${proxy.url}shacache/cache/${NAME}`, { signal: abort.signal });
    await asked.promise;
    abort.abort();
    await expect(first).rejects.toThrow();
    go.resolve();
    await vi.waitFor(() => expect(readdirSync(content())).toEqual([NAME]), SOON);
  });

  test('that take long do not hold up the end of the proxy', async () => {
    const asked = whenever();
    const url = await behave((_request, reply) => {
      reply.write('half');
      asked.resolve();
    });
    const proxy = await start({ upstreamCacheUrl: url });
    const waiting = ask(proxy, `cache/${NAME}`);
    await asked.promise;
    await proxies.pop()?.close();
    await waiting.then(
      ({ status }) => expect(status).toBe(502),
      (error) => expect(String(error)).toMatch(/hang up|ECONNRESET/),
    );
    expect(readdirSync(content())).toEqual([]);
  });

  test('too many at once are refused', async () => {
    const url = await behave(() => undefined);
    const proxy = await start({ upstreamCacheUrl: url });
    const names = Array.from({ length: 17 }, (_, at) => digest(`${at}`));
    const answers = names.map((name) => ask(proxy, `cache/${name}`));
    const first = await Promise.race(answers);
    expect(first.status).toBe(503);
    const rest = Promise.allSettled(answers);
    await proxies.pop()?.close();
    await rest;
  });
});

describe('entries', () => {
  const ENTRY = ['{"sha512": "x"}', 'c2ln'] as const;

  test('are fetched once, kept and given', async () => {
    const proxy = await start();
    upstream.entries.set('file-urlmd5:1', [ENTRY]);
    const answers = await Promise.all([1, 2, 3].map(() => ask(proxy, 'dir/file-urlmd5:1')));
    for (const answer of [...answers, await ask(proxy, 'dir/file-urlmd5:1')]) {
      expect(answer).toMatchObject({ status: 200, text: JSON.stringify([ENTRY]) });
      expect(answer.headers['content-type']).toMatch(/^application\/json/);
    }
    expect(upstream.seen).toEqual(['GET /dir/file-urlmd5:1']);
  });

  test('that nobody has are not there, nor is an empty list', async () => {
    const proxy = await start();
    upstream.entries.set('empty', []);
    for (const key of ['other', 'empty']) expect((await ask(proxy, `dir/${key}`)).status).toBe(404);
    expect(readdirSync(metadata())).toEqual([]);
  });

  test.each<[what: string, listener: RequestListener]>([
    ['an error', (_request, reply) => reply.writeHead(500).end()],
    ['a refusal', (_request, reply) => reply.writeHead(403).end()],
    ['another place', (_request, reply) => reply.writeHead(302, { location: '/x' }).end()],
    ['no JSON', (_request, reply) => reply.end('<html>')],
    ['no list', (_request, reply) => reply.end('{}')],
    ['nothing', (request) => request.socket.destroy()],
  ])('and contents are a 502 when the other cache answers with %s', async (what, listener) => {
    const url = await behave(listener);
    const proxy = await start({ upstreamCacheUrl: url, upstreamDirUrl: url });
    expect([what, (await ask(proxy, 'dir/key')).status]).toEqual([what, 502]);
    expect([what, (await ask(proxy, `cache/${NAME}`)).status]).toEqual([what, 502]);
    expect([readdirSync(metadata()), readdirSync(content())]).toEqual([[], []]);
  });

  test('of a strange key are asked for under that key only', async () => {
    const seen: Array<string | undefined> = [];
    const url = await behave((request, reply) => {
      seen.push(request.url);
      reply.writeHead(404).end();
    });
    const proxy = await start({ upstreamDirUrl: `${url}/base/?x#y` });
    for (const key of [
      'a%3Fb%23c',
      'a%252f..%252f..%252fadmin',
      '%252e%252e',
      'a%20b',
      'p:q=1+2',
    ]) {
      expect((await ask(proxy, `dir/${key}`)).status).toBe(404);
    }
    expect(seen).toEqual([
      '/base/a%3Fb%23c',
      '/base/a%252f..%252f..%252fadmin',
      '/base/%252e%252e',
      '/base/a%20b',
      '/base/p:q=1+2',
    ]);
  });

  test('are brought up to date', async () => {
    const proxy = await start();
    for (const key of ['same', 'gone', 'empty']) {
      writeFileSync(join(metadata(), key), JSON.stringify([['old', 'c2ln']]));
    }
    upstream.entries.set('same', [ENTRY]);
    upstream.entries.set('empty', []);
    const { text } = await ask(proxy, 'update', { method: 'POST', body: '' });
    expect(JSON.parse(text)).toEqual({
      removed: ['empty', 'gone'],
      updated: ['same'],
    });
    expect((await ask(proxy, 'dir/same')).text).toBe(JSON.stringify([ENTRY]));
  });

  test('stay as they are while the other cache fails', async () => {
    const url = await behave((_request, reply) => reply.writeHead(503).end());
    const proxy = await start({ upstreamDirUrl: url });
    writeFileSync(join(metadata(), 'key'), JSON.stringify([ENTRY]));
    const { text } = await ask(proxy, 'update', { method: 'POST' });
    expect(JSON.parse(text)).toEqual({ removed: [], updated: [] });
    expect(readdirSync(metadata())).toEqual(['key']);
  });
});
