/** Answers of the panel. */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';

const pack = promisify(gzip);
/** What fits in one packet is not worth it. */
const MIN_PACKED_BYTES = 1400;

export interface PanelReply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** For everything below `/panel/`: nothing from elsewhere, in no frame, never guessed. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

export function jsonAnswer(value: unknown, status = 200): PanelReply {
  return {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: JSON.stringify(value),
  };
}

export function acceptsGzip({ headers }: FastifyRequest): boolean {
  const words = String(headers['accept-encoding'] ?? '')
    .toLowerCase()
    .split(',');
  const gzip = words.find((word) => word.split(';', 1)[0]?.trim() === 'gzip');
  return gzip !== undefined && !/;\s*q=0(?:\.0*)?\s*$/.test(gzip);
}

/** Sends an answer, packed when it is long and the client can read that. */
export async function sendPacked(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: PanelReply,
): Promise<FastifyReply> {
  const body = Buffer.from(answer.body);
  const isPacked = body.length >= MIN_PACKED_BYTES && acceptsGzip(request);
  reply.code(answer.status ?? 200).headers({ ...answer.headers, vary: 'accept-encoding' });
  if (!isPacked) return reply.send(body);
  return reply.header('content-encoding', 'gzip').send(await pack(body, { level: 1 }));
}
