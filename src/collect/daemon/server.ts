/** What the daemon serves: metrics for a scraper, JSON and a stream of samples for a dashboard. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { errorCode, errorMessage, SlaposError } from '../../errors/slapos-error.ts';
import { OPENMETRICS_TYPE, PROMETHEUS_TYPE } from './metrics.ts';
import type { SeriesView } from './series.ts';

/** What the server asks of the sampler. */
export interface ServedState {
  metrics(isOpenMetrics: boolean): Buffer;
  /** The last sample: JSON of a `NodeSample`, in one line. */
  sampleJson(): Buffer;
  /** Undefined when there is no such partition. */
  series(partition: string, sinceMs: number): SeriesView | undefined;
}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Dashboards that may follow at a time, at each address. */
const MAX_FOLLOWERS = 32;
/** A follower that reads no more is dropped when this much waits for it. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
const EVENT_START = Buffer.from('event: sample\ndata: ');
const EVENT_END = Buffer.from('\n\n');
const LIMITS = { requestTimeout: 10_000, headersTimeout: 10_000 };

export interface Endurance {
  /** For an answer that nobody takes. */
  readonly answerMs: number;
  /** For a follower that takes nothing of what waits for it. */
  readonly followerMs: number;
  readonly monotonicMs: () => number;
}

const ENDURANCE: Endurance = {
  answerMs: 30_000,
  followerMs: 60_000,
  monotonicMs: () => performance.now(),
};

/** When each follower last took all, or a whole sample. */
type Followers = Map<ServerResponse, number>;

export class CollectServer {
  /** One for each address, with its followers: those of one leave no room for those of another. */
  readonly #servers = new Map<Server, Followers>();
  readonly #state: ServedState;
  readonly #endurance: Endurance;
  readonly #routes: Readonly<Record<string, Answer>> = {
    '/metrics': (request, reply) => this.#sendMetrics(request, reply),
    '/partitions': (_, reply) => sendJson(reply, this.#state.sampleJson()),
    '/series': (_, reply, query) => this.#sendSeries(query, reply),
    '/events': (request, reply, _, followers) => this.#follow(request, reply, followers),
  };

  constructor(state: ServedState, endurance = ENDURANCE) {
    this.#state = state;
    this.#endurance = endurance;
  }

  /**
   * Resolves to the address, such as `http://127.0.0.1:9101`.
   * @throws SlaposError SLAPOS_ERR_LISTEN when the address cannot be had.
   */
  async listen({ host, port }: ListenAddress): Promise<string> {
    const server = await this.#serve({ host, port }).catch((cause) => {
      const reason = errorCode(cause) === 'EADDRINUSE' ? 'already in use' : errorMessage(cause);
      const hint = 'Choose another address for --listen.';
      throw new SlaposError(
        'SLAPOS_ERR_LISTEN',
        `Cannot listen on ${host} port ${port}: ${reason}.`,
        { cause, hint },
      );
    });
    const address = server.address();
    const bound = typeof address === 'object' && address !== null ? address.port : port;
    return `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
  }

  /** Serves on a socket that listens already, such as that of `openDaemonSocket`. */
  async listenOn(fd: number): Promise<void> {
    await this.#serve({ fd });
  }

  /** Sends the newest sample to whoever follows. */
  publish(): void {
    const all = [...this.#servers.values()].filter(({ size }) => size > 0);
    if (all.length === 0) return;
    const event = Buffer.concat([EVENT_START, this.#state.sampleJson(), EVENT_END]);
    for (const followers of all) this.#sendEvent(event, followers);
  }

  #sendEvent(event: Buffer, followers: Followers): void {
    const { followerMs, monotonicMs } = this.#endurance;
    const nowMs = monotonicMs();
    for (const [follower, tookAtMs] of followers) {
      const { writableLength } = follower;
      const isStalled = writableLength > 0 && nowMs - tookAtMs > followerMs;
      if (isStalled || writableLength > MAX_WAITING_BYTES) {
        follower.destroy();
        continue;
      }
      if (writableLength === 0) followers.set(follower, nowMs);
      follower.write(event, () => {
        if (followers.has(follower)) followers.set(follower, monotonicMs());
      });
    }
  }

  async close(): Promise<void> {
    await Promise.all(
      [...this.#servers].map(([server, followers]) => {
        for (const follower of followers.keys()) follower.end();
        server.closeAllConnections();
        return new Promise<void>((done) => server.close(() => done()));
      }),
    );
  }

  async #serve(place: ListenAddress | { readonly fd: number }): Promise<Server> {
    const followers: Followers = new Map();
    const server = createServer(LIMITS, (request, reply) =>
      this.#answer(request, reply, followers),
    );
    server.maxConnections = 256;
    // Of silence, or of an answer that does not go on.
    server.timeout = this.#endurance.answerMs;
    await new Promise<void>((done, fail) => {
      server.once('error', fail);
      server.listen(place, done);
    });
    this.#servers.set(server, followers);
    return server;
  }

  #answer(request: IncomingMessage, reply: ServerResponse, followers: Followers): void {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      refuse(reply, 405, 'GET or HEAD only', { allow: 'GET, HEAD' });
      return;
    }
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    const answer = this.#routes[path];
    if (answer !== undefined) answer(request, reply, new URLSearchParams(query), followers);
    else refuse(reply, 404, 'try /metrics, /partitions, /series?partition=NAME or /events');
  }

  #sendMetrics(request: IncomingMessage, reply: ServerResponse): void {
    const isOpenMetrics = (request.headers.accept ?? '').includes('application/openmetrics-text');
    const type = isOpenMetrics ? OPENMETRICS_TYPE : PROMETHEUS_TYPE;
    reply.writeHead(200, { 'content-type': type }).end(this.#state.metrics(isOpenMetrics));
  }

  #sendSeries(query: URLSearchParams, reply: ServerResponse): void {
    const name = query.get('partition') ?? '';
    const sinceMs = Number(query.get('since') ?? 0);
    const view = this.#state.series(name, sinceMs);
    if (!Number.isFinite(sinceMs)) refuse(reply, 400, 'since: milliseconds since 1970');
    else if (view === undefined) refuse(reply, 404, `no partition ${JSON.stringify(name)}`);
    else sendJson(reply, JSON.stringify({ partition: name, ...view }));
  }

  #follow(request: IncomingMessage, reply: ServerResponse, followers: Followers): void {
    if (followers.size >= MAX_FOLLOWERS) {
      refuse(reply, 503, 'too many followers');
      return;
    }
    reply.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    if (request.method === 'HEAD') {
      reply.end();
      return;
    }
    // It hears nothing between two samples.
    request.socket.setTimeout(0);
    reply.write('retry: 2000\n\n');
    followers.set(reply, this.#endurance.monotonicMs());
    reply.on('close', () => followers.delete(reply));
  }
}

type Answer = (
  request: IncomingMessage,
  reply: ServerResponse,
  query: URLSearchParams,
  followers: Followers,
) => void;

function sendJson(reply: ServerResponse, json: string | Buffer): void {
  reply.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  reply.end(json);
}

function refuse(
  reply: ServerResponse,
  status: number,
  reason: string,
  headers: Record<string, string> = {},
): void {
  reply.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers });
  reply.end(`${reason}\n`);
}
