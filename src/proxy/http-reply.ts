/** Answers of the proxy, and what becomes of failures. */
import { STATUS_CODES } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorMessage, isSlaposError } from '../errors/slapos-error.ts';
import type { Logger } from '../log/logger.ts';
import { printableName } from '../log/printable.ts';
import { HttpProblem } from './http-problem.ts';
import { jsonReply, type Reply, textReply } from './route.ts';
import { RPC_PREFIX } from './rpc.ts';

export function send(reply: FastifyReply, answer: Reply): FastifyReply {
  reply.code(answer.status ?? 200).header('content-type', answer.contentType);
  if (answer.headers !== undefined) reply.headers(answer.headers);
  return reply.send(answer.body);
}

/** How long what is left of a refused body may take to come. */
const DISCARD_MS = 10_000;

/**
 * Reads on and keeps nothing of a body that is refused by its size or type. A connection that is closed while data
 * still comes is reset, and the client, which is still writing, never sees why (RFC 9112, 9.6).
 */
export function discardBody({ raw }: FastifyRequest, reply: FastifyReply): void {
  reply.removeHeader('connection');
  raw.resume();
  const timer = setTimeout(() => raw.destroy(), DISCARD_MS).unref();
  raw.once('close', () => clearTimeout(timer));
}

/** The answer to a failure: what the client did wrong is explained, what we did is logged. */
export function renderFailure(error: unknown, request: FastifyRequest, log: Logger): Reply {
  const { status, reason, isTemporary } = classify(error);
  const path = pathOf(request);
  // Messages repeat what clients sent, who must not write lines of the log.
  const message = printableName(errorMessage(error));
  const subject = printableName(`${request.method} ${path}`);
  if (status < 500) {
    log.info(`${subject} refused (${status}): ${message}`);
  } else {
    log.error(`${subject} failed: ${message}`, {
      event: 'proxy.request_failed',
      stack: status === 500 && error instanceof Error ? error.stack : undefined,
    });
  }
  const reply = renderReason(path, status, reason);
  return isTemporary === true ? { ...reply, headers: RETRY_SOON } : reply;
}

/** Seconds (RFC 9110 10.2.3). */
const RETRY_SOON = { 'retry-after': '5' };

function renderReason(path: string, status: number, reason: string): Reply {
  if (path.startsWith(RPC_PREFIX)) return renderRpcFailure(status, reason);
  if (!path.startsWith(PANEL_API)) return textReply(`${reason}\n`, status);
  return jsonReply(JSON.stringify({ problem: reason, hint: '', field: '' }), status);
}

/** Who is refused before the panel is asked gets the answer that its page reads. */
const PANEL_API = '/panel/api/';

interface Failure {
  readonly status: number;
  readonly reason: string;
  /** Whether the same request may do later. */
  readonly isTemporary?: boolean;
}

function classify(error: unknown): Failure {
  const status = (error as { statusCode?: unknown }).statusCode;
  const isExpected =
    typeof status === 'number' && status >= 400 && (status < 500 || error instanceof HttpProblem);
  if (isExpected) return { status, reason: errorMessage(error) };
  if (isSlaposError(error) && error.context['sqlite'] === 'SQLITE_BUSY') {
    const reason = 'The database is locked by another process.';
    return { status: 503, reason, isTemporary: true };
  }
  const temporary = isSlaposError(error) ? error.context['temporary'] : undefined;
  if (typeof temporary === 'string') return { status: 503, reason: temporary, isTemporary: true };
  return { status: 500, reason: 'Internal error: the log of the proxy tells more.' };
}

/** The body that the JSON-RPC API gives to every failure (spec/slap-protocol.md 6.1). */
function renderRpcFailure(status: number, title: string): Reply {
  const body = JSON.stringify({ status, type: STATUS_CODES[status] ?? 'Unknown Error', title });
  return jsonReply(body, status);
}

/** For a path that is nobody's, or with a method that is not its own. */
export function renderUnknown(
  request: FastifyRequest,
  methodsOf: (path: string) => string[],
): Reply {
  const path = pathOf(request).replace(/(?<!\/)\/+$/, '') || '/';
  const allow = methodsOf(path).join(', ');
  if (allow === '') return textReply(`${STATUS_CODES[404]}: ${path}\n`, 404);
  return { ...textReply(`${path} is only for ${allow}.\n`, 405), headers: { allow } };
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}
