/** One HTTP exchange with a cache server, bodies as streams (spec/networkcache.md 2). */
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CancelledError, errorCode, isSlaposError } from '../errors/slapos-error.ts';
import { readTrustedAuthorities } from '../host/network/trusted-authorities.ts';
import { cacheError, describeCause } from './cache-error.ts';

/** Certificates for one of the two services; paths of PEM files. */
export interface TlsFiles {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** How patient the client is; tests have less time. */
export interface Patience {
  /** Without a byte, while something is fetched. */
  readonly getIdleMs: number;
  /** Without a byte, while something is sent: a server digests a large blob before it answers. */
  readonly sendIdleMs: number;
  /** Until the head of the answer to a GET is there. */
  readonly answerMs: number;
  /** A body must bring `leastBytes` in each span of this length. */
  readonly spanMs: number;
  readonly leastBytes: number;
  /** Before each new request of a transfer that brought nothing since the last. */
  readonly retryMs: readonly number[];
}

export const PATIENCE: Patience = {
  getIdleMs: 60_000,
  sendIdleMs: 3_600_000,
  answerMs: 120_000,
  spanMs: 300_000,
  leastBytes: 300 * 1024,
  retryMs: [1000, 5000, 15_000],
};

export interface CacheRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: string;
  readonly tls: TlsFiles;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Readable;
  readonly signal: AbortSignal;
  readonly patience: Patience;
}

export interface CacheAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /**
   * @throws SlaposError SLAPOS_ERR_CACHE when it is cut off or comes too slowly, CancelledError.
   */
  readonly chunks: AsyncIterable<Buffer>;
  /** Ends the connection; what has not been read is lost. */
  drop(): void;
}

const MAX_SHOWN = 300;
const MAX_TEXT_BYTES = 16 * 1024 * 1024;

/**
 * Sends a request; any status is an answer, redirects are not followed.
 * @throws SlaposError SLAPOS_ERR_CACHE when no answer comes, CancelledError when the signal aborts.
 */
export async function exchange(request: CacheRequest): Promise<CacheAnswer> {
  const url = parseCacheUrl(request.url);
  const lost = (error: unknown) => describeLoss(url, error, request);
  try {
    const body = await send(url, request);
    return {
      status: body.statusCode ?? 0,
      headers: body.headers,
      chunks: readChunks(body, request.patience, lost),
      drop: () => void body.destroy(),
    };
  } catch (error) {
    throw lost(error);
  }
}

/** @throws SlaposError SLAPOS_ERR_CACHE for what is no URL that we can ask. */
export function parseCacheUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url;
  throw cacheError(`${JSON.stringify(text.slice(0, MAX_SHOWN))} is no URL of a cache`, {
    hint: 'write http:// or https:// and a host',
  });
}

async function send(url: URL, request: CacheRequest): Promise<IncomingMessage> {
  const { body, headers, method, patience, signal, tls } = request;
  const isTls = url.protocol === 'https:';
  const { request: open } = isTls ? await import('node:https') : await import('node:http');
  const idleMs = method === 'GET' ? patience.getIdleMs : patience.sendIdleMs;
  const options: RequestOptions = {
    method,
    headers: { connection: 'close', ...authorization(url), ...headers },
    agent: false,
    timeout: idleMs,
    signal,
    ...(isTls ? await readTls(tls) : {}),
  };
  const target = new URL(url);
  target.username = '';
  target.password = '';
  return await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = open(target, options, (answer) => {
      clearTimeout(timer);
      resolve(answer);
    });
    const giveUp = (ms: number) => sent.destroy(new Error(`no answer for ${ms / 1000} s`));
    const answerMs = method === 'GET' ? patience.answerMs : 2 ** 31 - 1;
    const timer = setTimeout(giveUp, answerMs, answerMs);
    sent.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    sent.on('timeout', () => giveUp(idleMs));
    if (body === undefined) sent.end();
    else pipeline(body, sent).catch(reject);
  });
}

/** The pieces of a body, as long as enough of it comes. */
async function* readChunks(
  body: IncomingMessage,
  { leastBytes, spanMs }: Patience,
  lost: (error: unknown) => Error,
): AsyncGenerator<Buffer> {
  let beganMs = performance.now();
  let spanBytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      yield chunk;
      spanBytes += chunk.length;
      const nowMs = performance.now();
      if (nowMs - beganMs < spanMs) continue;
      if (spanBytes < leastBytes) {
        throw new Error(
          `only ${spanBytes} bytes came in ${Math.round((nowMs - beganMs) / 1000)} s`,
        );
      }
      [beganMs, spanBytes] = [nowMs, 0];
    }
  } catch (error) {
    throw lost(error);
  } finally {
    body.destroy();
  }
}

function describeLoss(url: URL, error: unknown, { signal, tls }: CacheRequest): Error {
  if (signal.aborted) {
    return new CancelledError('SLAPOS_ERR_CANCELLED', `The exchange with ${url.host} was cut off.`);
  }
  if (isSlaposError(error)) return error as unknown as Error;
  const { hint, why } = describeCause(error, tls.caFile);
  return cacheError(`${url.host}: ${why}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
    context: { url: url.origin, cause: errorCode(error) },
  });
}

function authorization(url: URL): Record<string, string> {
  if (url.username === '') return {};
  const text = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { authorization: `Basic ${Buffer.from(text).toString('base64')}` };
}

/** @throws Error of the system when a file that is configured cannot be read. */
async function readTls({ caFile, certFile, keyFile }: TlsFiles): Promise<object> {
  return {
    ca: caFile === undefined ? await readTrustedAuthorities() : readFileSync(caFile),
    ...(certFile === undefined ? {} : { cert: readFileSync(certFile) }),
    ...(keyFile === undefined ? {} : { key: readFileSync(keyFile) }),
    // Servers of the public cache have small keys.
    ciphers: 'DEFAULT@SECLEVEL=1',
  };
}

/**
 * The whole body as text.
 * @throws SlaposError SLAPOS_ERR_CACHE for more than 16 MiB.
 */
export async function readBody(chunks: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_TEXT_BYTES) throw cacheError('the answer is too long');
    pieces.push(chunk);
  }
  return Buffer.concat(pieces).toString();
}
