/** HTTP statuses of a Master as errors (spec/slap-protocol.md 3, Error mapping). */
import type { ErrorCode } from '../errors/catalogue.ts';
import { MasterError } from '../errors/slapos-error.ts';
import { boundedText, describeUrl } from './bounded-text.ts';
import type { HttpAnswer } from './http-transport.ts';
import { parseRetryAfter } from './retry.ts';

/** Of a body, as much as may hold an explanation: a server may send hundreds of megabytes. */
export const MAX_EXPLANATION_BYTES = 16 * 1024;

/** The error for an answer that is no success; the message holds what the server explained. */
export function refusalOf(answer: HttpAnswer): MasterError {
  const { status } = answer;
  const reason = describeBody(
    answer.body.subarray(0, MAX_EXPLANATION_BYTES).toString('utf8'),
    answer.contentType,
  );
  const url = describeUrl(answer.url);
  const explanation = reason === '' ? '' : `: ${reason}`;
  const retryAfterMs = parseRetryAfter(answer.headers['retry-after'], Date.now());
  const context = {
    url,
    status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  const isRetryable = status >= 500 || status === 408 || status === 429;
  const message = `The Master ${verdict(status)} (HTTP ${status} from ${url})${explanation}`;
  return new MasterError(codeOf(status), message, { context, isRetryable, ...hintFor(status) });
}

function codeOf(status: number): ErrorCode {
  if (status === 404) return 'SLAPOS_ERR_MASTER_NOT_FOUND';
  if (status === 408) return 'SLAPOS_ERR_MASTER_NOT_READY';
  if (status === 401 || status === 403) return 'SLAPOS_ERR_MASTER_UNAUTHENTICATED';
  return status >= 500 ? 'SLAPOS_ERR_MASTER_UNAVAILABLE' : 'SLAPOS_ERR_MASTER_REFUSED';
}

function verdict(status: number): string {
  if (status === 404) return 'does not know this';
  if (status === 408) return 'is not ready yet';
  if (status === 401 || status === 403) return 'refused the certificate';
  return status >= 500 ? 'failed' : 'refused the request';
}

function hintFor(status: number): { hint?: string } {
  if (status === 401 || status === 403) {
    return { hint: 'Check key_file and cert_file, and that the certificate is still valid.' };
  }
  return status === 408 ? { hint: 'Run the command again later.' } : {};
}

/** The one sentence that matters in a small text, JSON or HTML page. */
export function describeBody(body: string, contentType: string): string {
  const isHtml = /html/i.test(contentType) || /^\s*<(!doctype|html)/i.test(body);
  const text = isHtml ? (/<p>([\s\S]*?)<\/p>/i.exec(body)?.[1] ?? body) : jsonTitle(body);
  const plain = text
    .replace(/<[^<>]*>/g, ' ')
    .replace(/&#39;|&apos;/g, "'")
    .replace(/&quot;|&#34;/g, '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
  return boundedText(plain);
}

function jsonTitle(body: string): string {
  if (!body.startsWith('{')) return body;
  try {
    const { title, message } = JSON.parse(body) as { title?: unknown; message?: unknown };
    return String(title ?? message ?? body);
  } catch {
    // Not JSON after all: the text itself explains.
    return body;
  }
}
