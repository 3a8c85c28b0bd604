/**
 * The cache of software that the proxy keeps: shacache holds contents by their SHA-512, shadir the
 * signed entries of a key (spec/networkcache.md 2, 11). Signatures are the clients' business.
 */
import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isCacheName } from '../../host/folder/cache-folder.ts';
import type { Logger } from '../../log/logger.ts';
import { SHA512 } from '../../networkcache/entry.ts';
import { badRequest, HttpProblem, notFound } from '../http-problem.ts';
import { readBounded } from './bounded-body.ts';
import { CLIENT_IDLE_MS, sendFile } from './send-file.ts';
import { openShacache, type Shacache } from './shacache-store.ts';
import { decodeSegment } from './url-path.ts';
import type { ShacacheOptions } from './web-options.ts';

/** Entries are a few hundred bytes, with a signature of 350. */
const MAX_ENTRY_BYTES = 1024 * 1024;
const CONTENT = '/shacache/cache';

export interface ShacacheEnvironment {
  readonly options: ShacacheOptions;
  readonly log: Logger;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

export function addShacacheRoutes(app: FastifyInstance, environment: ShacacheEnvironment): void {
  const cache = openShacache(environment);
  const { signal } = environment;
  const expectCache = async () => {
    if (cache === undefined) throw new HttpProblem(503, 'Shacache not configured');
    await cache.expectFolders();
    return cache;
  };
  app.get(`${CONTENT}/*`, async (request, reply) => {
    await sendContent(await expectCache(), request, reply, signal);
  });
  app.post(CONTENT, async (request, reply) => {
    const sha512 = await (await expectCache()).storeContent(bodyOf(request));
    return reply.code(201).type('text/plain').send(sha512);
  });
  app.put(`${CONTENT}/*`, async (request, reply) => {
    const name = nameOf(request);
    const sha512 = await (await expectCache()).storeContent(bodyOf(request), name ?? '');
    return reply.code(201).type('text/plain').send(sha512);
  });
  app.get('/shacache/dir/*', async (request, reply) => {
    const entries = await (await expectCache()).getEntries(expectKey(request));
    if (entries === undefined) throw notFound('No entry has this key.');
    return reply.type('application/json').send(entries);
  });
  app.put('/shacache/dir/*', async (request, reply) => {
    const ready = await expectCache();
    const key = expectKey(request);
    await ready.putEntry(key, parseEntry(await readText(request)));
    return reply.code(201).type('text/plain').send('');
  });
  app.post('/shacache/update', async () => (await expectCache()).update());
}

async function sendContent(
  cache: Shacache,
  request: FastifyRequest,
  reply: FastifyReply,
  signal: AbortSignal,
): Promise<void> {
  const sha512 = nameOf(request) ?? '';
  if (!SHA512.test(sha512)) throw notFound('This is no SHA-512: 128 hexadecimal digits.');
  const file = await cache.openContent(sha512);
  if (file === undefined) throw notFound('The cache has no such content.');
  const contentType = 'application/octet-stream';
  await sendFile(request, reply, file, { name: sha512, etag: `"${sha512}"`, contentType }, signal);
}

/** The last part of the path, which has three. */
function nameOf({ url }: FastifyRequest): string | undefined {
  const [name = '', ...rest] = (url.split('?', 1)[0] ?? '').split('/').slice(3);
  return rest.length > 0 ? undefined : decodeSegment(name);
}

function expectKey(request: FastifyRequest): string {
  const key = nameOf(request);
  if (key !== undefined && isCacheName(key)) return key;
  throw badRequest(
    'This can be no key: one name, up to 255 bytes, that does not begin with a dot.',
  );
}

/** A client that sends nothing for too long is cut off, and so is what was stored of it. */
function bodyOf(request: FastifyRequest): Readable {
  request.raw.socket.setTimeout(CLIENT_IDLE_MS);
  return request.raw;
}

async function readText(request: FastifyRequest): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readBounded(bodyOf(request), MAX_ENTRY_BYTES)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** @throws HttpProblem 400 for anything but a text and its signature. */
function parseEntry(body: string): readonly [string, string] {
  let pair: unknown;
  try {
    pair = JSON.parse(body);
  } catch {
    throw badRequest('Invalid entry format');
  }
  const [text, signature, ...rest] = Array.isArray(pair) ? (pair as unknown[]) : [];
  const isEntry = typeof text === 'string' && typeof signature === 'string' && rest.length === 0;
  if (isEntry) return [text, signature];
  throw badRequest('Invalid entry format');
}
