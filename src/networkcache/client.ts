/** The client of a shadir and a shacache server (spec/networkcache.md 2). */
import { Readable } from 'node:stream';
import { cacheError, statusError } from './cache-error.ts';
import { type CacheEntry, parseEntries } from './entry.ts';
import {
  type CacheAnswer,
  type CacheRequest,
  exchange,
  PATIENCE,
  parseCacheUrl,
  readBody,
  type TlsFiles,
} from './http.ts';
import { type BlobTarget, streamBlob, transferBlob } from './transfer.ts';

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

/** Methods reject with SlaposError SLAPOS_ERR_CACHE that says what is wrong, or CancelledError. */
export interface CacheClient {
  /** Entries of a key; undefined when the server does not know it. */
  lookUp(key: string): Promise<readonly CacheEntry[] | undefined>;
  /**
   * The content with this digest, which is compared at its end: nothing of it is to be used before.
   * A transfer that is cut off goes on where it stopped when the server has ranges.
   */
  stream(sha512: string): AsyncIterable<Uint8Array>;
  /**
   * Brings the content with this digest, which has been compared when it is done; until then
   * nothing of it is to be used. A transfer that is cut off goes on where it stopped.
   */
  download(sha512: string, target: BlobTarget): Promise<void>;
  hasBlob(sha512: string): Promise<boolean>;
  sendBlob(blob: Blob): Promise<void>;
  sendEntry(key: string, entry: CacheEntry): Promise<void>;
}

export function createCacheClient(
  servers: CacheServers,
  signal: AbortSignal,
  patience = PATIENCE,
): CacheClient {
  const { cacheTls, cacheUrl, dirTls, dirUrl } = servers;
  const common = { signal, patience };
  const ask: Ask = (service, name, request) => {
    const [base, tls] = service === 'cache' ? [cacheUrl, cacheTls] : [dirUrl, dirTls];
    return exchange({ method: 'GET', ...request, ...common, url: urlOf(base, name), tls });
  };
  const transfer = (sha512: string, target: BlobTarget) => {
    const get = (headers: Record<string, string>) => ask('cache', sha512, { headers });
    return transferBlob({ ...common, sha512, target, get });
  };
  return {
    lookUp: (key) => lookUp(ask, key),
    stream: (sha512) => streamBlob((target) => transfer(sha512, target)),
    download: transfer,
    hasBlob: (sha512) => hasBlob(ask, sha512),
    sendBlob: (blob) => sendBlob(ask, blob),
    sendEntry: (key, entry) => sendEntry(ask, key, entry),
  };
}

/** A request to one of the two services; `GET` unless told otherwise. */
type Ask = (
  service: 'cache' | 'dir',
  name: string | undefined,
  request?: Partial<Pick<CacheRequest, 'method' | 'headers' | 'body'>>,
) => Promise<CacheAnswer>;

/** The address of a name; what the configured URL has besides its path is not sent. */
function urlOf(base: string, name?: string): string {
  const url = parseCacheUrl(base);
  url.search = '';
  url.hash = '';
  url.pathname = url.pathname.replace(/(?<!\/)\/+$/, '');
  if (name === undefined) return url.href;
  // Colons and equal signs of keys stay as they are; nothing in one may end the path or leave it.
  const encoded = encodeURI(name).replace(/[?#]/g, encodeURIComponent);
  return `${url.href.replace(/(?<!\/)\/+$/, '')}/${encoded}`;
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

async function lookUp(ask: Ask, key: string) {
  const answer = await ask('dir', key);
  try {
    if (answer.status === 404) return undefined;
    if (!isSuccess(answer.status)) {
      throw statusError(answer.status, `shadir answers ${answer.status}`);
    }
    return parseEntries(await readBody(answer.chunks));
  } finally {
    answer.drop();
  }
}

async function hasBlob(ask: Ask, sha512: string) {
  const answer = await ask('cache', sha512);
  // Its headers say enough.
  answer.drop();
  return isSuccess(answer.status);
}

async function sendBlob(ask: Ask, blob: Blob) {
  const { chunks, status } = await ask('cache', undefined, {
    method: 'POST',
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(blob.sizeBytes),
    },
    body: Readable.from(blob.open(), { objectMode: true }),
  });
  const said = (await readBody(chunks)).trim();
  if (status !== 201) throw statusError(status, `shacache answers ${status} to an upload`);
  if (said !== blob.sha512) throw cacheError('shacache received something else than was sent');
}

async function sendEntry(ask: Ask, key: string, { signature, text }: CacheEntry) {
  const json = Buffer.from(JSON.stringify([text, signature]));
  const { chunks, status } = await ask('dir', key, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', 'content-length': String(json.length) },
    body: Readable.from([json], { objectMode: true }),
  });
  await readBody(chunks);
  if (status !== 201) throw statusError(status, `shadir answers ${status} to an upload`);
}
