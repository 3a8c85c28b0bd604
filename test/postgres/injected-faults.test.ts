/**
 * Three proxies on one database whose connections break and whose transactions are in each other's
 * way at random statements, the commit included: before the server sees the statement, or after it
 * took effect and before anybody is told.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLogger } from '../../src/log/logger.ts';
import { createProxyServer } from '../../src/proxy/server.ts';
import { openStore } from '../../src/proxy/store-open.ts';
import { ClusterCheck, compareProxies, fetchDocuments } from '../support/cluster-check.ts';
import { ClusterClient, HOST_SOFTWARE } from '../support/cluster-client.ts';
import { type Harm, PostgresRelay } from '../support/postgres-relay.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { computerDocument, requestFields } from '../support/proxy-fixture.ts';
import { requires } from '../support/requires.ts';
import { seededRandom } from '../support/seeded-random.ts';

const COMPUTERS = ['COMP-1'];
const PARTITIONS = 8;
const CLIENTS = 4;
const HARMS: readonly Harm[] = ['before', 'after', 'conflict', 'conflict'];

/** Each kind of harm in turn, over all runs. */
const turns = { COMMIT: 0, other: 0 };

let server: PostgresServer;
let folder: string;
beforeAll(async () => {
  server = await startPostgres({ maxConnections: 100 });
  folder = mkdtempSync(join(tmpdir(), 'slapos-faults-'));
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

async function startProxy(database: string) {
  const store = await openStore(database, 'COMP-1', silentLogger, folder);
  const proxy = createProxyServer({ store, log: silentLogger, defaultComputerId: 'COMP-1' });
  return { proxy, url: `${await proxy.listen('127.0.0.1', 0)}/` };
}

/** What is wrong after so many acts of each client, of whose statements a part is harmed. */
async function run(seed: number, actCount: number, share: number) {
  const random = seededRandom(seed);
  const relay = await PostgresRelay.start(server.port);
  const proxies: Array<Awaited<ReturnType<typeof startProxy>>> = [];
  const harmed = new Set<string>();
  try {
    const database = relay.uri(await server.createDatabase());
    for (let index = 0; index < 3; index += 1) proxies.push(await startProxy(database));
    const urls = proxies.map(({ url }) => url);
    const clients = Array.from({ length: CLIENTS }, (_, id) => {
      const draws = { random: seededRandom(seed + id), route: seededRandom(~(seed + id)) };
      return new ClusterClient({ id, computer: 'COMP-1', urls, hotTitles: ['hot-0'], ...draws });
    });
    await fill(clients[0]);
    relay.decide = (text) => {
      const kind = text.startsWith('COMMIT') ? 'COMMIT' : 'other';
      if (random() >= share * (kind === 'COMMIT' ? 3 : 1)) return undefined;
      const harm = HARMS[turns[kind]++ % HARMS.length];
      harmed.add(`${harm} ${kind}`);
      return harm;
    };
    await Promise.all(
      clients.map((client) => {
        let count = 0;
        return client.run(() => ++count > actCount);
      }),
    );
    relay.decide = () => undefined;
    for (const client of clients) await client.clear();
    const documents = await Promise.all(urls.map((url) => fetchDocuments(url, COMPUTERS)));
    const check = new ClusterCheck(PARTITIONS, ['host-COMP-1']);
    const problems = [
      ...clients.flatMap((client) => client.problems),
      ...compareProxies(documents),
      ...check.compare(documents[0] ?? [], clients),
    ];
    const acknowledged = clients.reduce((total, client) => total + client.acknowledged, 0);
    return { problems, harmed, acknowledged };
  } finally {
    await Promise.all(proxies.map(({ proxy }) => proxy.close()));
    await relay.close();
  }
}

async function fill(client: ClusterClient | undefined): Promise<void> {
  await client?.post('loadComputerConfigurationFromXML', { xml: computerDocument(PARTITIONS) });
  const host = { partition_reference: 'host-COMP-1', software_release: HOST_SOFTWARE };
  await client?.post('requestComputerPartition', requestFields(host));
}

requires('postgres')('statements that fail', () => {
  test('lose nothing that was acknowledged, and allocate nothing twice', async () => {
    const harmed = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.constantFrom(0.02, 0.05, 0.1),
        async (seed, share) => {
          const result = await run(seed, 15, share);
          for (const what of result.harmed) harmed.add(what);
          expect(result.problems).toEqual([]);
          expect(result.acknowledged).toBeGreaterThan(CLIENTS);
        },
      ),
      { numRuns: 5, endOnFailure: true },
    );
    for (const what of ['before COMMIT', 'after COMMIT', 'conflict COMMIT']) {
      expect([...harmed]).toContain(what);
    }
  }, 180_000);
});
