/**
 * Keeps pages of other sites from using the proxy through a browser of this machine. Nobody logs in
 * here, so that whatever a browser is made to send would be obeyed.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { forbidden } from './http-problem.ts';
import { lastOf } from './http-request.ts';

/** What pages of other origins read; the HTTP proxy tells by CORS who may see an answer. */
const READ_BY_PAGES = new Set([
  '/',
  '/panel',
  '/panel/public/*',
  '/shacache/cache/*',
  '/shacache/dir/*',
  '/http_proxy/*',
]);
/** OPTIONS is how a browser asks before it reads. */
const READING = new Set(['GET', 'HEAD', 'OPTIONS']);
const OTHER_SITES = new Set(['cross-site', 'same-site']);

/** Every route of the server, also of those to come, refuses pages of other origins from now on. */
export function refuseOtherOrigins(app: FastifyInstance): void {
  app.addHook('onRequest', async (request) => {
    const isForPages = READ_BY_PAGES.has(request.routeOptions.url ?? '');
    if (isForPages && READING.has(request.method)) return;
    expectOwnOrigin(request.headers);
  });
}

/**
 * Programs send none of these headers, and pages cannot take them away: Fetch Metadata
 * (`Sec-Fetch-Site`) and the Fetch standard (`Origin`).
 * @throws HttpProblem 403 for what a page of another origin makes a browser send.
 */
export function expectOwnOrigin(headers: FastifyRequest['headers']): void {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && OTHER_SITES.has(String(site).toLowerCase())) {
    throw forbidden(`A page of another origin asks (Sec-Fetch-Site: ${site}), which is refused.`);
  }
  const { origin } = headers;
  if (origin === undefined) return;
  const hosts = [headers.host, lastOf(headers['x-forwarded-host'])];
  if (hosts.some((host) => host !== undefined && isSameHost(origin, host))) return;
  throw forbidden(`A page of another origin asks (Origin: ${origin}), which is refused.`);
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' };

/** The scheme is not compared: a reverse proxy may take TLS off. */
function isSameHost(origin: string, host: string): boolean {
  const [, scheme = '', place = ''] = /^(https?):\/\/([^/]+)$/.exec(origin.toLowerCase()) ?? [];
  if (place === '') return false;
  const end = `:${DEFAULT_PORTS[scheme]}`;
  const withoutDefault = (text: string) => (text.endsWith(end) ? text.slice(0, -end.length) : text);
  return withoutDefault(place) === withoutDefault(host.toLowerCase());
}
