/** The answer of a server on its way to the client of the HTTP proxy. */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpProblem } from '../http-problem.ts';
import { Deadline } from './deadline.ts';
import { renderOrigin, renderProxied, resolveLocation, type Target } from './http-target.ts';

export interface Relay {
  readonly answer: IncomingMessage;
  /** Who answered. */
  readonly target: Target;
  /** The proxy as its client sees it. */
  readonly baseUrl: string;
  /** Between two pieces of the body. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const PASSED = [
  'date',
  'last-modified',
  'vary',
  'cache-control',
  'etag',
  'accept-ranges',
  'content-range',
  'www-authenticate',
  'access-control-allow-origin',
  'access-control-allow-methods',
  'access-control-expose-headers',
  'access-control-allow-headers',
  'access-control-allow-credentials',
  // Not of upstream's list: without them the body would be misread.
  'content-encoding',
  'content-length',
] as const;

const BODILESS = new Set([204, 304]);

/**
 * Sends status, headers and body. The head is held back until the body begins, so that a server
 * which sends nonsense or nothing can still be told of by a status.
 * @throws HttpProblem 520 for a status that is none, 524 for a body that does not begin.
 */
export async function relayAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  relay: Relay,
): Promise<void> {
  const { answer } = relay;
  const status = renderStatus(answer.statusCode ?? 0);
  const pieces = readIdle(relay);
  const isEmpty = request.method === 'HEAD' || BODILESS.has(status);
  const first = isEmpty ? undefined : await pieces.next();
  const { raw } = reply.hijack();
  try {
    raw.writeHead(status, renderHeaders(relay, status));
    if (first === undefined || first.done === true) {
      raw.end();
      answer.destroy();
      return;
    }
    const whole = async function* () {
      yield first.value;
      yield* pieces;
    };
    await pipeline(whole, raw, { signal: relay.signal });
  } catch {
    // Too late for a status: a connection that is cut says that the body is not whole.
    raw.destroy();
    answer.destroy();
  }
}

function renderStatus(status: number): number {
  if (status === 500) return 520;
  if (status >= 200 && status <= 599) return status;
  throw new HttpProblem(520, `The server answers with status ${status}.`);
}

function renderHeaders({ answer, baseUrl, target }: Relay, status: number): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {
    'content-type': answer.headers['content-type'] ?? 'application/octet-stream',
    'content-disposition': 'attachment',
    'x-content-type-options': 'nosniff',
  };
  for (const name of PASSED) {
    if (answer.headers[name] !== undefined) headers[name] = answer.headers[name];
  }
  if (BODILESS.has(status)) delete headers['content-length'];
  if (status === 304) delete headers['content-type'];
  const { location } = answer.headers;
  const next = location === undefined ? undefined : resolveLocation(location, target);
  if (next !== undefined) headers['location'] = renderProxied(next, baseUrl);
  return headers;
}

/** @throws HttpProblem 524 when a piece is late, or is none. */
async function* readIdle({ answer, target, timeoutMs }: Relay): AsyncGenerator<Uint8Array> {
  let isWaiting = true;
  const deadline = new Deadline(timeoutMs, () => {
    if (isWaiting) answer.destroy(new Error('late'));
  });
  try {
    for await (const piece of answer) {
      // While the client takes its time the server is not to blame.
      isWaiting = false;
      yield piece as Uint8Array;
      isWaiting = true;
      deadline.restart();
    }
  } catch {
    throw new HttpProblem(524, `${renderOrigin(target)} sends no whole body in time.`);
  } finally {
    deadline.stop();
  }
}
