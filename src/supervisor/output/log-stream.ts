/** `/logtail/…` and `/mainlogtail`: a log that goes on and on (spec/supervisor.md 4.6). */
import type { ServerResponse } from 'node:http';
import { readProgramLog } from '../../host/log/program-log.ts';

const POLL_MS = 100;
const FIRST_BYTES = 1024;
const MAX_CHUNK_BYTES = 64 * 1024;
const TRUNCATED = '==> File truncated <==\n';

interface Position {
  ino: number;
  offset: number;
}

/** What was appended since the position, which moves on; undefined when nothing was. */
async function readOn(path: string, position: Position): Promise<Buffer | undefined> {
  const before = position.offset;
  const part = await readProgramLog(path, () => ({ offset: before, length: MAX_CHUNK_BYTES }));
  if (part === undefined) return undefined;
  if (part.ino !== position.ino) {
    position.ino = part.ino;
    position.offset = 0;
    return readOn(path, position);
  }
  if (part.sizeBytes < before) {
    position.offset = 0;
    return Buffer.from(TRUNCATED);
  }
  position.offset += part.data.length;
  return part.data.length === 0 ? undefined : part.data;
}

/**
 * Sends the end of a log and what is appended to it, until the client goes away.
 * @returns false when there is no such file; nothing was sent then.
 */
export async function streamLog(
  path: string,
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
): Promise<boolean> {
  const first = await readProgramLog(path, (size) => ({
    offset: Math.max(0, size - FIRST_BYTES),
    length: FIRST_BYTES,
  }));
  if (first === undefined) return false;
  response.writeHead(200, {
    'content-type': 'text/plain;charset=utf-8',
    'last-modified': new Date().toUTCString(),
    ...headers,
  });
  response.write(first.data);
  response.flushHeaders();
  const position: Position = { ino: first.ino, offset: first.sizeBytes };
  poll(path, position, response);
  return true;
}

function poll(path: string, position: Position, response: ServerResponse): void {
  const next = async () => {
    if (response.destroyed || response.writableEnded) return;
    const data = await readOn(path, position).catch(() => undefined);
    // A client that does not read is not read for either.
    if (data !== undefined && !response.write(data)) {
      response.once('drain', () => schedule());
    } else schedule();
  };
  const schedule = () => setTimeout(() => void next(), POLL_MS).unref();
  schedule();
}
