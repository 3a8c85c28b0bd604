/**
 * `/http_proxy/<scheme>/<host>/…`: what a web page of the proxy may read from other servers
 * (spec/proxy.md 11). Off unless `http_proxy_allow` names places; then for these only.
 */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errorCode } from '../../errors/slapos-error.ts';
import { readTrustedAuthorities } from '../../host/network/trusted-authorities.ts';
import { badRequest, forbidden, HttpProblem } from '../http-problem.ts';
import { addressesOf } from '../http-request.ts';
import { leadsTo } from '../own-address.ts';
import { atMost, findAddresses, type HttpGateOptions, resolveName } from './http-gate.ts';
import { sendHop } from './http-hop.ts';
import { relayAnswer } from './http-relay.ts';
import { parseTarget, renderOrigin, resolveLocation, type Target } from './http-target.ts';
import { CLIENT_IDLE_MS } from './send-file.ts';
import type { HttpProxyOptions } from './web-options.ts';

export interface HttpProxyEnvironment {
  readonly options: HttpProxyOptions;
  /** Names this process to itself, over whatever way a request comes back. */
  readonly runId: string;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

const TIMEOUT_MS = 5000;
/** As many as upstream's HTTP library follows. */
const MAX_REDIRECTS = 30;
/** Servers that answer slowly must not take every descriptor. */
const MAX_RUNNING = 128;
const MAX_LOOKUPS = 2;

const PASSED = [
  'content-type',
  'accept',
  'accept-language',
  'range',
  'if-modified-since',
  'if-none-match',
  'user-agent',
  'authorization',
  'origin',
] as const;

const FRAMED_BY_LENGTH = 'content-length';
const FRAMED_BY_PIECES = 'transfer-encoding';
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export function addHttpProxyRoutes(app: FastifyInstance, environment: HttpProxyEnvironment): void {
  const { options } = environment;
  const proxy = new HttpProxy(environment, {
    allow: options.allow,
    isOwn: (address, port) => leadsTo(environment.runId, address, port),
    resolve: atMost(MAX_LOOKUPS, options.resolve ?? resolveName),
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
  });
  app.route({
    method: ['GET', 'HEAD', 'OPTIONS'],
    url: '/http_proxy/*',
    handler: (request, reply) => proxy.answer(request, reply),
  });
}

/** Invariant: a connection is only made to addresses that {@link findAddresses} gave for it. */
class HttpProxy {
  readonly #environment: HttpProxyEnvironment;
  readonly #gate: HttpGateOptions;
  readonly #pseudonym: string;
  #authorities: Promise<SecureContext> | undefined;
  #running = 0;

  constructor(environment: HttpProxyEnvironment, gate: HttpGateOptions) {
    this.#environment = environment;
    this.#gate = gate;
    this.#pseudonym = `slapos-${environment.runId}`;
  }

  async answer(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    this.#expectUse(request);
    const target = parseTarget(request.url);
    if (this.#running >= MAX_RUNNING) throw new HttpProblem(503, 'The HTTP proxy is busy.');
    this.#running += 1;
    const over = new AbortController();
    const { signal } = over;
    const end = (): void => over.abort();
    reply.raw.once('close', end);
    this.#environment.signal.addEventListener('abort', end);
    request.raw.socket.setTimeout(CLIENT_IDLE_MS);
    try {
      const found = await this.#follow(target, request, signal);
      const { baseUrl } = addressesOf(request);
      await relayAnswer(request, reply, { ...found, baseUrl, signal, ...this.#gate });
    } catch (error) {
      throw signal.aborted ? badRequest('The client went away, or the proxy ends.') : error;
    } finally {
      this.#environment.signal.removeEventListener('abort', end);
      this.#running -= 1;
    }
  }

  #expectUse({ headers }: FastifyRequest): void {
    if (this.#gate.allow.length === 0) {
      throw forbidden('The HTTP proxy is off: http_proxy_allow of section [slapproxy] is not set.');
    }
    if (headers.via?.includes(this.#pseudonym) === true) {
      throw new HttpProblem(508, 'This request went through this proxy before.');
    }
  }

  /** The answer at the end of redirections, each of which is looked at like a first request. */
  async #follow(
    first: Target,
    request: FastifyRequest,
    signal: AbortSignal,
  ): Promise<{ readonly answer: IncomingMessage; readonly target: Target }> {
    let target = first;
    let method = request.method;
    let headers = this.#headersFor(request);
    let body = bodyOf(request);
    for (let step = 0; ; step += 1) {
      const answer = await this.#send({ target, method, headers, body }, signal);
      const { location } = answer.headers;
      const status = answer.statusCode ?? 0;
      if (!REDIRECTS.has(status) || location === undefined) return { answer, target };
      answer.destroy();
      const next = resolveLocation(location, target);
      if (next === undefined) throw badRequest('"url" must be http');
      if (step >= MAX_REDIRECTS) throw new HttpProblem(520, 'Too many redirections.');
      // These two ask for the body again, which is gone.
      const isSentAgain = status >= 307 && body !== undefined;
      if (isSentAgain) throw new HttpProblem(520, 'A body cannot be sent again.');
      if (status < 307) method = method === 'HEAD' ? 'HEAD' : 'GET';
      headers = headersAfter(headers, renderOrigin(target) === renderOrigin(next));
      body = undefined;
      target = next;
    }
  }

  async #send(
    hop: Pick<Parameters<typeof sendHop>[0], 'target' | 'method' | 'headers' | 'body'>,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const addresses = await findAddresses(hop.target, this.#gate);
    const { isTlsVerified } = this.#environment.options;
    const isSecure = hop.target.scheme === 'https';
    const secureContext = isSecure ? await this.#trusted() : undefined;
    const { timeoutMs } = this.#gate;
    return sendHop({ ...hop, addresses, isTlsVerified, secureContext, timeoutMs, signal });
  }

  /** Read once: there are more than a hundred authorities. */
  #trusted(): Promise<SecureContext> {
    this.#authorities ??= this.#readAuthorities();
    return this.#authorities;
  }

  async #readAuthorities(): Promise<SecureContext> {
    const { caFile } = this.#environment.options;
    try {
      const ca = await (caFile === undefined ? readTrustedAuthorities() : readFile(caFile));
      return createSecureContext(ca === undefined ? {} : { ca });
    } catch (error) {
      this.#authorities = undefined;
      const reason = errorCode(error) || 'no certificates';
      throw new HttpProblem(503, `http_proxy_ca_file cannot be used: ${reason}`);
    }
  }

  /** Nothing but the headers of the list goes on, and nothing that is meant for us. */
  #headersFor({ headers }: FastifyRequest): OutgoingHttpHeaders {
    const passed: OutgoingHttpHeaders = {};
    for (const name of PASSED) {
      if (headers[name] !== undefined) passed[name] = headers[name];
    }
    if (/^x-slappartition\b/i.test(headers.authorization ?? '')) delete passed['authorization'];
    // Node frames no body of these methods by itself: it would be taken for the next request.
    const framing = headers['content-length'] === undefined ? FRAMED_BY_PIECES : FRAMED_BY_LENGTH;
    if (headers[framing] !== undefined) passed[framing] = headers[framing];
    const before = headers.via === undefined ? '' : `${headers.via}, `;
    return { ...passed, 'accept-encoding': 'identity', via: `${before}1.1 ${this.#pseudonym}` };
  }
}

function bodyOf({ headers, raw }: FastifyRequest): Readable | undefined {
  const length = headers['content-length'] ?? '0';
  return length !== '0' || headers['transfer-encoding'] !== undefined ? raw : undefined;
}

/** A password is for the server to which the client sent it. */
function headersAfter(headers: OutgoingHttpHeaders, isSameOrigin: boolean): OutgoingHttpHeaders {
  const dropped = new Set<string>([FRAMED_BY_LENGTH, FRAMED_BY_PIECES, 'content-type']);
  if (!isSameOrigin) dropped.add('authorization');
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !dropped.has(name)));
}
