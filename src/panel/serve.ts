/** The panel: its page, its API (`api.ts`), and who may use them. */
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorMessage } from '../errors/slapos-error.ts';
import type { PeerLook } from '../host/network/tcp-peer.ts';
import type { Logger } from '../log/logger.ts';
import { printableName } from '../log/printable.ts';
import { refused } from '../proxy/peer-scope.ts';
import type { ProxyEnvironment } from '../proxy/route.ts';
import type { PanelPort } from '../proxy/web/panel-port.ts';
import { PanelAccess } from './access.ts';
import type { ApiContext, ApiRoute } from './api-context.ts';
import { PanelAssets } from './assets.ts';
import { CHANGE_ROUTES } from './change-routes.ts';
import { EventHub, type HubLimits } from './event-hub.ts';
import { LOGIN_STYLE, logIn, renderLogin } from './login.ts';
import type { LocalNode } from './node-view.ts';
import { type OverviewFacts, renderOverview } from './overview.ts';
import { PanelError, renderProblem } from './problem.ts';
import { READ_ROUTES } from './read-routes.ts';
import { jsonAnswer, SECURITY_HEADERS, sendPacked } from './reply.ts';
import { readRows } from './rows.ts';
import { StatusSource } from './status-source.ts';

export interface PanelOptions {
  /** Where the build of the page put its files. */
  readonly assetsFolder: string;
  /** Null when there is none: then only who needs none gets in. */
  readonly token: string | null;
  readonly node: LocalNode;
  readonly log: Logger;
  /** Uid of the proxy. */
  readonly ownUid: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Tests say themselves who is at the other end. */
  readonly lookAt?: (socket: Socket) => PeerLook;
  readonly hubLimits?: Partial<HubLimits>;
}

const API_ROUTES: ReadonlyMap<string, ApiRoute> = new Map([...READ_ROUTES, ...CHANGE_ROUTES]);
/** A page shows what there is, and gets the rest as an event. */
const FIRST_LOOK_MS = 40;
const API = 'api/';
const LOGIN = 'login';
const LOGIN_STYLE_PATH = 'login.css';

export class Panel implements PanelPort {
  readonly #options: PanelOptions;
  readonly #now: () => number;
  /** Is never set; its beginning means nothing. */
  readonly #steadyNow: () => number;
  readonly #access: PanelAccess;
  readonly #assets: PanelAssets;
  readonly #status: StatusSource;
  #hub: EventHub | undefined;

  constructor(options: PanelOptions) {
    const { token, ownUid, lookAt, now = Date.now } = options;
    this.#steadyNow = options.now ?? (() => performance.now());
    this.#options = options;
    this.#now = now;
    this.#access = new PanelAccess({ token, ownUid, lookAt, now, steadyNow: this.#steadyNow });
    this.#assets = new PanelAssets(options.assetsFolder);
    this.#status = new StatusSource(options.node, now);
  }

  /** What followers have not taken, in bytes. */
  get bufferedBytes(): number {
    return this.#hub?.bufferedBytes ?? 0;
  }

  get streamCount(): number {
    return this.#hub?.streamCount ?? 0;
  }

  async answer(
    request: FastifyRequest,
    reply: FastifyReply,
    environment: ProxyEnvironment,
  ): Promise<FastifyReply> {
    reply.headers(SECURITY_HEADERS);
    const path = pathOf(request);
    try {
      // The user of a partition is admitted to what the rules of peer_check list, and never here.
      if (environment.scope !== undefined) throw refused('the panel is not for partitions');
      return await this.#route(path, request, reply, environment);
    } catch (error) {
      return this.#fail(error, path, request, reply);
    }
  }

  changed(): void {
    this.#hub?.wake();
  }

  async close(): Promise<void> {
    this.#hub?.close();
    await this.#options.node.view?.close();
  }

  async #route(
    path: string,
    request: FastifyRequest,
    reply: FastifyReply,
    environment: ProxyEnvironment,
  ): Promise<FastifyReply> {
    const isRead = request.method !== 'POST';
    if (path === LOGIN_STYLE_PATH && isRead) return sendPacked(request, reply, LOGIN_STYLE);
    if (path === LOGIN) {
      if (isRead) throw wrongMethod('POST');
      return logIn(request, reply, { ...this.#options, access: this.#access, now: this.#now });
    }
    this.#access.expect(request);
    if (this.#assets.has(path)) {
      if (!isRead) throw wrongMethod('GET, HEAD');
      // The page asks for the overview next: the node is looked at meanwhile.
      if (path === '') void this.#status.read();
      return this.#assets.send(path, request, reply);
    }
    const name = path.startsWith(API) ? path.slice(API.length) : '';
    if (name === 'events') {
      if (!isRead) throw wrongMethod('GET');
      return this.#follow(request, reply, environment);
    }
    return this.#call(API_ROUTES.get(name), request, reply, environment);
  }

  async #call(
    route: ApiRoute | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
    environment: ProxyEnvironment,
  ): Promise<FastifyReply> {
    if (route === undefined) throw new PanelError(404, 'The panel has nothing there.');
    const isRead = request.method !== 'POST';
    if (isRead !== (route.method === 'GET')) {
      throw wrongMethod(route.method === 'GET' ? 'GET, HEAD' : 'POST');
    }
    if (!isRead) expectPage(request);
    const query = new URLSearchParams(request.url.split('?', 2)[1] ?? '');
    const answer = await route.run({
      request,
      query,
      environment,
      ...this.#contextOf(environment),
    });
    if (!isRead) {
      this.#status.forget();
      this.changed();
    }
    return sendPacked(request, reply, jsonAnswer(answer));
  }

  #contextOf(
    environment: ProxyEnvironment,
  ): Pick<ApiContext, 'facts' | 'node' | 'overview' | 'status'> {
    return {
      node: this.#options.node,
      facts: () => this.#readFacts(environment),
      overview: async () => {
        const local = this.#status.readSoon(FIRST_LOOK_MS);
        return renderOverview(await this.#readFacts(environment, local));
      },
      status: () => this.#status.read(),
    };
  }

  async #readFacts(
    environment: ProxyEnvironment,
    local = this.#status.read(),
  ): Promise<OverviewFacts> {
    return {
      takenAtMs: this.#now(),
      defaultComputerId: environment.defaultComputerId,
      local: await local,
      rows: await readRows(environment),
    };
  }

  async #follow(
    request: FastifyRequest,
    reply: FastifyReply,
    environment: ProxyEnvironment,
  ): Promise<FastifyReply> {
    const { log, hubLimits: limits } = this.#options;
    const read = async () => renderOverview(await this.#readFacts(environment));
    this.#hub ??= new EventHub({ read, log, now: this.#steadyNow, limits });
    this.#hub.expectRoom();
    reply.headers({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // For nginx, which would hold events back.
      'x-accel-buffering': 'no',
    });
    const headers = reply.getHeaders();
    const { raw } = reply.hijack();
    raw.writeHead(200, headers as Record<string, string>);
    if (request.method === 'HEAD') raw.end();
    else {
      raw.flushHeaders();
      this.#hub.follow(raw);
    }
    return reply;
  }

  /** Failures of the API are JSON; who opens the page without a token is asked for it. */
  #fail(
    error: unknown,
    path: string,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const { status, body, headers, isOurs } = renderProblem(error);
    const { log } = this.#options;
    const subject = printableName(`${request.method} /panel/${path}`);
    const reason = printableName(errorMessage(error));
    if (isOurs) {
      const stack = error instanceof Error ? error.stack : undefined;
      log.error(`${subject} failed: ${reason}`, { event: 'proxy.request_failed', stack });
    } else log.info(`${subject} refused (${status}): ${reason}`);
    const isPage = (path === '' && status === 401) || path === LOGIN;
    const answer =
      isPage && error instanceof PanelError ? renderLogin(error) : jsonAnswer(body, status);
    return sendPacked(request, reply, { ...answer, headers: { ...answer.headers, ...headers } });
  }
}

/** No page of another site can have a browser send this header without asking first (CORS). */
function expectPage({ headers }: FastifyRequest): void {
  if (headers['x-slapos-panel'] === '1') return;
  throw new PanelError(403, 'A change needs the header X-Slapos-Panel: 1.');
}

function wrongMethod(allow: string): PanelError {
  return new PanelError(405, `This is only for ${allow}.`, { headers: { allow } });
}

/** Below `/panel/`, as it was sent: nothing is decoded, since no name of ours needs it. */
function pathOf(request: FastifyRequest): string {
  const [path = ''] = request.url.split('?', 1);
  return path.slice('/panel/'.length);
}
