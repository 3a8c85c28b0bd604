/** A PostgreSQL server that is away, refuses, is slow or full of connections. */
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isSlaposError } from '../../src/errors/slapos-error.ts';
import { silentLogger } from '../../src/log/logger.ts';
import { createProxyServer } from '../../src/proxy/server.ts';
import type { ProxyStore } from '../../src/proxy/store.ts';
import { openStore, openStoreReadOnly } from '../../src/proxy/store-open.ts';
import { type CuttingRelay, startCuttingRelay } from '../support/cutting-relay.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { computerDocument, postForm, requestFields } from '../support/proxy-fixture.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres({ maxConnections: 20 });
});
afterAll(() => server.close());

let uri: string;
const opened: ProxyStore[] = [];
beforeEach(async () => {
  await server.start();
  uri = await server.createDatabase();
});
afterEach(async () => {
  await server.start();
  await Promise.all(opened.splice(0).map((store) => store.close()));
});

async function open(address = uri): Promise<ProxyStore> {
  const store = await openStore(address, 'COMP-1', silentLogger);
  opened.push(store);
  return store;
}

/** What was thrown, which must be of the catalogue and hold no password. */
async function failureOf(work: Promise<unknown>) {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isSlaposError(error)) throw new Error(`not of the catalogue: ${String(error)}`);
  expect(error.code).toBe('SLAPOS_ERR_DATABASE');
  const text = `${error.message} ${error.hint ?? ''} ${JSON.stringify(error.context)}`;
  expect(text).not.toContain(password());
  expect(error.message).not.toContain('\n');
  return { text, error };
}

const password = () => /:([^:@]+)@/.exec(uri)?.[1] ?? 'none';

async function startServer(store: ProxyStore) {
  const proxy = createProxyServer({ store, log: silentLogger, defaultComputerId: 'COMP-1' });
  opened.splice(opened.indexOf(store), 1);
  const url = `${await proxy.listen('127.0.0.1', 0)}/`;
  await postForm(`${url}loadComputerConfigurationFromXML`, { xml: computerDocument(40) });
  const request = (title: string) => {
    return postForm(
      `${url}requestComputerPartition`,
      requestFields({ partition_reference: title }),
    );
  };
  return { url, request, close: () => proxy.close() };
}

test('a server that is away is a 503, and no restart is needed when it is back', async () => {
  const proxy = await startServer(await open());
  expect((await proxy.request('before')).status).toBe(200);
  await server.stop('immediate');
  const refused = await proxy.request('meanwhile');
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('5');
  expect(refused.text).toContain('not reachable');
  await server.start();
  expect((await proxy.request('meanwhile')).status).toBe(200);
  expect((await proxy.request('before')).text).toContain('slappart0');
  await proxy.close();
});

test('what is asked while the server starts again waits for it', async () => {
  const proxy = await startServer(await open());
  await server.stop('immediate');
  const asked = proxy.request('patient');
  await server.start();
  // On a machine that takes longer than the proxy waits, asking again does.
  const { status } = await asked;
  expect([200, 503]).toContain(status);
  expect((await proxy.request('patient')).status).toBe(200);
  await proxy.close();
});

test('what was acknowledged before the server broke down is there, once', async () => {
  const store = await open();
  const proxy = await startServer(store);
  const titles = Array.from({ length: 40 }, (_, index) => `t${index}`);
  const asked = titles.map(async (title) => ({
    title,
    status: (await proxy.request(title)).status,
  }));
  await Promise.any(asked);
  await server.stop('immediate');
  await server.start();
  const answers = await Promise.all(asked);
  const rows = await store.read((tables) => tables.listPartitions('COMP-1'));
  const stored = rows.flatMap(({ title }) => (title === null ? [] : [title]));
  expect(new Set(stored).size).toBe(stored.length);
  for (const { title, status } of answers) {
    expect([200, 503]).toContain(status);
    if (status === 200) expect(stored).toContain(title);
  }
  await proxy.close();
});

describe('the connection breaks', () => {
  let relay: CuttingRelay;
  beforeEach(async () => {
    relay = await startCuttingRelay(server.port);
  });
  afterEach(() => relay.close());
  const throughRelay = () => open(uri.replace(`:${server.port}/`, `:${relay.port}/`));

  test('before the commit: the work is done again', async () => {
    const store = await throughRelay();
    let count = 0;
    relay.cutAt('SELECT value', 'before');
    await store.write(async (tables) => {
      count += 1;
      await tables.putConfig('a', `${(await tables.getConfig('a')) ?? ''}b`);
    });
    expect(count).toBe(2);
    expect(await store.read((tables) => tables.getConfig('a'))).toBe('b');
  });

  test.each(['before', 'after'] as const)(
    '%s the server gets the commit: no success, nothing done again',
    async (when) => {
      const store = await throughRelay();
      let count = 0;
      relay.cutAt('COMMIT', when);
      const { text } = await failureOf(
        store.write((tables) => {
          count += 1;
          return tables.putConfig('a', 'b');
        }),
      );
      expect(text).toContain('whether this was stored is not known');
      expect(count).toBe(1);
      // The server ends what is cut off by itself, a moment later.
      await expect
        .poll(() => server.query(`SELECT 1 FROM pg_stat_activity WHERE state LIKE '%transaction%'`))
        .toEqual([]);
      const stored = await store.read((tables) => tables.getConfig('a'));
      expect(stored).toBe(when === 'after' ? 'b' : null);
    },
  );
});

test.each([
  [
    'a wrong password',
    () => uri.replace(password(), 'wrong'),
    /password authentication failed.*PGPASSFILE/,
  ],
  ['no password', () => uri.replace(`:${password()}`, ''), /password.*PGPASSFILE/],
  ['a missing database', () => `${uri}x`, /does not exist.*createdb/],
  [
    'a wrong port',
    () => uri.replace(`:${server.port}`, ':1'),
    /ECONNREFUSED.*runs and is reachable/,
  ],
  ['no TLS on the server', () => `${uri}?sslmode=require`, /does not support SSL/],
])('%s is one clear line', async (_what, address, expected) => {
  const { text } = await failureOf(openStore(address(), 'COMP-1', silentLogger));
  expect(text).toMatch(expected);
});

test.each([
  ['layout = 99', /has version 99 \(slapproxy 17\)/],
  ['layout = 0', /has version 0/],
  ['slapproxy = 19', /slapproxy 19/],
])('a schema with %s is refused and left alone', async (change, expected) => {
  await (await open()).close();
  const database = uri.slice(uri.lastIndexOf('/') + 1);
  await server.query(`UPDATE slapos.schema_version SET ${change}`, database);
  const attempts = [
    () => openStore(uri, 'COMP-1', silentLogger),
    () => openStoreReadOnly(uri, silentLogger),
  ];
  for (const attempt of attempts) {
    const { text } = await failureOf(attempt());
    expect(text).toMatch(expected);
    expect(text).toContain('Use the program that made it');
  }
  const [row] = await server.query(
    'SELECT count(*)::int AS n FROM slapos.schema_version',
    database,
  );
  expect(row).toEqual({ n: 1 });
});

test('a database that holds nothing is not filled by who only reads', async () => {
  const { text } = await failureOf(openStoreReadOnly(uri, silentLogger));
  expect(text).toContain('no such table: slapos.computer');
});

test('a database that cannot hold every character is refused', async () => {
  await server.query(`CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`);
  const { text } = await failureOf(openStore(server.uri('latin'), 'COMP-1', silentLogger));
  expect(text).toMatch(/encoding LATIN1, not UTF8.*--encoding=UTF8/);
});

test('who may make nothing in the database is told what to grant', async () => {
  const database = uri.slice(uri.lastIndexOf('/') + 1);
  await server.query(`CREATE ROLE guest_${database} LOGIN PASSWORD 'guest'`);
  const address = uri.replace(/\/\/[^@]*@/, `//guest_${database}:guest@`);
  const { text } = await failureOf(openStore(address, 'COMP-1', silentLogger));
  expect(text).toMatch(/permission denied.*GRANT CREATE/);
});

test('a server without a connection left is waited for, and used once there is one', async () => {
  const store = await open();
  await server.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
  );
  const clients: Client[] = [];
  for (;;) {
    const client = new Client({ connectionString: uri });
    client.on('error', () => undefined);
    if (
      await client.connect().then(
        () => false,
        () => true,
      )
    )
      break;
    clients.push(client);
  }
  const { text, error } = await failureOf(store.read((tables) => tables.listComputers()));
  expect(text).toMatch(/too many clients|remaining connection slots/);
  expect(error.hint).toContain('max_connections');
  await Promise.all(clients.map((client) => client.end()));
  expect(await store.read((tables) => tables.listComputers())).toEqual([]);
});

test('a statement that takes too long is ended by the server, and nothing is stored', async () => {
  const store = await open(`${uri}?statement_timeout=300`);
  const blocker = new Client({ connectionString: uri });
  await blocker.connect();
  await blocker.query('BEGIN; LOCK TABLE slapos.computer IN ACCESS EXCLUSIVE MODE');
  const { error } = await failureOf(
    store.write(async (tables) => {
      await tables.putConfig('a', 'b');
      await tables.listComputers();
    }),
  );
  expect(error.context['temporary']).toContain('takes too long');
  await blocker.query('ROLLBACK');
  await blocker.end();
  expect(await store.read((tables) => tables.getConfig('a'))).toBeNull();
});
