/** A shacache and shadir server in memory (spec/networkcache.md 2), with faults on demand. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CacheFaults {
  /** Closes the connection after so many bytes of a blob, once for each number. */
  cutAfter: number[];
  /** Whether a cut blob can be asked for from where it stopped. */
  hasRanges: boolean;
  /** Statuses of the next uploads of blobs and entries, in their order. */
  uploadStatuses: number[];
  /** Told instead of the digest of what was received. */
  wrongDigest: string | undefined;
}

export async function startCacheServer() {
  const blobs = new Map<string, Buffer>();
  const entries = new Map<string, Array<readonly [string, string]>>();
  const seen: string[] = [];
  const authorizations: Array<string | undefined> = [];
  const faults: CacheFaults = {
    cutAfter: [],
    hasRanges: false,
    uploadStatuses: [],
    wrongDigest: undefined,
  };
  const server = createServer(async (request, response) => {
    const body = await readAll(request);
    const target = request.url ?? '';
    seen.push(
      `${request.method} ${target}${request.headers.range ? ` ${request.headers.range}` : ''}`,
    );
    authorizations.push(request.headers.authorization);
    const [, service = '', name = ''] = target.split('/');
    const failed = request.method === 'GET' ? undefined : faults.uploadStatuses.shift();
    if (failed !== undefined) return void response.writeHead(failed).end();
    if (service === 'dir') return void answerDir(request, response, name, body);
    return void answerCache(request, response, name, body);
  });
  const answerDir = (
    request: IncomingMessage,
    response: ServerResponse,
    key: string,
    body: Buffer,
  ) => {
    if (request.method === 'PUT') {
      const entry = JSON.parse(body.toString()) as readonly [string, string];
      entries.set(key, [...(entries.get(key) ?? []), entry]);
      return response.writeHead(201).end();
    }
    const found = entries.get(key);
    return found === undefined
      ? response.writeHead(404).end('unknown key')
      : response.writeHead(200).end(JSON.stringify(found));
  };
  const answerCache = (
    request: IncomingMessage,
    response: ServerResponse,
    name: string,
    body: Buffer,
  ) => {
    if (request.method === 'POST') {
      const sha512 = createHash('sha512').update(body).digest('hex');
      blobs.set(sha512, body);
      return response.writeHead(201).end(faults.wrongDigest ?? sha512);
    }
    const blob = blobs.get(name);
    if (blob === undefined) return response.writeHead(404).end();
    return sendBlob(request, response, blob, faults);
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    cacheUrl: `http://127.0.0.1:${port}/cache`,
    dirUrl: `http://127.0.0.1:${port}/dir/`,
    blobs,
    entries,
    /** `GET /dir/<key>`, with the range if there is one. */
    seen,
    authorizations,
    faults,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export type CacheServer = Awaited<ReturnType<typeof startCacheServer>>;

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function sendBlob(
  request: IncomingMessage,
  response: ServerResponse,
  blob: Buffer,
  faults: CacheFaults,
): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const rest = blob.subarray(from);
  const cut = faults.cutAfter.shift();
  response.writeHead(from > 0 ? 206 : 200, {
    'content-length': String(rest.length),
    ...(faults.hasRanges ? { 'accept-ranges': 'bytes' } : {}),
  });
  if (cut === undefined) response.end(rest);
  else response.write(rest.subarray(0, cut), () => setTimeout(() => request.socket.destroy(), 20));
}
