/**
 * One request to a Master's web site over a connection of its own: no redirection is followed and
 * nothing is ever sent a second time, since a token is used up by its first use.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { errorCode, errorMessage, MasterError } from '../errors/slapos-error.ts';
import { readTrustedAuthorities } from '../host/network/trusted-authorities.ts';
import { boundedText } from '../slap/bounded-text.ts';
import type { WebAnswer } from './answer.ts';
import type { WebRequest } from './web-request.ts';

export interface SiteTrust {
  /** Authorities in PEM, instead of those of Node and of this machine. */
  readonly authorities: string | undefined;
  /** True: any certificate of the site is accepted. */
  readonly isInsecure: boolean;
}

export interface WebLimits {
  readonly connectTimeoutMs: number;
  /** From the connection to the end of the answer. */
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
}

export const WEB_LIMITS: WebLimits = {
  connectTimeoutMs: 10_000,
  timeoutMs: 60_000,
  maxAnswerBytes: 1024 * 1024,
};

const USER_AGENT = 'slapos-node (compatible; slapos.core/1.24.0)';

/**
 * Sends a request. An answer that is cut, too slow or too long is given as far as it came.
 * @param headers what shows who asks
 * @throws MasterError SLAPOS_ERR_MASTER_UNAVAILABLE when no answer comes; its context says by
 *   `isSent` whether the request may have arrived.
 */
export async function sendOnce(
  request: WebRequest,
  headers: Readonly<Record<string, string>>,
  trust: SiteTrust,
  limits: WebLimits = WEB_LIMITS,
): Promise<WebAnswer> {
  const state = { isSent: false };
  try {
    const outgoing = await start(request, headers, trust, limits);
    outgoing.on('finish', () => {
      state.isSent = true;
    });
    return await answerOf(outgoing, request, limits);
  } catch (cause) {
    throw unreachable(request.url, cause, state.isSent);
  }
}

async function start(
  { url, method, body }: WebRequest,
  headers: Readonly<Record<string, string>>,
  trust: SiteTrust,
  { connectTimeoutMs }: WebLimits,
): Promise<ClientRequest> {
  const isTls = url.startsWith('https:');
  const { request } = isTls ? await import('node:https') : await import('node:http');
  const form = body === '' ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
  const length = method === 'POST' ? { 'content-length': Buffer.byteLength(body) } : {};
  const outgoing = request(url, {
    method,
    headers: {
      accept: 'application/json',
      'user-agent': USER_AGENT,
      ...form,
      ...length,
      ...headers,
    },
    agent: false,
    ...(isTls ? await verification(trust) : {}),
  });
  outgoing.on('socket', (socket) => limitConnecting(socket, url, connectTimeoutMs));
  outgoing.end(body);
  return outgoing;
}

function limitConnecting(socket: Socket, url: string, timeoutMs: number): void {
  const timer = setTimeout(() => socket.destroy(tooSlow(timeoutMs)), timeoutMs);
  const done = () => clearTimeout(timer);
  socket.once(url.startsWith('https:') ? 'secureConnect' : 'connect', done).once('close', done);
}

function tooSlow(timeoutMs: number): Error {
  return Object.assign(new Error(`no answer within ${timeoutMs / 1000} s`), { code: 'ETIMEDOUT' });
}

function answerOf(
  outgoing: ClientRequest,
  { url }: WebRequest,
  limits: WebLimits,
): Promise<WebAnswer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => outgoing.destroy(tooSlow(limits.timeoutMs)), limits.timeoutMs);
    outgoing.on('close', () => clearTimeout(timer));
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => resolve(readAnswer(incoming, url, limits)));
  });
}

/** What came of an answer: the part of one that was cut may hold the key. */
async function readAnswer(
  incoming: IncomingMessage,
  url: string,
  { maxAnswerBytes }: WebLimits,
): Promise<WebAnswer> {
  const chunks: Buffer[] = [];
  let [length, isComplete] = [0, true];
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > maxAnswerBytes) break;
    }
    isComplete = incoming.complete;
  } catch {
    // The connection ended, or the time was over: what came is all there is.
    isComplete = false;
  }
  const { statusCode: status = 0, headers } = incoming;
  const body = Buffer.concat(chunks).toString('utf8');
  const { location, 'content-type': contentType = '' } = headers;
  return { url, status, contentType, location, body, isComplete };
}

/**
 * Whether a server can be reached, and over TLS proves to be who it should be. Nothing is sent.
 * @throws MasterError SLAPOS_ERR_MASTER_UNAVAILABLE; `isCertificateRefused` of its context tells
 *   a wrong certificate from an absent server.
 */
export async function contactServer(
  url: string,
  trust: SiteTrust,
  { connectTimeoutMs }: WebLimits = WEB_LIMITS,
): Promise<void> {
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const isTls = protocol === 'https:';
  try {
    const socket = await connect({ host, port: Number(port) || (isTls ? 443 : 80) }, isTls, trust);
    await opened(socket, isTls, connectTimeoutMs);
  } catch (cause) {
    throw unreachable(url, cause, false);
  }
}

async function connect(
  place: { readonly host: string; readonly port: number },
  isTls: boolean,
  trust: SiteTrust,
): Promise<Socket> {
  if (!isTls) return (await import('node:net')).connect(place);
  const [tls, { isIP }] = [await import('node:tls'), await import('node:net')];
  return tls.connect({
    ...place,
    ...(isIP(place.host) === 0 ? { servername: place.host } : {}),
    ...(await verification(trust)),
  });
}

async function verification({ authorities, isInsecure }: SiteTrust) {
  const ca = authorities ?? (isInsecure ? undefined : await readTrustedAuthorities());
  return { rejectUnauthorized: !isInsecure, ...(ca === undefined ? {} : { ca }) };
}

async function opened(socket: Socket, isTls: boolean, timeoutMs: number): Promise<void> {
  const timer = setTimeout(() => socket.destroy(tooSlow(timeoutMs)), timeoutMs);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once(isTls ? 'secureConnect' : 'connect', resolve).on('error', reject);
      socket.once('close', () => reject(new Error('the connection was closed')));
    });
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** Codes of OpenSSL and Node for a certificate that is not accepted. */
const CERTIFICATE_CODE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/;

function unreachable(url: string, cause: unknown, isSent: boolean): MasterError {
  const code = errorCode(cause);
  const isCertificateRefused = CERTIFICATE_CODE.test(code);
  const reason = boundedText(reasonOf(cause)) || code;
  const message = isCertificateRefused
    ? `${url} is not trusted: ${reason}.`
    : `${url} cannot be reached: ${reason}.`;
  const hint = isCertificateRefused
    ? 'Name its authority with --master-ca-file; --insecure trusts anybody in between'
    : 'Check the address and the network.';
  return new MasterError('SLAPOS_ERR_MASTER_UNAVAILABLE', message, {
    cause,
    hint,
    isRetryable: !isSent,
    context: { url, reason: code, isSent, isCertificateRefused },
  });
}

/** Node gathers the failures of several addresses in one error without a message. */
function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(errorMessage).join('; ');
  return errorMessage(cause);
}
