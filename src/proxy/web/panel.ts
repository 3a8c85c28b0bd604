/** `/panel/` and the files below `/panel/public/` (spec/proxy.md 11). */
import { constants } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename, extname, relative } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errorCode, isSlaposError } from '../../errors/slapos-error.ts';
import { openEntry } from '../../host/folder/beneath-refusal.ts';
import { describeFile, type OpenedFile } from '../../host/folder/cache-folder.ts';
import { forbidden, notFound } from '../http-problem.ts';
import { forwardedPrefix } from '../http-request.ts';
import type { PanelPlace } from './panel-port.ts';
import { sendFile } from './send-file.ts';
import { pathSegments } from './url-path.ts';

const NOT_CONFIGURED = 'The public directory path is not configured.';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.gif': 'image/gif',
  '.html': 'text/html; charset=utf-8',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.md': 'text/markdown; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.xml': 'text/xml; charset=utf-8',
};

export function addPanelRoutes(app: FastifyInstance, place: PanelPlace | undefined): void {
  app.get('/', async (request, reply) => reply.redirect(panelOf(request), 302));
  app.get('/panel', async (request, reply) => {
    const [path = '', query] = request.url.split('?', 2);
    if (path.endsWith('/')) return answer(request, reply);
    return reply.redirect(`${panelOf(request)}${query === undefined ? '' : `?${query}`}`, 308);
  });
  app.route({ method: ['GET', 'HEAD', 'POST'], url: '/panel/*', handler: answer });
  app.addHook('preClose', async () => place?.port.close());

  async function answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    if (place === undefined) throw notFound('This proxy has no panel.');
    return place.port.answer(request, reply, place.environmentOf(request));
  }
}

/** @param signal ends transfers */
export function addPublicRoutes(
  app: FastifyInstance,
  folder: string | undefined,
  signal: AbortSignal,
): void {
  app.get('/panel/public/*', async (request, reply) => {
    if (folder === undefined) throw forbidden(NOT_CONFIGURED);
    const segments = pathSegments(request.url, 2);
    const file = segments === undefined ? undefined : await openPublic(folder, segments);
    if (file === undefined) throw notFound('There is no such file.');
    const name = basename(segments?.at(-1) ?? '');
    const labels = {
      name,
      etag: `"${Math.trunc(file.modifiedMs * 1000).toString(36)}-${file.sizeBytes.toString(36)}"`,
      contentType: TYPES[extname(name).toLowerCase()] ?? 'application/octet-stream',
      cacheControl: 'no-cache',
    };
    await sendFile(request, reply, file, labels, signal);
  });
}

function panelOf(request: FastifyRequest): string {
  return `${forwardedPrefix(request)}/panel/`;
}

/** Links are followed, but not out of the folder: what they lead to is opened without any. */
async function openPublic(
  folder: string,
  segments: readonly string[],
): Promise<OpenedFile | undefined> {
  try {
    const root = await realpath(folder);
    const path = relative(root, await realpath(`${root}/${segments.join('/')}`));
    if (path === '' || path === '..' || path.startsWith('../')) return undefined;
    const fd = await openEntry(root, path, constants.O_RDONLY | constants.O_NONBLOCK);
    return await describeFile(fd);
  } catch (error) {
    const code = isSlaposError(error) ? errorCode(error.cause) : errorCode(error);
    if (ABSENT.has(code)) return undefined;
    throw error;
  }
}

const ABSENT = new Set(['EACCES', 'ELOOP', 'ENAMETOOLONG', 'ENOENT', 'ENOTDIR', 'ENXIO', 'EXDEV']);
