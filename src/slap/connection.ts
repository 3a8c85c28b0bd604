/**
 * The way to a Master that every protocol of it shares: addresses, TLS, kept-alive connections,
 * limits of time, retries of reads and the errors of HTTP (spec/slap-protocol.md 3).
 */
import { type CallLimits, runBounded } from './bounded-call.ts';
import { checkCount } from './call-parameters.ts';
import { refusalOf } from './http-refusal.ts';
import type { HttpAnswer, HttpTransport } from './http-transport.ts';
import { encodeForm, type FormValue, parseMasterUrl, renderEndpoint } from './master-url.ts';
import { NO_RETRIES, type RetryPolicy, runWithRetries } from './retry.ts';

export type Fields = Readonly<Record<string, FormValue>>;

export interface SlapClientOptions {
  readonly masterUrl: string;
  /** PEM files of the client certificate. */
  readonly keyFile?: string | undefined;
  readonly certFile?: string | undefined;
  /** PEM file of the authorities to trust instead of the system's. */
  readonly caFile?: string | undefined;
  /** Default true. False accepts any server certificate, as upstream 1.24.0 always does. */
  readonly isTlsVerified?: boolean | undefined;
  /** Default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Longest silence of the Master. Default 60,000, as upstream. */
  readonly timeoutMs?: number | undefined;
  /** Longest time of a call with its retries. Default: no limit. */
  readonly totalTimeoutMs?: number | undefined;
  /** Of reads; what changes something is never sent again. Default: none. */
  readonly retries?: RetryPolicy | undefined;
}

/** What is sent to a Master. */
export interface ConnectionRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string | URL;
  readonly query?: Fields;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Changes nothing, so that it may be sent again. */
  readonly isRead: boolean;
  /** The error for an answer that is no success, where it is not {@link refusalOf}. */
  readonly refusal?: (answer: HttpAnswer) => Error;
}

/** Requests of the classic protocol, JSON-RPC and HATEOAS share connections and errors. */
export interface SlapConnection {
  readonly baseUrl: URL;
  get(path: string | URL, query?: Fields, headers?: Record<string, string>): Promise<HttpAnswer>;
  post(path: string, fields: Fields): Promise<HttpAnswer>;
  /**
   * @throws MasterError for a status that is no success, SLAPOS_ERR_MASTER_UNAVAILABLE without an
   *   answer in time; CancelledError SLAPOS_ERR_CANCELLED.
   */
  send(request: ConnectionRequest): Promise<HttpAnswer>;
  /**
   * The same connection with limits for each call.
   * @throws UsageError SLAPOS_ERR_USAGE for a time that is none.
   */
  within(limits: CallLimits): SlapConnection;
  close(): Promise<void>;
  /** Closes without waiting for answers: requests that are under way fail. */
  abort(): Promise<void>;
}

type Load = () => Promise<typeof import('./http-transport.ts')>;

/** Loads what the first request needs: 10 ms, for a moment when this thread has nothing to do. */
export async function loadHttp(): Promise<typeof import('./http-transport.ts')> {
  // undici parses HTTP in WebAssembly. For the few answers of a command, optimising that code in
  // the background would cost 40 to 70 ms and 30 MB: a process ends no sooner than that is done.
  const { setFlagsFromString } = await import('node:v8');
  setFlagsFromString('--liftoff-only');
  return import('./http-transport.ts');
}

/**
 * Opens the way to a Master; nothing is connected and undici is not loaded before a request.
 * @param load for processes whose flags are not ours
 */
export function openSlapConnection(
  options: SlapClientOptions,
  load: Load = loadHttp,
): SlapConnection {
  let loading: Promise<HttpTransport> | undefined;
  const transport = (): Promise<HttpTransport> => {
    loading ??= openTransport(options, load);
    return loading;
  };
  const opened = () => loading;
  const { totalTimeoutMs: timeoutMs } = options;
  return new Connection(
    parseMasterUrl(options.masterUrl),
    { options, transport, opened },
    {
      timeoutMs,
    },
  );
}

async function openTransport(options: SlapClientOptions, load: Load): Promise<HttpTransport> {
  const { openHttpTransport } = await load();
  return openHttpTransport({
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    timeoutMs: options.timeoutMs ?? 60_000,
    keyFile: options.keyFile,
    certFile: options.certFile,
    caFile: options.caFile,
    isTlsVerified: options.isTlsVerified ?? true,
    userAgent: 'slapos-node (compatible; slapos.core/1.24.0)',
  });
}

interface Shared {
  readonly options: SlapClientOptions;
  readonly transport: () => Promise<HttpTransport>;
  /** The transport if a request has needed it. */
  readonly opened: () => Promise<HttpTransport> | undefined;
}

class Connection implements SlapConnection {
  readonly baseUrl: URL;
  readonly #shared: Shared;
  readonly #limits: CallLimits;

  constructor(baseUrl: URL, shared: Shared, limits: CallLimits) {
    this.baseUrl = baseUrl;
    this.#shared = shared;
    this.#limits = limits;
  }

  get(path: string | URL, query: Fields = {}, headers: Record<string, string> = {}) {
    return this.send({ method: 'GET', path, query, headers, isRead: true });
  }

  post(path: string, fields: Fields) {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = encodeForm(fields);
    return this.send({ method: 'POST', path, headers, body, isRead: false });
  }

  send(request: ConnectionRequest): Promise<HttpAnswer> {
    const { path, query, refusal = refusalOf, isRead, ...message } = request;
    const url = renderEndpoint(this.baseUrl, path.toString(), query);
    const retries = isRead ? (this.#shared.options.retries ?? NO_RETRIES) : NO_RETRIES;
    // Where reads are repeated anyway, once is not twice.
    const mayRepeat = isRead && retries.maxRetries === 0;
    return runBounded(this.#limits, url, (signal) =>
      runWithRetries(retries, signal, async () => {
        const transport = await this.#shared.transport();
        const answer = await transport.request({ ...message, url, signal, mayRepeat });
        const isKnown = answer.status === 304 && message.headers?.['if-none-match'] !== undefined;
        if (isKnown || (answer.status >= 200 && answer.status < 300)) return answer;
        throw refusal(answer);
      }),
    );
  }

  within(limits: CallLimits): SlapConnection {
    if (limits.timeoutMs !== undefined) checkCount(limits.timeoutMs, 'timeoutMs');
    return new Connection(this.baseUrl, this.#shared, {
      signal: limits.signal ?? this.#limits.signal,
      timeoutMs: limits.timeoutMs ?? this.#limits.timeoutMs,
    });
  }

  async close() {
    await (await this.#shared.opened())?.close();
  }

  async abort() {
    await (await this.#shared.opened())?.abort();
  }
}
