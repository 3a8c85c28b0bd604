/** What a route needs of an HTTP request (spec/proxy.md 2). */
import type { FastifyRequest } from 'fastify';
import { Form } from './form.ts';
import { HttpProblem } from './http-problem.ts';
import type { RouteRequest } from './route.ts';
import type { PartitionKey } from './store.ts';

export const FORM_TYPE = 'application/x-www-form-urlencoded';

/** @throws HttpProblem 415 for a body that is no form. */
export function parseHttpRequest(request: FastifyRequest): RouteRequest {
  const query = request.url.split('?', 2)[1] ?? '';
  const type = request.headers['content-type'] ?? '';
  if (typeof request.body === 'string' && !type.toLowerCase().startsWith(FORM_TYPE)) {
    throw new HttpProblem(415, `The body must be a form, with Content-Type: ${FORM_TYPE}.`);
  }
  const fields = request.method === 'POST' ? String(request.body ?? '') : query;
  return {
    form: new Form(new URLSearchParams(fields)),
    ...addressesOf(request),
    sender: parseSender(request.headers),
    ifNoneMatch: request.headers['if-none-match'],
  };
}

/** One reverse proxy before us may tell what the client sees. */
export function addressesOf(request: FastifyRequest): Pick<RouteRequest, 'baseUrl' | 'ownUrls'> {
  const protocol = lastOf(request.headers['x-forwarded-proto']) === 'https' ? 'https' : 'http';
  const prefix = forwardedPrefix(request);
  const host = request.headers.host ?? 'localhost';
  const baseUrl = `${protocol}://${host}${prefix}/`;
  return { baseUrl, ownUrls: [baseUrl, `http://${host}/`] };
}

/** The path under which a reverse proxy shows us, without a slash at the end. */
export function forwardedPrefix(request: FastifyRequest): string {
  const prefix = (lastOf(request.headers['x-forwarded-prefix']) ?? '').replace(/(?<!\/)\/+$/, '');
  return PREFIX.test(prefix) ? prefix : '';
}

/** Never two slashes: `//name/` leads to another server (RFC 3986, 4.2). */
const PREFIX = /^(\/[A-Za-z0-9._~-]+)+$/;

/** The last entry of a header of several, which the nearest reverse proxy wrote. */
export function lastOf(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header.join(',') : header;
  return text?.split(',').at(-1)?.trim();
}

/**
 * The partition that asks: `Authorization: X-SlapPartition computer_id=A, computer_partition_id=B`
 * of slapos.core 1.26, or `X-computer-id` and `X-computer-partition-id` (spec/slap-protocol.md
 * 6.4). It is a claim, as everything that clients of a proxy say.
 */
export function parseSender(headers: FastifyRequest['headers']): PartitionKey | null {
  const [, list = ''] = /^x-slappartition\s+(.*)$/i.exec(headers.authorization ?? '') ?? [];
  const values = new Map(
    list.split(',').map((item): [string, string] => {
      const at = item.indexOf('=');
      return [item.slice(0, at).trim(), item.slice(at + 1).trim()];
    }),
  );
  const computerReference = values.get('computer_id') || lastOf(headers['x-computer-id']);
  const reference =
    values.get('computer_partition_id') || lastOf(headers['x-computer-partition-id']);
  if (!computerReference || !reference) return null;
  return { computerReference, reference };
}
