/** The files of the page: a fixed list, read once, told apart by their content. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorCode } from '../errors/slapos-error.ts';
import { matchesTag } from '../proxy/entity-tag.ts';
import { absent } from './problem.ts';
import { acceptsGzip } from './reply.ts';

const pack = promisify(gzip);

/** File and type by the path below `/panel/`. */
const FILES: ReadonlyMap<string, { readonly file: string; readonly type: string }> = new Map([
  ['', { file: 'index.html', type: 'text/html; charset=utf-8' }],
  ['panel.js', { file: 'panel.js', type: 'text/javascript; charset=utf-8' }],
  ['charts.js', { file: 'charts.js', type: 'text/javascript; charset=utf-8' }],
  ['charts.css', { file: 'charts.css', type: 'text/css; charset=utf-8' }],
  ['panel.css', { file: 'panel.css', type: 'text/css; charset=utf-8' }],
]);

interface Asset {
  readonly plain: Buffer;
  readonly packed: Buffer;
  /** Of its content, without quotes. */
  readonly digest: string;
}

export class PanelAssets {
  readonly #folder: string;
  readonly #known = new Map<string, Promise<Asset>>();

  /** @param folder where the build of the page puts its files */
  constructor(folder: string) {
    this.#folder = folder;
  }

  has(path: string): boolean {
    return FILES.has(path);
  }

  /** @throws PanelError 404 for a file that is not there, such as in a tree that was never built. */
  async send(path: string, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { file, type } = FILES.get(path) ?? { file: '', type: '' };
    const asset = await this.#load(file);
    const isPacked = acceptsGzip(request);
    const tag = `"${asset.digest}${isPacked ? '-gzip' : ''}"`;
    reply.headers({ etag: tag, 'cache-control': 'no-cache', vary: 'accept-encoding' });
    const known = request.headers['if-none-match'];
    if (known !== undefined && matchesTag(known, tag)) return reply.code(304).send();
    reply.header('content-type', type);
    if (!isPacked) return reply.send(asset.plain);
    return reply.header('content-encoding', 'gzip').send(asset.packed);
  }

  #load(file: string): Promise<Asset> {
    const known = this.#known.get(file);
    if (known !== undefined) return known;
    const loading = readAsset(join(this.#folder, file));
    this.#known.set(file, loading);
    loading.catch(() => this.#known.delete(file));
    return loading;
  }
}

async function readAsset(path: string): Promise<Asset> {
  try {
    const plain = await readFile(path);
    const digest = createHash('sha256').update(plain).digest('base64url').slice(0, 22);
    return { plain, packed: await pack(plain, { level: 9 }), digest };
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    throw absent('This part of the panel is not there: slapos-node was not built wholly.');
  }
}
