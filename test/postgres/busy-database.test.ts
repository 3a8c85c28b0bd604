/** A database whose tables, rights, connections or disk are not to be had as they should be. */
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { isSlaposError, type SlaposError } from '../../src/errors/slapos-error.ts';
import { type Logger, silentLogger } from '../../src/log/logger.ts';
import { problemOf, StatementFailure } from '../../src/proxy/postgres/failures.ts';
import type { ProxyStore } from '../../src/proxy/store.ts';
import { openStore, openStoreReadOnly } from '../../src/proxy/store-open.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';

let server: PostgresServer;
let uri: string;
let warnings: string[];
const log: Logger = { ...silentLogger, warning: (message) => void warnings.push(message) };
const closers: Array<() => Promise<unknown>> = [];
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.close());
beforeEach(async () => {
  uri = await server.createDatabase();
  warnings = [];
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function open(address = uri): Promise<ProxyStore> {
  const store = await openStore(address, 'COMP-1', log);
  closers.push(() => store.close());
  return store;
}

async function connect(): Promise<Client> {
  const client = new Client({ connectionString: uri });
  await client.connect();
  closers.push(() => client.end());
  return client;
}

async function failureOf(work: Promise<unknown>): Promise<SlaposError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isSlaposError(error)) throw new Error(`not of the catalogue: ${String(error)}`);
  return error;
}

const databaseName = () => uri.slice(uri.lastIndexOf('/') + 1);

test('connections that are all in use are no lost server', async () => {
  const store = await open(`${uri}?pool_size=1&connect_timeout=1`);
  const error = await store.read(async (tables) => {
    await tables.listComputers();
    return failureOf(store.read((others) => others.listComputers()));
  });
  expect(error.hint).toBe('Raise pool_size of database_uri.');
  expect(error.context['temporary']).toContain('in use');
  expect(warnings.join()).not.toContain('not reachable');
});

test('who waits too long for a lock is told who may be in the way', async () => {
  await (await open()).close();
  const blocker = await connect();
  await blocker.query('BEGIN; LOCK TABLE slapos.schema_version IN ACCESS EXCLUSIVE MODE');
  const error = await failureOf(openStoreReadOnly(`${uri}?statement_timeout=200`, silentLogger));
  // Both limits end at the same time.
  expect(error.context['sqlState']).toMatch(/^(55P03|57014)$/);
  expect(error.hint).toContain('another proxy holds the tables; try again');
});

test('so is who waits too long for a statement', async () => {
  const client = await connect();
  await client.query('SET statement_timeout = 50');
  const cause = await client.query('SELECT pg_sleep(60)').catch((error: unknown) => error);
  const failure = new StatementFailure(cause);
  expect(failure.sqlState).toBe('57014');
  const problem = problemOf(failure, 'here') as SlaposError;
  expect(problem.hint).toContain('another proxy holds the tables; try again');
});

test('a schema may be called as a word of SQL is', async () => {
  const store = await open(`${uri}?schema=user`);
  await store.write((tables) => tables.putConfig('a', 'b'));
  const reader = await openStoreReadOnly(`${uri}?schema=user`, silentLogger);
  closers.push(() => reader.close());
  expect(await reader.read((tables) => tables.getConfig('a'))).toBe('b');
});

test('who makes tables in one schema does not keep those of another waiting', async () => {
  const { preparePostgresSchema } = await import('../../src/proxy/postgres/postgres-schema.ts');
  const client = await connect();
  await client.query('BEGIN');
  const run = async (text: string, values?: readonly unknown[]) => {
    return (await client.query(text, values === undefined ? undefined : [...values])).rows;
  };
  await preparePostgresSchema(run, 'a', 'here');
  await open(`${uri}?schema=b`);
  const address = `${uri}?schema=a&statement_timeout=200`;
  const error = await failureOf(openStore(address, 'COMP-1', silentLogger));
  expect(error.hint).toContain('another proxy holds the tables');
});

test('who may not use tables of another owner is told which rights that takes', async () => {
  await (await open()).close();
  const guest = `guest_${databaseName()}`;
  await server.query(`CREATE ROLE ${guest} LOGIN PASSWORD 'guest'`);
  await server.query(`GRANT USAGE ON SCHEMA slapos TO ${guest}`, databaseName());
  const address = uri.replace(/\/\/[^@]*@/, `//${guest}:guest@`);
  const error = await failureOf(openStore(address, 'COMP-1', silentLogger));
  expect(error.message).toContain('permission denied for table');
  expect(error.hint).toContain('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA');
});

test('a server that acknowledges what is not on its disk is warned of once', async () => {
  await open();
  expect(warnings).toEqual([
    expect.stringContaining('has fsync off: what was acknowledged may be'),
  ]);
  warnings = [];
  await open(`${uri}?options=-c%20synchronous_commit%3Doff`);
  expect(warnings).toEqual([expect.stringContaining('has fsync and synchronous_commit off')]);
  warnings = [];
  const reader = await openStoreReadOnly(uri, log);
  closers.push(() => reader.close());
  expect(warnings).toEqual([]);
});
