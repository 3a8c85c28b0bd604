/**
 * What the proxy serves besides its APIs: the panel's files, the cache of software and the HTTP
 * proxy. Their bodies are streams, and what is under way ends when the server does.
 */
import { setMaxListeners } from 'node:events';
import type { FastifyInstance } from 'fastify';
import type { Logger } from '../../log/logger.ts';
import { rememberServer } from '../own-address.ts';
import { addHttpProxyRoutes } from './http-proxy.ts';
import { addPanelRoutes, addPublicRoutes } from './panel.ts';
import type { PanelPlace } from './panel-port.ts';
import { addShacacheRoutes } from './shacache.ts';
import type { WebOptions } from './web-options.ts';

export interface WebEnvironment {
  readonly options: WebOptions;
  readonly log: Logger;
  /** Constant while the process lives, and nobody else's. */
  readonly runId: string;
  readonly panel?: PanelPlace | undefined;
}

/** Every route in a scope of its own, where a body is not read before the route is asked. */
export function addWebRoutes(app: FastifyInstance, environment: WebEnvironment): void {
  const { options, log, runId, panel } = environment;
  rememberServer(runId, app);
  const ending = new AbortController();
  setMaxListeners(0, ending.signal);
  const { allow, isTlsVerified } = options.httpProxy;
  if (allow.length > 0 && !isTlsVerified) {
    log.warning('The HTTP proxy verifies no certificates: http_proxy_tls_verify is off.');
  }
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, body, done) => done(null, body));
    // Answers that take longer would hold up the end for as long as a client likes.
    scope.addHook('preClose', async () => ending.abort());
    addPanelRoutes(scope, panel);
    addPublicRoutes(scope, options.publicFolder, ending.signal);
    addShacacheRoutes(scope, { options: options.shacache, log, signal: ending.signal });
    addHttpProxyRoutes(scope, { options: options.httpProxy, runId, signal: ending.signal });
  });
}

const STORED = /^\/shacache\/(cache|dir)\/./;

/** The methods of a path that is one of these; empty for every other path. */
export function webMethodsOf(path: string): string[] {
  if (path === '/' || path === '/panel' || path.startsWith('/panel/public/'))
    return ['GET', 'HEAD'];
  if (path.startsWith('/panel/')) return ['GET', 'HEAD', 'POST'];
  if (path.startsWith('/http_proxy/')) return ['GET', 'HEAD', 'OPTIONS'];
  if (path === '/shacache/cache') return ['POST'];
  if (STORED.test(path)) return ['GET', 'HEAD', 'PUT'];
  if (path === '/shacache/update') return ['POST'];
  return [];
}
