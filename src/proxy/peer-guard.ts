/**
 * `peer_check`: lets the users of partitions act for their own partitions only. One hook looks who
 * asks before the body is read, another what for; both default to a refusal.
 */
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { lookAtTcpPeer, type PeerLook } from '../host/network/tcp-peer.ts';
import { HttpProblem } from './http-problem.ts';
import { parseHttpRequest, parseSender } from './http-request.ts';
import { type OwnedPartitions, PartitionOwners } from './partition-owners.ts';
import { expectOwn, PEER_RULES, type StoreCheck } from './peer-rules.ts';
import { PEER_RPC_RULES } from './peer-rules-rpc.ts';
import { judgePeer, type PartitionScope, type PeerPolicy, refused } from './peer-scope.ts';
import type { ProxyEnvironment } from './route.ts';
import { parseCall, RPC_METHODS } from './rpc.ts';
import type { ProxyStore } from './store.ts';

export interface PeerCheck extends PeerPolicy {
  /** Uid of the owner of each partition by its name, as the machine has it now. */
  listOwners(): ReadonlyMap<string, number>;
  /** Who is at the other end; by default as the kernel tells. */
  lookAt?(socket: Socket): PeerLook;
  /** Pause between two looks at the owners for who was refused. */
  readonly refusalPauseMs?: number;
}

const READ_BY_ALL = new Set(['/shacache/cache/*', '/shacache/dir/*']);

export class PeerGuard {
  readonly #check: PeerCheck;
  readonly #owners: PartitionOwners;
  readonly #environment: ProxyEnvironment;
  /** A connection keeps its other end. */
  readonly #looks = new WeakMap<Socket, PeerLook>();
  readonly #scoped = new WeakMap<FastifyRequest, ProxyEnvironment>();

  constructor(check: PeerCheck, environment: ProxyEnvironment) {
    this.#check = check;
    this.#owners = new PartitionOwners(() => check.listOwners(), check.refusalPauseMs);
    this.#environment = environment;
  }

  /** Every route of the server, also of those to come, answers to nobody else from now on. */
  install(app: FastifyInstance): void {
    app.addHook('onRequest', async (request) => {
      if (this.#isForAll(request)) return;
      await this.#judge(async (owned) => this.#scopeOf(request, owned));
    });
    app.addHook('preHandler', async (request) => {
      if (this.#isForAll(request)) return;
      await this.#judge((owned) => this.#admit(request, owned));
    });
  }

  /**
   * What a route may use for a request: of the database only what the rules let through.
   * @throws HttpProblem 403 for a request that was never admitted.
   */
  environmentOf(request: FastifyRequest): ProxyEnvironment {
    const environment = this.#scoped.get(request);
    if (environment === undefined) throw refused('the request was not looked at');
    return environment;
  }

  /** Who is refused may have got a partition just now. */
  async #judge(judge: (owned: OwnedPartitions) => Promise<unknown>): Promise<void> {
    try {
      await judge(this.#owners.current());
    } catch (error) {
      if (!(error instanceof HttpProblem) || error.statusCode !== 403) throw error;
      await judge(await this.#owners.fresh());
    }
  }

  /** Builds of software, which have a user of their own, read the cache of software. */
  #isForAll({ method, raw, routeOptions }: FastifyRequest): boolean {
    const isRead = method === 'GET' || method === 'HEAD';
    return (
      isRead && READ_BY_ALL.has(routeOptions.url ?? '') && this.#look(raw.socket).kind === 'local'
    );
  }

  #look(socket: Socket): PeerLook {
    let look = this.#looks.get(socket);
    if (look === undefined) {
      look = this.#check.lookAt?.(socket) ?? lookAtTcpPeer(socket);
      this.#looks.set(socket, look);
    }
    return look;
  }

  #scopeOf({ raw: { socket } }: FastifyRequest, owned: OwnedPartitions): PartitionScope | null {
    return judgePeer(this.#look(socket), socket.remoteAddress ?? '', this.#check, owned);
  }

  async #admit(request: FastifyRequest, owned: OwnedPartitions): Promise<void> {
    const scope = this.#scopeOf(request, owned);
    // A path that is nobody's has nothing to guard, and gets the answer that it gets elsewhere.
    if (request.is404) return;
    if (scope === null) {
      this.#scoped.set(request, this.#environment);
      return;
    }
    const sender = parseSender(request.headers);
    if (sender !== null) expectOwn(sender, scope);
    const check = judgeRequest(request, scope);
    const { store } = this.#environment;
    if (check !== null) await store.read(check);
    const checked = check === null ? store : checkedStore(store, check);
    this.#scoped.set(request, { ...this.#environment, scope, store: checked });
  }
}

/** @throws HttpProblem 403 for what is not for the users of partitions. */
function judgeRequest(request: FastifyRequest, scope: PartitionScope): StoreCheck | null {
  const path = request.routeOptions.url ?? '';
  const name = path.slice(1);
  const method = RPC_METHODS[name];
  const rpcRule = PEER_RPC_RULES[name];
  if (method !== undefined && rpcRule !== undefined) {
    const { body, call } = parseCall(method, request);
    return rpcRule(body, call, scope);
  }
  const rule = PEER_RULES[path];
  if (rule !== undefined) return rule(parseHttpRequest(request), scope);
  throw refused(`${path} is not for the users of partitions, such as uid ${scope.uid}`);
}

/** What a rule saw must still hold when the request is carried out. */
function checkedStore(store: ProxyStore, check: StoreCheck): ProxyStore {
  return {
    schemaVersion: store.schemaVersion,
    write: (work) =>
      store.write(async (tables) => {
        await check(tables);
        return work(tables);
      }),
    read: (work) =>
      store.read(async (tables) => {
        await check(tables);
        return work(tables);
      }),
    dump: () => store.dump(),
    close: () => store.close(),
  };
}
