import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type CacheClient, createCacheClient } from '../../../src/networkcache/client.ts';
import { type CacheServer, startCacheServer } from '../../support/cache-server.ts';
import { startScriptedServer } from '../../support/scripted-server.ts';

const CONTENT = randomBytes(300_000);
const SHA512 = createHash('sha512').update(CONTENT).digest('hex');

let server: CacheServer;
let client: CacheClient;

function open(cacheUrl = server.cacheUrl, dirUrl = server.dirUrl, abort = new AbortController()) {
  return createCacheClient({ cacheUrl, dirUrl, cacheTls: {}, dirTls: {} }, abort.signal);
}

beforeEach(async () => {
  server = await startCacheServer();
  client = open();
});
afterEach(() => server.close());

async function download(): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of client.download(SHA512)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const blob = { sha512: SHA512, sizeBytes: CONTENT.length, open: () => Readable.from([CONTENT]) };

it('looks a key up; an unknown one has no entries', async () => {
  server.entries.set('k', [['{}', 'sig']]);
  expect(await client.lookUp('k')).toEqual([{ text: '{}', signature: 'sig' }]);
  expect(await client.lookUp('other')).toEqual([]);
  expect(server.seen).toEqual(['GET /dir/k', 'GET /dir/other']);
});

it('downloads, and gives an error in the end for wrong content', async () => {
  server.blobs.set(SHA512, CONTENT);
  expect((await download()).equals(CONTENT)).toBe(true);
  server.blobs.set(SHA512, Buffer.from('wrong'));
  await expect(download()).rejects.toThrow('invalid checksum');
  server.blobs.clear();
  await expect(download()).rejects.toThrow('shacache answers 404');
});

it('goes on where it was cut off when the server has ranges', async () => {
  server.blobs.set(SHA512, CONTENT);
  Object.assign(server.faults, { hasRanges: true, cutAfter: [100_000, 50_000] });
  expect((await download()).equals(CONTENT)).toBe(true);
  expect(server.seen.map((line) => line.split(' ')[2])).toEqual([
    undefined,
    'bytes=100000-',
    'bytes=150000-',
  ]);
});

it('fails when it is cut off otherwise', async () => {
  server.blobs.set(SHA512, CONTENT);
  server.faults.cutAfter = [100_000];
  await expect(download()).rejects.toThrow();
  expect(server.seen).toHaveLength(1);
});

it('gives up when nothing more comes', async () => {
  server.blobs.set(SHA512, CONTENT);
  Object.assign(server.faults, { hasRanges: true, cutAfter: [100_000, 0] });
  await expect(download()).rejects.toThrow();
  expect(server.seen).toHaveLength(2);
});

it('uploads a blob and an entry', async () => {
  expect(await client.hasBlob(SHA512)).toBe(false);
  await client.sendBlob(blob);
  expect(server.blobs.get(SHA512)?.equals(CONTENT)).toBe(true);
  expect(await client.hasBlob(SHA512)).toBe(true);
  await client.sendEntry('k', { text: '{"a": 1}', signature: 's' });
  expect(server.entries.get('k')).toEqual([['{"a": 1}', 's']]);
});

it('takes nothing but 201 and the digest for a success', async () => {
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
