/** One HTTP exchange with a cache server, bodies as streams (spec/networkcache.md 2). */
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CancelledError, errorMessage } from '../errors/slapos-error.ts';

/** Certificates for one of the two services; paths of PEM files. */
export interface TlsFiles {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

export interface CacheRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: string;
  readonly tls: TlsFiles;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Readable;
  readonly signal: AbortSignal;
}

export interface CacheAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: IncomingMessage;
}

const GET_TIMEOUT_MS = 60_000;
const SEND_TIMEOUT_MS = 3_600_000;
const MAX_TEXT_BYTES = 16 * 1024 * 1024;
/** What Debian, Alpine and SUSE trust; elsewhere the certificates that Node carries. */
const SYSTEM_CA_FILE = '/etc/ssl/certs/ca-certificates.crt';

/**
 * Sends a request; any status is an answer, redirects are not followed.
 * @throws Error when no answer comes, CancelledError when the signal aborts.
 */
export async function exchange(request: CacheRequest): Promise<CacheAnswer> {
  const url = new URL(request.url);
  const isTls = url.protocol === 'https:';
  const { request: open } = isTls ? await import('node:https') : await import('node:http');
  const timeoutMs = request.method === 'GET' ? GET_TIMEOUT_MS : SEND_TIMEOUT_MS;
  const options: RequestOptions = {
    method: request.method,
    headers: { connection: 'close', ...authorization(url), ...request.headers },
    agent: false,
    timeout: timeoutMs,
    signal: request.signal,
    ...(isTls ? readTls(request.tls) : {}),
  };
  url.username = '';
  url.password = '';
  try {
    return await new Promise<CacheAnswer>((resolve, reject) => {
      const sent = open(url, options, (body) => {
        resolve({ status: body.statusCode ?? 0, headers: body.headers, body });
      });
      sent.on('error', reject);
      sent.on('timeout', () => sent.destroy(new Error(`no answer for ${timeoutMs / 1000} s`)));
      if (request.body === undefined) sent.end();
      else pipeline(request.body, sent).catch(reject);
    });
  } catch (error) {
    throw describeLoss(url, error, request.signal);
  }
}

function describeLoss(url: URL, error: unknown, signal: AbortSignal): Error {
  if (signal.aborted) {
    return new CancelledError('SLAPOS_ERR_CANCELLED', `The exchange with ${url.host} was cut off.`);
  }
  return new Error(`${url.host}: ${errorMessage(error)}`, { cause: error });
}

function authorization(url: URL): Record<string, string> {
  if (url.username === '') return {};
  const text = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { authorization: `Basic ${Buffer.from(text).toString('base64')}` };
}

/** @throws Error of the system when a file that is configured cannot be read. */
function readTls({ caFile, certFile, keyFile }: TlsFiles): object {
  return {
    ca: caFile === undefined ? readSystemAuthorities() : readFileSync(caFile),
    ...(certFile === undefined ? {} : { cert: readFileSync(certFile) }),
    ...(keyFile === undefined ? {} : { key: readFileSync(keyFile) }),
    // Servers of the public cache have small keys.
    ciphers: 'DEFAULT@SECLEVEL=1',
  };
}

/** What this machine trusts; undefined where only Node's own list is known. */
export function readSystemAuthorities(): Buffer | undefined {
  try {
    return readFileSync(SYSTEM_CA_FILE);
  } catch {
    return undefined;
  }
}

/**
 * The whole body as text.
 * @throws Error for more than 16 MiB.
 */
export async function readBody(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of body) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_TEXT_BYTES) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
