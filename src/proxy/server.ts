/**
 * The HTTP server of the proxy: routes over a store. No authentication: it listens on loopback
 * unless the configuration says otherwise.
 */
import { randomInt } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { errorMessage, isSlaposError } from '../errors/slapos-error.ts';
import type { Logger } from '../log/logger.ts';
import { type Clock, systemClock } from './clock.ts';
import { renderPartition } from './documents.ts';
import { Form } from './form.ts';
import { hateoasRoute, renderDocument } from './hateoas.ts';
import { PartitionTexts } from './partition-texts.ts';
import { type ProxyEnvironment, type Reply, type Route, textReply } from './route.ts';
import { READ_ROUTES } from './routes-read.ts';
import { WRITE_ROUTES } from './routes-write.ts';
import type { ProxyStore } from './store.ts';

/** A configuration of a thousand partitions takes about 2 MB. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;
const FORM_TYPE = 'application/x-www-form-urlencoded';
const RUN_ID_LENGTH = 32;
const RUN_ID_ALPHABET = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

export interface ProxyServerOptions {
  readonly store: ProxyStore;
  readonly log: Logger;
  readonly defaultComputerId: string;
  readonly products?: ReadonlyMap<string, string>;
  readonly clock?: Clock;
}

export interface ProxyServer {
  /** Starts to listen and resolves to the address, such as `http://127.0.0.1:5000`. */
  listen(host: string, port: number): Promise<string>;
  /** Answers what is under way, closes idle connections, then the store. */
  close(): Promise<void>;
}

export function createProxyServer(options: ProxyServerOptions): ProxyServer {
  const environment: ProxyEnvironment = {
    store: options.store,
    log: options.log,
    clock: options.clock ?? systemClock,
    defaultComputerId: options.defaultComputerId,
    products: options.products ?? new Map(),
    runId: createRunId(),
    documents: new Map(),
    partitionTexts: new PartitionTexts(renderPartition),
  };
  const app = fastify({
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: 'idle',
    routerOptions: { ignoreTrailingSlash: true },
  });
  prepare(app, options.log);
  addRoutes(app, environment);
  return {
    listen: (host, port) => app.listen({ host, port }),
    async close() {
      await app.close();
      await options.store.close();
    },
  };
}

function prepare(app: FastifyInstance, log: Logger): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(FORM_TYPE, { parseAs: 'string' }, (_request, body, done) => {
    done(null, body);
  });
  app.setErrorHandler((error, request, reply) => send(reply, refuse(error, request, log)));
  app.setNotFoundHandler((request, reply) => send(reply, refuseUnknown(request)));
  app.addHook('onResponse', async (request, reply) => {
    const elapsed = reply.elapsedTime.toFixed(1);
    log.debug(`${request.ip} ${request.method} ${request.url} ${reply.statusCode} ${elapsed} ms`);
  });
}

function addRoutes(app: FastifyInstance, environment: ProxyEnvironment): void {
  const add = (method: 'GET' | 'POST', url: string, route: Route): void => {
    app.route({
      method,
      url,
      handler: async (request, reply) => {
        return send(reply, await route(parseRequest(request), environment));
      },
    });
  };
  for (const [url, route] of Object.entries(READ_ROUTES)) add('GET', url, route);
  for (const [url, route] of Object.entries(WRITE_ROUTES)) add('POST', url, route);
  add('GET', '/', async () => textReply('slapos-node proxy: a SlapOS Master for this machine.\n'));
  add('GET', '/hateoas', hateoasRoute);
  app.get<{ Params: { kind: string; title: string } }>(
    '/hateoas/:kind/:title',
    async ({ params }, reply) => {
      const { store } = environment;
      return send(
        reply,
        await store.read((tables) => renderDocument(params.kind, params.title, tables)),
      );
    },
  );
}

function parseRequest(request: FastifyRequest) {
  const query = request.url.split('?', 2)[1] ?? '';
  const fields = typeof request.body === 'string' ? request.body : query;
  return {
    form: new Form(new URLSearchParams(fields)),
    baseUrl: baseUrlOf(request),
    ifNoneMatch: request.headers['if-none-match'],
  };
}

/** One reverse proxy before us may tell what the client sees (spec/proxy.md 2). */
function baseUrlOf(request: FastifyRequest): string {
  const protocol = lastOf(request.headers['x-forwarded-proto']) === 'https' ? 'https' : 'http';
  const prefix = (lastOf(request.headers['x-forwarded-prefix']) ?? '').replace(/\/+$/, '');
  return `${protocol}://${request.headers.host ?? 'localhost'}${prefix}/`;
}

function lastOf(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header.join(',') : header;
  return text?.split(',').at(-1)?.trim();
}

function send(reply: FastifyReply, answer: Reply): FastifyReply {
  reply.code(answer.status ?? 200).header('content-type', answer.contentType);
  if (answer.headers !== undefined) reply.headers(answer.headers);
  return reply.send(answer.body);
}

function refuse(error: unknown, request: FastifyRequest, log: Logger): Reply {
  const status = (error as { statusCode?: unknown }).statusCode;
  const message = errorMessage(error);
  if (typeof status === 'number' && status >= 400 && status < 500) {
    log.info(`${request.method} ${request.url.split('?', 1)[0]} refused (${status}): ${message}`);
    return textReply(`${message}\n`, status);
  }
  const isBusy = isSlaposError(error) && error.context['sqlite'] === 'SQLITE_BUSY';
  log.error(`${request.method} ${request.url.split('?', 1)[0]} failed: ${message}`, {
    event: 'proxy.request_failed',
    stack: error instanceof Error ? error.stack : undefined,
  });
  if (isBusy) return textReply('The database is locked by another process.\n', 503);
  return textReply('Internal error: the log of the proxy tells more.\n', 500);
}

function refuseUnknown(request: FastifyRequest): Reply {
  const path = (request.url.split('?', 1)[0] ?? '').replace(/\/+$/, '') || '/';
  const allow = [
    Object.hasOwn(READ_ROUTES, path) ? 'GET' : '',
    Object.hasOwn(WRITE_ROUTES, path) ? 'POST' : '',
  ].filter((method) => method !== '');
  if (allow.length === 0) return textReply(`${STATUS_CODES[404]}: ${path}\n`, 404);
  const headers = { allow: allow.join(', ') };
  return { ...textReply(`${path} is only for ${allow.join(', ')}.\n`, 405), headers };
}

function createRunId(): string {
  const letters = Array.from({ length: RUN_ID_LENGTH }, () => {
    return RUN_ID_ALPHABET[randomInt(RUN_ID_ALPHABET.length)];
  });
  return letters.join('');
}
