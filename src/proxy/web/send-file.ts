/** Files as answers of the proxy: always as attachments, piece by piece. */
import { close, createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { OpenedFile } from '../../host/folder/cache-folder.ts';
import { planFile } from './file-plan.ts';

const closeDescriptor = promisify(close);

/** A client that takes nothing for so long is given up. */
export const CLIENT_IDLE_MS = 60_000;

export interface FileLabels {
  readonly name: string;
  readonly etag: string;
  readonly contentType: string;
  readonly cacheControl?: string;
}

/**
 * Answers with an opened file, which is closed in any case.
 * @param signal ends the transfer
 */
export async function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  file: OpenedFile,
  labels: FileLabels,
  signal: AbortSignal,
): Promise<void> {
  const plan = planFile(request.headers, { ...file, etag: labels.etag });
  const { raw } = reply.hijack();
  raw.socket?.setTimeout(CLIENT_IDLE_MS);
  raw.writeHead(plan.status, {
    ...plan.headers,
    ...(plan.status === 304 ? {} : renderLabels(labels)),
    ...(labels.cacheControl === undefined ? {} : { 'cache-control': labels.cacheControl }),
  });
  const isEmpty = plan.startBytes === plan.endBytes || request.method === 'HEAD';
  if (isEmpty) {
    raw.end();
    return closeDescriptor(file.fd);
  }
  const bounds = { start: plan.startBytes, end: plan.endBytes - 1 };
  const source = createReadStream('', { fd: file.fd, ...bounds });
  try {
    await pipeline(source, raw, { end: false, signal });
    // A file that has become shorter: the client must not wait for the rest.
    if (source.bytesRead < plan.endBytes - plan.startBytes) raw.destroy();
    else raw.end();
  } catch {
    // The client went away, or the proxy ends.
    raw.destroy();
  }
}

function renderLabels({ contentType, name }: FileLabels): Record<string, string> {
  return {
    'content-type': contentType,
    'content-disposition': renderAttachment(name),
    'x-content-type-options': 'nosniff',
  };
}

/** A header of RFC 6266 for any name. */
export function renderAttachment(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  if (plain === name) return `attachment; filename="${name}"`;
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (letter) => {
    return `%${letter.charCodeAt(0).toString(16).toUpperCase()}`;
  });
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
