import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCacheClient } from '../../../src/networkcache/client.ts';
import { PATIENCE } from '../../../src/networkcache/http.ts';
import { type CacheServer, startCacheServer } from '../../support/cache-server.ts';
import { startScriptedServer } from '../../support/scripted-server.ts';

const CONTENT = randomBytes(300_000);
const SHA512 = createHash('sha512').update(CONTENT).digest('hex');
const HASTY = { ...PATIENCE, retryMs: [1, 1] };

let server: CacheServer;

function open(cacheUrl = server.cacheUrl, dirUrl = server.dirUrl, abort = new AbortController()) {
  const servers = { cacheUrl, dirUrl, cacheTls: {}, dirTls: {} };
  return createCacheClient(servers, abort.signal, HASTY);
}

beforeEach(async () => {
  server = await startCacheServer();
});
afterEach(() => server.close());

async function readStream(): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of open().stream(SHA512)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Downloads onto what is there already. */
async function download(kept: Buffer = Buffer.alloc(0)): Promise<Buffer> {
  let content = kept;
  await open().download(SHA512, {
    read: () => Readable.from([kept]),
    append: async (chunk) => {
      content = Buffer.concat([content, chunk]);
    },
    clear: async () => {
      content = Buffer.alloc(0);
    },
  });
  return content;
}

const blob = { sha512: SHA512, sizeBytes: CONTENT.length, open: () => Readable.from([CONTENT]) };
const ranges = () => server.seen.map((line) => line.split(' ')[2]);

it('looks a key up; an unknown one is no empty list', async () => {
  server.entries.set('k', [['{}', 'sig']]);
  const client = open();
  expect(await client.lookUp('k')).toEqual([{ text: '{}', signature: 'sig' }]);
  expect(await client.lookUp('other')).toBeUndefined();
  server.entries.set('empty', []);
  expect(await client.lookUp('empty')).toEqual([]);
  expect(server.seen).toEqual(['GET /dir/k', 'GET /dir/other', 'GET /dir/empty']);
});

it.each([
  ['as a stream', readStream],
  ['into a file', () => download()],
])('downloads %s, and gives an error in the end for wrong content', async (_how, bring) => {
  server.blobs.set(SHA512, CONTENT);
  expect((await bring()).equals(CONTENT)).toBe(true);
  server.blobs.set(SHA512, Buffer.from('wrong'));
  await expect(bring()).rejects.toThrow('invalid checksum');
  expect(server.seen).toHaveLength(2);
  server.blobs.clear();
  await expect(bring()).rejects.toMatchObject({
    message: 'shacache answers 404',
    context: { status: 404 },
  });
});

it.each([
  ['as a stream', readStream],
  ['into a file', () => download()],
])('goes on %s where it was cut off when the server has ranges', async (_how, bring) => {
  server.blobs.set(SHA512, CONTENT);
  Object.assign(server.faults, { hasRanges: true, cutAfter: [100_000, 50_000] });
  expect((await bring()).equals(CONTENT)).toBe(true);
  expect(ranges()).toEqual([undefined, 'bytes=100000-', 'bytes=150000-']);
});

it('cannot begin again in a stream', async () => {
  server.blobs.set(SHA512, CONTENT);
  server.faults.cutAfter = [100_000];
  await expect(readStream()).rejects.toMatchObject({ code: 'SLAPOS_ERR_CACHE' });
  expect(server.seen).toHaveLength(1);
});

it('begins again without ranges, but not for ever', async () => {
  server.blobs.set(SHA512, CONTENT);
  server.faults.cutAfter = [100_000, 200_000];
  expect((await download()).equals(CONTENT)).toBe(true);
  expect(ranges()).toEqual([undefined, undefined, undefined]);
  server.faults.cutAfter = [100_000, 100_000, 100_000];
  await expect(download()).rejects.toMatchObject({ code: 'SLAPOS_ERR_CACHE' });
});

it('gives up when nothing more comes', async () => {
  server.blobs.set(SHA512, CONTENT);
  Object.assign(server.faults, { hasRanges: true, cutAfter: [100_000, 0, 0, 0] });
  await expect(download()).rejects.toMatchObject({ code: 'SLAPOS_ERR_CACHE' });
  expect(ranges()).toEqual([undefined, ...Array(3).fill('bytes=100000-')]);
});

it('goes on with what an earlier run left', async () => {
  server.blobs.set(SHA512, CONTENT);
  server.faults.hasRanges = true;
  expect((await download(CONTENT.subarray(0, 200_000))).equals(CONTENT)).toBe(true);
  expect(ranges()).toEqual(['bytes=200000-']);
  expect((await download(CONTENT)).equals(CONTENT)).toBe(true);
  expect(server.seen).toHaveLength(1);
});

it.each<[string, Buffer, boolean, ReadonlyArray<string | undefined>]>([
  ['other bytes', Buffer.alloc(1000), true, ['bytes=1000-', undefined]],
  ['too many bytes', Buffer.alloc(400_000), true, ['bytes=400000-', undefined]],
  ['bytes that the server cannot go on with', Buffer.alloc(1000), false, ['bytes=1000-']],
])('begins anew when an earlier run left %s', async (_what, kept, hasRanges, asked) => {
  server.blobs.set(SHA512, CONTENT);
  server.faults.hasRanges = hasRanges;
  expect((await download(kept)).equals(CONTENT)).toBe(true);
  expect(ranges()).toEqual(asked);
});

it('asks for the rest of the same content only', async () => {
  server.blobs.set(SHA512, CONTENT);
  // A part of something else, then the server has what it should.
  Object.assign(server.faults, { hasRanges: true, etag: '"1"', cutAfter: [100_000] });
  server.faults.onCut = () => {
    server.faults.etag = '"2"';
  };
  expect((await download()).equals(CONTENT)).toBe(true);
  expect(server.seen).toEqual([
    `GET /cache/${SHA512}`,
    `GET /cache/${SHA512} bytes=100000- if "1"`,
  ]);
});

it('does not believe a range that begins elsewhere', async () => {
  const answers = [
    { body: CONTENT.subarray(0, 10).toString('latin1'), headers: { 'accept-ranges': 'bytes' } },
  ];
  const told: string[] = [];
  const scripted = await startScriptedServer((request) => {
    told.push(request.headers['range'] ?? 'whole');
    const isPart = request.headers['range'] !== undefined;
    if (!isPart && told.length === 1) return { ...answers[0], headers: { 'content-length': '20' } };
    return isPart
      ? { status: 206, headers: { 'content-range': 'bytes 5-19/20' }, body: 'x' }
      : { isCut: true };
  });
  const target = { append: async () => {}, clear: async () => {} };
  await expect(open(scripted.url).download(SHA512, target)).rejects.toMatchObject({
    code: 'SLAPOS_ERR_CACHE',
  });
  expect(told[0]).toBe('whole');
  await scripted.close();
});

it.each<[string, number]>([
  ['more than it gives', 20],
  ['less than it gives', 5],
])('does not trust a server that announces %s', async (_what, length) => {
  const scripted = await startScriptedServer(() => ({
    headers: { 'content-length': String(length), 'accept-ranges': 'bytes' },
    body: '0123456789',
  }));
  const target = { append: async () => {}, clear: async () => {} };
  await expect(open(scripted.url).download(SHA512, target)).rejects.toMatchObject({
    code: 'SLAPOS_ERR_CACHE',
  });
  expect(scripted.seen.length).toBeLessThan(8);
  await scripted.close();
});

it('ends with the error of a target that has no room', async () => {
  server.blobs.set(SHA512, CONTENT);
  server.faults.hasRanges = true;
  const full = Object.assign(new Error('full'), { code: 'SLAPOS_ERR_FILE' });
  const target = { append: () => Promise.reject(full), clear: async () => {} };
  await expect(open().download(SHA512, target)).rejects.toBe(full);
  const told: unknown[] = [];
  const expecting = {
    append: async () => {},
    expect: async (progress: unknown) => {
      told.push(progress);
      throw full;
    },
  };
  await expect(open().download(SHA512, expecting)).rejects.toBe(full);
  expect(told).toEqual([{ doneBytes: 0, totalBytes: 300_000 }]);
  expect(server.seen).toHaveLength(2);
});

it('uploads a blob and an entry', async () => {
  const client = open();
  expect(await client.hasBlob(SHA512)).toBe(false);
  await client.sendBlob(blob);
  expect(server.blobs.get(SHA512)?.equals(CONTENT)).toBe(true);
  expect(await client.hasBlob(SHA512)).toBe(true);
  await client.sendEntry('k', { text: '{"a": 1}', signature: 's' });
  expect(server.entries.get('k')).toEqual([['{"a": 1}', 's']]);
});

it('takes nothing but 201 and the digest for a success', async () => {
  const client = open();
  server.faults.uploadStatuses = [200];
  await expect(client.sendBlob(blob)).rejects.toThrow('answers 200 to an upload');
  server.faults.wrongDigest = 'f'.repeat(128);
  await expect(client.sendBlob(blob)).rejects.toThrow('something else');
  server.faults.uploadStatuses = [403];
  await expect(client.sendEntry('k', { text: '', signature: '' })).rejects.toThrow('answers 403');
});

it('sends the user of the URL as authorization, and nothing else of it', async () => {
  const base = server.dirUrl.replace('://', '://me:p%40ss@');
  await open(server.cacheUrl, `${base}?x=1#y`).lookUp('k');
  expect(server.seen).toEqual(['GET /dir/k']);
  const text = Buffer.from('me:p@ss').toString('base64');
  expect(server.authorizations).toEqual([`Basic ${text}`]);
});

it('does not follow redirects, and believes only lists', async () => {
  const answers = [{ status: 302, headers: { location: '/x' } }, { body: '<html>' }];
  const scripted = await startScriptedServer(() => answers.shift() ?? { isCut: true });
  const odd = open(server.cacheUrl, scripted.url);
  await expect(odd.lookUp('k')).rejects.toThrow('answers 302');
  await expect(odd.lookUp('k')).rejects.toThrow('Failed to parse json response');
  await expect(odd.lookUp('k')).rejects.toThrow('socket hang up');
  expect(scripted.seen.map(({ target }) => target)).toEqual(['/k', '/k', '/k']);
  await scripted.close();
});

it.each(['', 'ftp://host/', 'shadir', 'file:///etc/passwd'])(
  'says that %j is no URL',
  async (url) => {
    await expect(open(server.cacheUrl, url).lookUp('k')).rejects.toThrow('is no URL of a cache');
  },
);

it('stops when it is told', async () => {
  const abort = new AbortController();
  const scripted = await startScriptedServer(() => {
    abort.abort();
    return null;
  });
  const running = open(server.cacheUrl, scripted.url, abort).lookUp('k');
  await expect(running).rejects.toMatchObject({ code: 'SLAPOS_ERR_CANCELLED' });
  await scripted.close();
});
