/** The client of a shadir and a shacache server (spec/networkcache.md 2). */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { type CacheEntry, parseEntries } from './entry.ts';
import { exchange, readBody, type TlsFiles } from './http.ts';

export interface CacheServers {
  readonly cacheUrl: string;
  readonly dirUrl: string;
  readonly cacheTls: TlsFiles;
  readonly dirTls: TlsFiles;
}

/** A file to send; opened anew for each try. */
export interface Blob {
  readonly sha512: string;
  readonly sizeBytes: number;
  readonly open: () => AsyncIterable<Uint8Array>;
}

/** Methods reject with an Error that says what the server did, or CancelledError. */
export interface CacheClient {
  /** Entries of a key; empty when the server does not know it. */
  lookUp(key: string): Promise<readonly CacheEntry[]>;
  /**
   * The content with this digest, which is compared at its end: nothing of it is to be used before.
   * A transfer that is cut off goes on where it stopped when the server allows.
   */
  download(sha512: string): AsyncIterable<Uint8Array>;
  hasBlob(sha512: string): Promise<boolean>;
  sendBlob(blob: Blob): Promise<void>;
  sendEntry(key: string, entry: CacheEntry): Promise<void>;
}

export function createCacheClient(servers: CacheServers, signal: AbortSignal): CacheClient {
  return {
    lookUp: (key) => lookUp(servers, key, signal),
    download: (sha512) => download(servers, sha512, signal),
    hasBlob: (sha512) => hasBlob(servers, sha512, signal),
    sendBlob: (blob) => sendBlob(servers, blob, signal),
    sendEntry: (key, entry) => sendEntry(servers, key, entry, signal),
  };
}

/** A server answered with another status than it was asked for. */
export class CacheStatusError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'CacheStatusError';
    this.status = status;
  }
}

/** The address of a name; what the configured URL has besides its path is not sent. */
function urlOf(base: string, name?: string): string {
  const url = new URL(base);
  url.search = '';
  url.hash = '';
  url.pathname = url.pathname.replace(/\/+$/, '');
  if (name === undefined) return url.href;
  // Colons and equal signs of keys stay as they are; nothing in one may end the path or leave it.
  const encoded = encodeURI(name).replace(/[?#]/g, encodeURIComponent);
  return `${url.href.replace(/\/+$/, '')}/${encoded}`;
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

async function lookUp({ dirTls, dirUrl }: CacheServers, key: string, signal: AbortSignal) {
  const url = urlOf(dirUrl, key);
  const { body, status } = await exchange({ method: 'GET', url, tls: dirTls, signal });
  const text = await readBody(body);
  if (status === 404) return [];
  if (!isSuccess(status)) throw new Error(`${new URL(url).host} answers ${status}`);
  return parseEntries(text);
}

async function* download(
  { cacheTls, cacheUrl }: CacheServers,
  sha512: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha512');
  const get = (headers: Record<string, string>) =>
    exchange({ method: 'GET', url: urlOf(cacheUrl, sha512), tls: cacheTls, headers, signal });
  for await (const chunk of readResuming(get, signal)) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') === sha512) return;
  throw new Error('Failed to download data to SHACACHE Server: invalid checksum.');
}

/** A body to its end, over several requests where the server allows ranges. */
async function* readResuming(
  get: (headers: Record<string, string>) => ReturnType<typeof exchange>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let receivedBytes = 0;
  for (;;) {
    const range = receivedBytes === 0 ? {} : { range: `bytes=${receivedBytes}-` };
    const { body, headers, status } = await get(range);
    const isExpected = receivedBytes === 0 ? isSuccess(status) : status === 206;
    if (!isExpected) {
      body.destroy();
      throw new CacheStatusError(status, `shacache answers ${status}`);
    }
    const length = Number(headers['content-length'] ?? Number.NaN);
    const mayResume = headers['accept-ranges'] === 'bytes' && Number.isSafeInteger(length);
    const wantedBytes = receivedBytes + length;
    const startBytes = receivedBytes;
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        receivedBytes += chunk.length;
        yield chunk;
      }
    } catch (error) {
      if (!mayResume || signal.aborted || receivedBytes === startBytes) throw error;
    }
    if (!mayResume || receivedBytes >= wantedBytes) return;
  }
}

async function hasBlob({ cacheTls, cacheUrl }: CacheServers, sha512: string, signal: AbortSignal) {
  const url = urlOf(cacheUrl, sha512);
  const { body, status } = await exchange({ method: 'GET', url, tls: cacheTls, signal });
  // Its headers say enough.
  body.destroy();
  return isSuccess(status);
}

async function sendBlob({ cacheTls, cacheUrl }: CacheServers, blob: Blob, signal: AbortSignal) {
  const { body, status } = await exchange({
    method: 'POST',
    url: urlOf(cacheUrl),
    tls: cacheTls,
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(blob.sizeBytes),
    },
    body: Readable.from(blob.open(), { objectMode: true }),
    signal,
  });
  const answer = (await readBody(body)).trim();
  if (status !== 201) throw new Error(`shacache answers ${status} to an upload`);
  if (answer !== blob.sha512) throw new Error('shacache received something else than was sent');
}

async function sendEntry(
  { dirTls, dirUrl }: CacheServers,
  key: string,
  { signature, text }: CacheEntry,
  signal: AbortSignal,
) {
  const json = Buffer.from(JSON.stringify([text, signature]));
  const { body, status } = await exchange({
    method: 'PUT',
    url: urlOf(dirUrl, key),
    tls: dirTls,
    headers: { 'content-type': 'application/json', 'content-length': String(json.length) },
    body: Readable.from([json], { objectMode: true }),
    signal,
  });
  await readBody(body);
  if (status !== 201) throw new Error(`shadir answers ${status} to an upload`);
}
