/**
 * HTTP over undici for the Master: kept-alive connections, client certificates, redirects of GET.
 * Loaded lazily, with the first request.
 */
import type { Dispatcher } from 'undici';
import { errorCode, errorMessage, MasterError } from '../errors/slapos-error.ts';
import { isUnknownIssuer } from '../host/network/trusted-authorities.ts';
import { boundedText, describeUrl } from './bounded-text.ts';
import { type HttpOptions, PoolsByOrigin } from './http-pools.ts';
import { parseToldUrl } from './master-url.ts';

const MAX_REDIRECTS = 5;

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** It may be sent again where a kept-alive connection was closed meanwhile; default: a GET. */
  readonly mayRepeat?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpAnswer {
  readonly url: URL;
  readonly status: number;
  readonly contentType: string;
  readonly location: string | undefined;
  /** By names in lower case; of a repeated one the first. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

export interface HttpTransport {
  /**
   * Any status is an answer.
   * @throws MasterError SLAPOS_ERR_MASTER_UNAVAILABLE when none comes; the reason of the signal.
   */
  request(request: HttpRequest): Promise<HttpAnswer>;
  /** Ends connections once their requests are answered. */
  close(): Promise<void>;
  /** Ends connections now; requests that are under way fail. */
  abort(): Promise<void>;
}

/**
 * Opens a transport; nothing is connected yet.
 * @throws ConfigError SLAPOS_ERR_CONFIG_FILE when a key, certificate or CA file cannot be read.
 */
export function openHttpTransport(options: HttpOptions): HttpTransport {
  const pools = new PoolsByOrigin(options);
  return {
    async request(request) {
      const headers = { accept: '*/*', 'user-agent': options.userAgent, ...request.headers };
      return follow({ ...request, headers }, (next) => exchangeTrusting(pools, next));
    },
    close: () => pools.end((pool) => pool.close()),
    abort: () => pools.end((pool) => pool.destroy()),
  };
}

/**
 * Node's own list of authorities costs nothing; who is unknown to it may be known to this machine,
 * whose list is read then. A connection that is refused has carried nothing of the request.
 */
async function exchangeTrusting(pools: PoolsByOrigin, request: HttpRequest): Promise<HttpAnswer> {
  const { origin } = request.url;
  const pool = pools.get(origin);
  try {
    return await exchange(pool, request);
  } catch (cause) {
    if (!isUnknownIssuer(errorCode(cause))) throw cause;
    const wider = await pools.widen(origin, pool);
    if (wider === undefined) throw cause;
    return exchange(wider, request);
  }
}

async function follow(
  first: HttpRequest,
  send: (request: HttpRequest) => Promise<HttpAnswer>,
): Promise<HttpAnswer> {
  let request = first;
  for (let count = 0; count <= MAX_REDIRECTS; count += 1) {
    const answer = await sendTwiceAtMost(request, send);
    const isRedirect = request.method === 'GET' && answer.status >= 300 && answer.status < 400;
    if (!isRedirect || answer.location === undefined) return answer;
    const url = parseToldUrl(answer.location, request.url);
    if (request.url.protocol === 'https:' && url.protocol !== 'https:') break;
    request = { ...request, url };
  }
  throw new MasterError(
    'SLAPOS_ERR_MASTER_PROTOCOL',
    `${describeUrl(first.url)} redirects without end.`,
  );
}

/** A kept-alive connection may have been closed by the peer meanwhile: it is sent once more. */
async function sendTwiceAtMost(
  request: HttpRequest,
  send: (request: HttpRequest) => Promise<HttpAnswer>,
): Promise<HttpAnswer> {
  const { mayRepeat = request.method === 'GET' } = request;
  try {
    return await send(request);
  } catch (cause) {
    const isClosed = errorCode(cause) === 'UND_ERR_SOCKET' || errorCode(cause) === 'ECONNRESET';
    if (!mayRepeat || !isClosed) throw failureOf(request, cause);
  }
  try {
    return await send(request);
  } catch (cause) {
    throw failureOf(request, cause);
  }
}

function failureOf(request: HttpRequest, cause: unknown): unknown {
  return request.signal?.aborted === true ? request.signal.reason : unavailable(request, cause);
}

/** @throws the reason of the signal as soon as it aborts, or what went wrong underneath. */
function exchange(pool: Dispatcher, request: HttpRequest): Promise<HttpAnswer> {
  const { signal } = request;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    let controller: Dispatcher.DispatchController | undefined;
    const stop = () => {
      settle(() => reject(signal?.reason));
      controller?.abort(signal?.reason);
    };
    const settle = (outcome: () => void) => {
      signal?.removeEventListener('abort', stop);
      outcome();
    };
    signal?.addEventListener('abort', stop, { once: true });
    dispatch(pool, request, {
      onStart(started) {
        controller = started;
        // It waited for a connection until now: nothing of it was sent.
        if (signal?.aborted === true) stop();
      },
      onAnswer: (answer) => settle(() => whenReleased(() => resolve(answer))),
      onFailure: (error) => settle(() => reject(error)),
    });
  });
}

/**
 * undici uses a connection again one turn of the event loop after its answer (client-h1.js of
 * 7.30): whoever went on at once with the next request would open another connection for it.
 */
function whenReleased(goOn: () => void): void {
  setImmediate(() => setImmediate(goOn));
}

interface ExchangeEvents {
  onStart(controller: Dispatcher.DispatchController): void;
  onAnswer(answer: HttpAnswer): void;
  onFailure(error: unknown): void;
}

function dispatch(
  pool: Dispatcher,
  { url, method, headers = {}, body }: HttpRequest,
  events: ExchangeEvents,
): void {
  const chunks: Buffer[] = [];
  let head: Pick<HttpAnswer, 'status' | 'headers'> = { status: 0, headers: {} };
  pool.dispatch(
    { path: url.pathname + url.search, method, headers, body: body ?? null },
    {
      onRequestStart(controller) {
        events.onStart(controller);
      },
      onResponseStart(_controller, status, fields) {
        const entries = Object.entries(fields).map(([name, value]) => [name, single(value)]);
        head = { status, headers: Object.fromEntries(entries) };
      },
      onResponseData(_controller, chunk) {
        chunks.push(chunk);
      },
      onResponseEnd() {
        const { 'content-type': contentType = '', location } = head.headers;
        events.onAnswer({ url, ...head, contentType, location, body: Buffer.concat(chunks) });
      },
      onResponseError(_controller, error) {
        events.onFailure(error);
      },
    },
  );
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function unavailable(request: HttpRequest, cause: unknown): MasterError {
  const url = describeUrl(request.url);
  return new MasterError(
    'SLAPOS_ERR_MASTER_UNAVAILABLE',
    `Could not connect to the SlapOS Master at ${url}: ${boundedText(describe(cause))}`,
    {
      cause,
      isRetryable: true,
      hint: hintFor(errorCode(cause)),
      context: {
        url,
        reason: errorCode(cause),
        isCertificateRefused: CERTIFICATE_CODE.test(errorCode(cause)),
      },
    },
  );
}

/** Codes of OpenSSL and Node for a certificate that is not accepted. */
const CERTIFICATE_CODE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/;

function hintFor(code: string): string {
  return CERTIFICATE_CODE.test(code)
    ? 'Name the authority of the Master in master_ca_file, or set master_tls_verify = false.'
    : 'Check master_url, that the Master runs, and that this machine reaches it by IPv6.';
}

/** Node gathers the failures of several addresses in one error without a message. */
function describe(cause: unknown): string {
  if (cause instanceof AggregateError) {
    return cause.errors.map((error) => errorMessage(error)).join('; ');
  }
  return errorMessage(cause);
}
