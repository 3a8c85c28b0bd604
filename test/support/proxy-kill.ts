/**
 * Random schedules of kills against real proxies over one real database, while clients request,
 * change and destroy instances through any of them. After each schedule everything that was
 * acknowledged is looked for.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ClusterCheck, compareProxies, fetchDocuments } from './cluster-check.ts';
import { ClusterClient, HOST_SOFTWARE, located } from './cluster-client.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';
import { ProxyCluster } from './proxy-cluster.ts';
import { computerDocument, requestFields } from './proxy-fixture.ts';
import { seededRandom } from './seeded-random.ts';

const COMPUTERS = ['COMP-1', 'COMP-2'] as const;
const PARTITIONS = 14;
const CLIENTS = 8;
const HOT_TITLES = ['hot-0', 'hot-1', 'hot-2'];
const LOAD_MS = 300;
const MAX_DOWN_MS = 60;

export type DatabaseKind = 'postgres' | 'sqlite';
export type Fault = 'proxy' | 'proxies' | 'stop' | 'database' | 'immediate' | 'both';

/** With SQLite there is one proxy, and the database is part of it. */
const FAULTS: Readonly<Record<DatabaseKind, readonly Fault[]>> = {
  postgres: ['proxy', 'proxy', 'proxy', 'proxies', 'stop', 'database', 'immediate', 'both'],
  sqlite: ['proxy', 'proxy', 'proxy', 'stop'],
};

export interface ScheduledFault {
  readonly fault: Fault;
  readonly atMs: number;
  /** Which proxy. */
  readonly member: number;
  readonly downMs: number;
}

export interface ScheduleResult {
  readonly faults: readonly ScheduledFault[];
  readonly acknowledged: number;
  /** Connections that broke, and answers of trouble. */
  readonly lost: number;
  readonly problems: readonly string[];
}

/** A cluster and its clients; schedules run on it one after another. */
export class ProxyKillMachine {
  readonly #folder: string;
  readonly #database: PostgresServer | undefined;
  readonly #cluster: ProxyCluster;
  readonly #clients: readonly ClusterClient[];
  readonly #hosts = COMPUTERS.map((computer) => `host-${computer}`);
  readonly #check = new ClusterCheck(COMPUTERS.length * PARTITIONS, this.#hosts);
  readonly #random: () => number;
  readonly #kind: DatabaseKind;

  private constructor(
    kind: DatabaseKind,
    folder: string,
    database: PostgresServer | undefined,
    cluster: ProxyCluster,
    seed: number,
  ) {
    this.#kind = kind;
    this.#folder = folder;
    this.#database = database;
    this.#cluster = cluster;
    this.#random = seededRandom(seed);
    this.#clients = Array.from({ length: CLIENTS }, (_, id) => {
      return new ClusterClient({
        id,
        computer: COMPUTERS[id % COMPUTERS.length] ?? COMPUTERS[0],
        urls: cluster.members.map(({ url }) => url),
        random: seededRandom(seed * CLIENTS + id),
        route: seededRandom(~(seed * CLIENTS + id)),
        hotTitles: HOT_TITLES,
      });
    });
  }

  static async start(kind: DatabaseKind, seed: number): Promise<ProxyKillMachine> {
    const folder = mkdtempSync(join(tmpdir(), 'slapos-cluster-'));
    mkdirSync(join(folder, 'db'));
    const isServer = kind === 'postgres';
    const database = isServer ? await startPostgres({ hasFsync: true }) : undefined;
    const databaseUri = (await database?.createDatabase()) ?? join(folder, 'db/proxy.db');
    const proxies = isServer ? 3 : 1;
    const cluster = await ProxyCluster.create({ databaseUri, proxies, folder });
    const machine = new ProxyKillMachine(kind, folder, database, cluster, seed);
    try {
      await cluster.start();
      await machine.#fill();
      return machine;
    } catch (error) {
      await machine.stop();
      throw error;
    }
  }

  /** What proxies and database have logged, the end of it. */
  logs(): string {
    const parts = this.#cluster.members.map((member) => member.log().slice(-3000));
    return [...parts, this.#database?.log().slice(-3000) ?? ''].join('\n--\n');
  }

  async stop(): Promise<void> {
    for (const member of this.#cluster.members) await member.end('SIGKILL');
    await this.#database?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** One to three faults at moments of the seed. */
  draw(): ScheduledFault[] {
    const kinds = FAULTS[this.#kind];
    const random = (bound: number) => Math.floor(this.#random() * bound);
    const count = 1 + random(3);
    return Array.from({ length: count }, () => ({
      fault: kinds[random(kinds.length)] ?? 'proxy',
      atMs: random(LOAD_MS),
      member: random(this.#cluster.members.length),
      downMs: random(MAX_DOWN_MS),
    })).sort((a, b) => a.atMs - b.atMs);
  }

  /** Runs one schedule, has what was struck started again, and compares. */
  async schedule(faults: readonly ScheduledFault[]): Promise<ScheduleResult> {
    const before = this.#count();
    const startMs = performance.now();
    let isOver = false;
    const clients = this.#clients.map((client) => client.run(() => isOver));
    for (const fault of faults) {
      await delay(Math.max(0, startMs + fault.atMs - performance.now()));
      await this.#strike(fault);
    }
    await delay(Math.max(0, startMs + LOAD_MS - performance.now()));
    isOver = true;
    await this.#restore();
    await Promise.all(clients);
    const problems = await this.#compare();
    const after = this.#count();
    return {
      faults,
      acknowledged: after.acknowledged - before.acknowledged,
      lost: after.lost - before.lost,
      problems,
    };
  }

  /** Whether a proxy that never saw any of it gives the same documents. */
  async compareFresh(): Promise<string[]> {
    await this.#cluster.start();
    const old = await fetchDocuments(this.#url(0), COMPUTERS);
    await this.#cluster.stop();
    await this.#cluster.start();
    const fresh = await fetchDocuments(this.#url(0), COMPUTERS);
    return compareProxies([old, fresh]);
  }

  #url(index: number): string {
    return this.#cluster.members[index]?.url ?? '';
  }

  #count() {
    const sum = (name: 'acknowledged' | 'lost') => {
      return this.#clients.reduce((total, client) => total + client[name], 0);
    };
    return { acknowledged: sum('acknowledged'), lost: sum('lost') };
  }

  async #fill(): Promise<void> {
    const [client] = this.#clients;
    for (const [index, computer] of COMPUTERS.entries()) {
      await client?.post('loadComputerConfigurationFromXML', {
        xml: computerDocument(PARTITIONS, computer),
      });
      await client?.post(
        'requestComputerPartition',
        requestFields({
          partition_reference: this.#hosts[index],
          software_release: HOST_SOFTWARE,
          filter_xml: { computer_guid: computer },
        }),
      );
    }
  }

  /** What was struck is started again in the background. */
  async #strike({ fault, member, downMs }: ScheduledFault): Promise<void> {
    const { members } = this.#cluster;
    const struck = fault === 'proxies' ? members : members.slice(member, member + 1);
    const isDatabaseStruck = ['database', 'immediate', 'both'].includes(fault);
    const isProxyStruck = !['database', 'immediate'].includes(fault);
    const signal = fault === 'stop' ? 'SIGTERM' : 'SIGKILL';
    await Promise.all([
      ...(isProxyStruck ? struck.map((each) => each.end(signal)) : []),
      ...(isDatabaseStruck ? [this.#strikeDatabase(fault)] : []),
    ]);
    await delay(downMs);
    if (isDatabaseStruck) await this.#database?.start();
    // Proxies start while clients go on.
    for (const each of struck) each.start().catch(() => undefined);
  }

  #strikeDatabase(fault: Fault): Promise<void> | undefined {
    return fault === 'immediate' ? this.#database?.stop('immediate') : this.#database?.kill();
  }

  /** One proxy is enough to go on: others start while the next schedule begins, and may die then. */
  async #restore(): Promise<void> {
    await this.#database?.start();
    await Promise.any(this.#cluster.members.map((member) => member.start()));
  }

  async #compare(): Promise<string[]> {
    await this.#awaitQuiet();
    for (const client of this.#clients) await client.clear();
    const urls = this.#cluster.members.filter(({ isUp }) => isUp).map(({ url }) => url);
    const documents = await Promise.all(urls.map((url) => fetchDocuments(url, COMPUTERS)));
    const told = this.#clients.flatMap((client) => client.problems.splice(0));
    const found = this.#check.compare(documents[0] ?? [], this.#clients);
    await this.#freeHot();
    return [...told, ...compareProxies(documents), ...found];
  }

  /** What a killed proxy sent last may still be under way in the database. */
  async #awaitQuiet(): Promise<void> {
    for (;;) {
      const rows = await this.#database?.query(
        `SELECT 1 FROM pg_stat_activity WHERE backend_type = 'client backend'
          AND state <> 'idle' AND pid <> pg_backend_pid()`,
      );
      if ((rows?.length ?? 0) === 0) return;
      await delay(2);
    }
  }

  /** The next schedule has them allocated anew, by all clients at once. */
  async #freeHot(): Promise<void> {
    const places = new Map(this.#clients.flatMap((client) => [...client.hot]));
    for (const client of this.#clients) client.hot.clear();
    for (const place of places.values()) {
      await this.#clients[0]?.post('destroyedComputerPartition', located(place));
    }
  }
}
