/** A shacache and shadir server in memory (spec/networkcache.md 2), with faults on demand. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface CacheFaults {
  /** Closes the connection after so many bytes of a blob, once for each number. */
  cutAfter: number[];
  /** Whether a cut blob can be asked for from where it stopped. */
  hasRanges: boolean;
  /** Answered to each question about a key, and about a blob. */
  dirStatus: number | undefined;
  cacheStatus: number | undefined;
  /** How much too late the parts begin that it gives. */
  rangeShiftBytes: number;
  /** No length of blobs is told. */
  hasNoLength: boolean;
  /** Of every blob; a part is given only to who names this one. */
  etag: string | undefined;
  /** Called when a connection is closed in the middle. */
  onCut: (() => void) | undefined;
  /** Statuses of the next uploads of blobs and entries, in their order. */
  uploadStatuses: number[];
  /** Told instead of the digest of what was received. */
  wrongDigest: string | undefined;
}

/** @param tls makes it a server of https */
export async function startCacheServer(tls?: ServerOptions) {
  const blobs = new Map<string, Buffer>();
  const entries = new Map<string, Array<readonly [string, string]>>();
  const seen: string[] = [];
  const authorizations: Array<string | undefined> = [];
  const faults: CacheFaults = {
    cutAfter: [],
    hasRanges: false,
    dirStatus: undefined,
    cacheStatus: undefined,
    rangeShiftBytes: 0,
    hasNoLength: false,
    etag: undefined,
    onCut: undefined,
    uploadStatuses: [],
    wrongDigest: undefined,
  };
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await readAll(request);
    const target = request.url ?? '';
    const { 'if-range': condition, range } = request.headers;
    const asked = [range ?? '', condition === undefined ? '' : `if ${condition}`];
    seen.push([request.method, target, ...asked].join(' ').trimEnd());
    authorizations.push(request.headers.authorization);
    const [, service = '', name = ''] = target.split('/');
    const status = service === 'dir' ? faults.dirStatus : faults.cacheStatus;
    const failed = request.method === 'GET' ? status : faults.uploadStatuses.shift();
    // Whoever follows it finds what was asked for.
    const location = `/${service}/${name}?again`;
    if (failed !== undefined && !target.endsWith('?again')) {
      return void response.writeHead(failed, { location }).end();
    }
    if (service === 'dir') return void answerDir(request, response, name, body);
    return void answerCache(request, response, name, body);
  };
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
  const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const scheme = tls === undefined ? 'http' : 'https';
  return {
    cacheUrl: `${scheme}://127.0.0.1:${port}/cache`,
    dirUrl: `${scheme}://127.0.0.1:${port}/dir/`,
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
  const { 'if-range': condition, range = '' } = request.headers;
  const isSame = condition === undefined || condition === faults.etag;
  const asked = faults.hasRanges && isSame ? /^bytes=(\d+)-$/.exec(range)?.[1] : undefined;
  const from = asked === undefined ? 0 : Number(asked) + faults.rangeShiftBytes;
  if (from >= blob.length && from > 0) return void response.writeHead(416).end();
  const rest = blob.subarray(from);
  const cut = faults.cutAfter.shift();
  response.writeHead(from > 0 ? 206 : 200, {
    ...(faults.hasNoLength ? {} : { 'content-length': String(rest.length) }),
    ...(from > 0 ? { 'content-range': `bytes ${from}-${blob.length - 1}/${blob.length}` } : {}),
    ...(faults.hasRanges ? { 'accept-ranges': 'bytes' } : {}),
    ...(faults.etag === undefined ? {} : { etag: faults.etag }),
  });
  if (cut === undefined) return void response.end(rest);
  response.write(rest.subarray(0, cut), () => {
    setTimeout(() => {
      request.socket.destroy();
      faults.onCut?.();
    }, 20);
  });
}
