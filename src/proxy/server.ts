/**
 * The HTTP server of the proxy: routes over a store. No authentication but that of `peer_check`: it
 * listens on loopback unless the configuration says otherwise.
 */
import { randomInt } from 'node:crypto';
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import type { Logger } from '../log/logger.ts';
import { refuseOtherOrigins } from './browser-guard.ts';
import { type Clock, systemClock } from './clock.ts';
import {
  boundConnections,
  type ConnectionLimits,
  defaultLimits,
  serverOptions,
} from './connections.ts';
import { DocumentCache } from './document-cache.ts';
import { renderPartition } from './documents.ts';
import { type ExternalMaster, ExternalMasters } from './external-masters.ts';
import { hateoasRoute, renderDocument } from './hateoas.ts';
import { HttpProblem } from './http-problem.ts';
import { discardBody, renderFailure, renderUnknown, send } from './http-reply.ts';
import { FORM_TYPE, parseHttpRequest } from './http-request.ts';
import { PartitionTexts } from './partition-texts.ts';
import { type PeerCheck, PeerGuard } from './peer-guard.ts';
import type { ProxyEnvironment, Route } from './route.ts';
import { READ_ROUTES } from './routes-read.ts';
import { WRITE_ROUTES } from './routes-write.ts';
import { callMethod, RPC_METHODS } from './rpc.ts';
import type { ProxyStore } from './store.ts';
import type { PanelPort } from './web/panel-port.ts';
import { NO_WEB, type WebOptions } from './web/web-options.ts';
import { addWebRoutes, webMethodsOf } from './web/web-routes.ts';

/** Reading a body takes the only thread for some 0.3 s and 50 MB of memory a megabyte, at worst. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;
/** A configuration of a thousand partitions takes about 2 MB. */
const MAX_CONFIGURATION_BYTES = 32 * 1024 * 1024;
const CONFIGURATION_PATHS = new Set([
  '/loadComputerConfigurationFromXML',
  '/slapos.put.v0.compute_node_format',
]);
const JSON_TYPE = /^application\/(.+\+)?json/;
const RUN_ID_LENGTH = 32;
const RUN_ID_ALPHABET = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

export interface ProxyServerOptions {
  readonly store: ProxyStore;
  readonly log: Logger;
  readonly defaultComputerId: string;
  readonly products?: ReadonlyMap<string, string>;
  readonly clock?: Clock;
  readonly externalMasters?: readonly ExternalMaster[];
  readonly web?: WebOptions;
  readonly limits?: Partial<ConnectionLimits>;
  /** Lets the users of partitions act for these only; absent: nobody is asked who he is. */
  readonly peerCheck?: PeerCheck | undefined;
  /** Answers below `/panel/`. */
  readonly panel?: PanelPort | undefined;
}

export interface ProxyServer {
  /** Starts to listen and resolves to the address, such as `http://127.0.0.1:5000`. */
  listen(host: string, port: number): Promise<string>;
  /** Answers what is under way, closes idle connections, then the store. */
  close(): Promise<void>;
}

export function createProxyServer(options: ProxyServerOptions): ProxyServer {
  const runId = createRunId();
  const masters = new ExternalMasters(options.externalMasters ?? [], runId, options.log);
  const environment: ProxyEnvironment = {
    store: options.store,
    log: options.log,
    clock: options.clock ?? systemClock,
    defaultComputerId: options.defaultComputerId,
    products: options.products ?? new Map(),
    runId,
    masters,
    documents: new DocumentCache(),
    contacts: new Map(),
    partitionTexts: new PartitionTexts(renderPartition),
  };
  const limits = { ...defaultLimits(), ...options.limits };
  const app = fastify({
    http: serverOptions(limits),
    requestTimeout: limits.requestMs,
    connectionTimeout: limits.silenceMs,
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: 'idle',
    // Titles may be longer than the 100 characters that a path parameter has by default.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 16_384 },
    // What no route is looked up for, such as a path with `%ff`.
    frameworkErrors: (error, request, reply) => {
      void send(reply, renderFailure(error, request, options.log));
    },
  });
  boundConnections(app.server, limits, options.log);
  prepare(app, options.log);
  const environmentOf = guardedBy(options.peerCheck, app, environment);
  addRoutes(app, environmentOf);
  const { panel: port, log, web = NO_WEB } = options;
  const panel = port === undefined ? undefined : { port, environmentOf };
  app.addHook('onResponse', async ({ method }) => {
    if (method !== 'GET') port?.changed();
  });
  addWebRoutes(app, { options: web, log, runId, panel });
  return {
    listen: (host, port) => app.listen({ host, port }),
    async close() {
      // A Master that does not answer must not hold up our end.
      await masters.close();
      await app.close();
      await options.store.close();
    },
  };
}

function prepare(app: FastifyInstance, log: Logger): void {
  app.removeAllContentTypeParsers();
  for (const type of [FORM_TYPE, JSON_TYPE]) {
    app.addContentTypeParser(type, { parseAs: 'string' }, (request, body, done) => {
      const problem = encodingProblem(request.headers['content-encoding']);
      if (problem === null) done(null, body);
      else done(problem);
    });
  }
  app.setErrorHandler((error, request, reply) => {
    const answer = renderFailure(error, request, log);
    if (reply.getHeader('connection') === 'close') discardBody(request, reply);
    return send(reply, answer);
  });
  app.setNotFoundHandler((request, reply) => send(reply, renderUnknown(request, methodsOf)));
  refuseOtherOrigins(app);
  app.addHook('onResponse', async (request, reply) => {
    const elapsed = reply.elapsedTime.toFixed(1);
    log.debug(`${request.ip} ${request.method} ${request.url} ${reply.statusCode} ${elapsed} ms`);
  });
}

function encodingProblem(encoding: string | undefined): HttpProblem | null {
  if (encoding === undefined || /^(identity)?$/i.test(encoding)) return null;
  return new HttpProblem(415, `Content-Encoding ${encoding} is not taken: send the body as it is.`);
}

/** What a route may use for a request. */
type EnvironmentOf = (request: FastifyRequest) => ProxyEnvironment;

function guardedBy(
  check: PeerCheck | undefined,
  app: FastifyInstance,
  environment: ProxyEnvironment,
): EnvironmentOf {
  if (check === undefined) return () => environment;
  const guard = new PeerGuard(check, environment);
  guard.install(app);
  return (request) => guard.environmentOf(request);
}

function addRoutes(app: FastifyInstance, environmentOf: EnvironmentOf): void {
  const add = (method: 'GET' | 'POST', url: string, route: Route): void => {
    app.route({
      method,
      url,
      bodyLimit: bodyLimitOf(url),
      handler: async (request, reply) => {
        return send(reply, await route(parseHttpRequest(request), environmentOf(request)));
      },
    });
  };
  for (const [url, route] of Object.entries(READ_ROUTES)) add('GET', url, route);
  for (const [url, route] of Object.entries(WRITE_ROUTES)) add('POST', url, route);
  for (const [name, method] of Object.entries(RPC_METHODS)) {
    const url = `/${name}`;
    app.post(url, { bodyLimit: bodyLimitOf(url) }, async (request, reply) => {
      return send(reply, await callMethod(method, request, environmentOf(request)));
    });
  }
  add('GET', '/hateoas', hateoasRoute);
  app.get<{ Params: { kind: string; title: string } }>(
    '/hateoas/:kind/:title',
    async (request, reply) => {
      const { params } = request;
      const { store } = environmentOf(request);
      return send(
        reply,
        await store.read((tables) => renderDocument(params.kind, params.title, tables)),
      );
    },
  );
}

function bodyLimitOf(path: string): number {
  return CONFIGURATION_PATHS.has(path) ? MAX_CONFIGURATION_BYTES : MAX_BODY_BYTES;
}

function methodsOf(path: string): string[] {
  const method = path.slice(1);
  return [
    ...webMethodsOf(path),
    Object.hasOwn(READ_ROUTES, path) ? 'GET' : '',
    Object.hasOwn(WRITE_ROUTES, path) || Object.hasOwn(RPC_METHODS, method) ? 'POST' : '',
  ].filter((name) => name !== '');
}

function createRunId(): string {
  const letters = Array.from({ length: RUN_ID_LENGTH }, () => {
    return RUN_ID_ALPHABET[randomInt(RUN_ID_ALPHABET.length)];
  });
  return letters.join('');
}
