/** The cache that ours asks for what it does not have. */
import { errorMessage, isSlaposError } from '../../errors/slapos-error.ts';
import { type CacheClient, createCacheClient } from '../../networkcache/client.ts';
import { badGateway, HttpProblem } from '../http-problem.ts';
import type { EntryPair } from './entry-list.ts';
import type { ShacacheOptions } from './web-options.ts';

/** Names that nobody has cost the other cache a request each. */
const MAX_FETCHES = 16;

/** Methods reject with HttpProblem 502 for every failure of the other cache, 503 for too many. */
export class ShacacheUpstream {
  readonly hasContents: boolean;
  readonly hasEntries: boolean;
  readonly #client: CacheClient;
  #running = 0;

  constructor({ upstreamCacheUrl, upstreamDirUrl }: ShacacheOptions, signal: AbortSignal) {
    this.hasContents = upstreamCacheUrl !== undefined;
    this.hasEntries = upstreamDirUrl !== undefined;
    const servers = { cacheUrl: upstreamCacheUrl ?? '', dirUrl: upstreamDirUrl ?? '' };
    this.#client = createCacheClient({ ...servers, cacheTls: {}, dirTls: {} }, signal);
  }

  /**
   * Gives the content with a digest to `keep`, which must not use it before its end: there it is
   * compared.
   * @returns false when the other cache does not have it.
   */
  async fetchContent(
    sha512: string,
    keep: (chunks: AsyncIterable<Uint8Array>) => Promise<void>,
  ): Promise<boolean> {
    return this.#counted(async () => {
      const chunks = failingAsGateway(this.#client.stream(sha512));
      try {
        await keep(chunks);
        return true;
      } catch (error) {
        const cause = error instanceof HttpProblem ? error.cause : undefined;
        if (isSlaposError(cause) && cause.context['status'] === 404) return false;
        throw error;
      }
    });
  }

  /** The entries of a key; undefined when the other cache has none. */
  async fetchEntries(key: string): Promise<readonly EntryPair[] | undefined> {
    return this.#counted(async () => {
      try {
        const entries = await this.#client.lookUp(key);
        if (entries === undefined || entries.length === 0) return undefined;
        return entries.map(({ signature, text }) => [text, signature] as const);
      } catch (error) {
        throw gatewayProblem(error);
      }
    });
  }

  async #counted<Result>(fetch: () => Promise<Result>): Promise<Result> {
    if (this.#running >= MAX_FETCHES) throw new HttpProblem(503, 'Too many fetches are under way.');
    this.#running += 1;
    try {
      return await fetch();
    } finally {
      this.#running -= 1;
    }
  }
}

/** Tells failures of the other cache from those of our disk. */
async function* failingAsGateway(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await iterator.next().catch((error) => {
        throw gatewayProblem(error);
      });
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}

function gatewayProblem(error: unknown): HttpProblem {
  const problem = badGateway(`The other cache: ${errorMessage(error)}`);
  problem.cause = error;
  return problem;
}
