import { createHash, randomBytes } from 'node:crypto';
import { type AddressInfo, createServer } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCacheClient } from '../../../src/networkcache/client.ts';
import { PATIENCE, type Patience } from '../../../src/networkcache/http.ts';
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

it('does not take a part that begins elsewhere', async () => {
  server.blobs.set(SHA512, CONTENT);
  Object.assign(server.faults, { hasRanges: true, rangeShiftBytes: 50, cutAfter: [100_000] });
  let takenBytes = 0;
  let content = Buffer.alloc(0);
  await open().download(SHA512, {
    append: async (chunk) => {
      takenBytes += chunk.length;
      content = Buffer.concat([content, chunk]);
    },
    clear: async () => {
      content = Buffer.alloc(0);
    },
  });
  expect(content.equals(CONTENT)).toBe(true);
  expect(takenBytes).toBe(100_000 + 300_000);
  expect(ranges()).toEqual([undefined, 'bytes=100000-', undefined]);
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

describe('a server without end', () => {
  const servers: Array<ReturnType<typeof createServer>> = [];
  afterEach(() => {
    for (const each of servers.splice(0)) each.close();
  });

  /** Sends a text, then a byte every few milliseconds for as long as somebody listens. */
  async function startDripping(head: string, byte: string): Promise<string> {
    const dripping = createServer((socket) => {
      socket.on('error', () => {});
      socket.write(head);
      const timer = setInterval(() => socket.write(byte), 5);
      socket.on('close', () => clearInterval(timer));
    });
    servers.push(dripping);
    await new Promise<void>((resolve) => dripping.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(dripping.address() as AddressInfo).port}`;
  }
  const openHasty = (url: string, patience: Partial<Patience>) => {
    const servers = { cacheUrl: url, dirUrl: url, cacheTls: {}, dirTls: {} };
    return createCacheClient(servers, new AbortController().signal, { ...HASTY, ...patience });
  };

  it('is given up when its body comes too slowly', async () => {
    const url = await startDripping('HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n', 'x');
    const client = openHasty(url, { spanMs: 60, leastBytes: 1000 });
    await expect(client.lookUp('k')).rejects.toThrow(/only \d+ bytes came in/);
    const target = { append: async () => {} };
    await expect(client.download(SHA512, target)).rejects.toThrow(/only \d+ bytes came in/);
  });

  it('is given up when its head does not end', async () => {
    const url = await startDripping('HTTP/1.1 200 OK\r\nX: ', 'x');
    const client = openHasty(url, { answerMs: 60 });
    await expect(client.lookUp('k')).rejects.toThrow('no answer for 0.06 s');
  });

  it('is given up when it says nothing', async () => {
    const url = await startDripping('', '');
    const client = openHasty(url, { getIdleMs: 60, sendIdleMs: 60 });
    await expect(client.lookUp('k')).rejects.toThrow('no answer for 0.06 s');
    const entry = { text: '', signature: '' };
    await expect(client.sendEntry('k', entry)).rejects.toThrow('no answer for 0.06 s');
  });

  it('does not fill the memory with entries', async () => {
    const scripted = await startScriptedServer(({ target }) => {
      if (target === '/many') return { body: `[${'["",""],'.repeat(5000)}["",""]]` };
      return { body: ' '.repeat(17 << 20) };
    });
    await expect(open('', scripted.url).lookUp('many')).rejects.toThrow('more than 5000 entries');
    await expect(open('', scripted.url).lookUp('long')).rejects.toThrow('answer is too long');
    await scripted.close();
  });
});
