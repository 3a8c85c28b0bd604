/** No proxy writes while a database is moved, and none is moved while a proxy runs. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Logger, silentLogger } from '../../src/log/logger.ts';
import { renderLockHolders, renderLockKey } from '../../src/proxy/postgres/advisory-lock.ts';
import { createProxyServer } from '../../src/proxy/server.ts';
import type { ProxyStore } from '../../src/proxy/store.ts';
import { openStore, openStoreReadOnly } from '../../src/proxy/store-open.ts';
import { PostgresTransfer } from '../../src/proxy/transfer/postgres-content.ts';
import { transferStore } from '../../src/proxy/transfer/transfer-store.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { computerDocument, postForm, requestFields } from '../support/proxy-fixture.ts';

let server: PostgresServer;
let folder: string;
let uri: string;
let logged: string[];
const note = (message: string) => void logged.push(message);
const log: Logger = { ...silentLogger, warning: note, info: note };
const closers: Array<() => Promise<unknown>> = [];
beforeAll(async () => {
  server = await startPostgres({ hasFsync: true });
});
afterAll(() => server.close());
beforeEach(async () => {
  uri = await server.createDatabase();
  folder = mkdtempSync(join(tmpdir(), 'slapos-moved-'));
  logged = [];
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
  rmSync(folder, { recursive: true });
});

const BUSY = { code: 'SLAPOS_ERR_BUSY', exitCode: 10 };
const databaseName = () => uri.slice(uri.lastIndexOf('/') + 1);
const query = (text: string) => server.query(text, databaseName());

async function open(address = uri): Promise<ProxyStore> {
  const store = await openStore(address, 'COMP-1', log);
  closers.push(() => store.close());
  return store;
}

/** To a new file, unless told otherwise. */
function move(from = uri, to = join(folder, `${Math.random()}.db`)) {
  return transferStore({
    from,
    to,
    defaultComputerId: 'COMP-1',
    isForced: true,
    isDryRun: false,
    isShared: false,
    stateFolder: folder,
    log: silentLogger,
  });
}

/** Sessions by which proxies of the default schema are seen. */
async function listPresent(): Promise<number[]> {
  const rows = await query(
    `SELECT DISTINCT pid FROM pg_locks WHERE ${renderLockHolders('use', 'slapos')}`,
  );
  return rows.map(({ pid }) => Number(pid));
}

/** A move that lasts until it is told to end. */
async function moveSlowly(): Promise<() => Promise<void>> {
  const transfer = await PostgresTransfer.begin(uri, { mode: 'write', isAlone: true });
  let isOpen = true;
  const close = async () => {
    if (isOpen) await transfer.close();
    isOpen = false;
  };
  closers.push(close);
  return close;
}

/** Takes the place of a proxy whose session broke, as a move does that begins at that moment. */
async function moveBehind(): Promise<Client> {
  const present = await listPresent();
  const client = new Client({ connectionString: uri });
  await client.connect();
  closers.push(() => client.end());
  const taken = client.query(`SELECT pg_advisory_lock(${renderLockKey('use', 'slapos')})`);
  await expect
    .poll(() => query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))
    .toHaveLength(1);
  await query(`SELECT pg_terminate_backend(${present[0]})`);
  await taken;
  return client;
}

test('an idle proxy without any other session, whatever it calls itself, keeps a move away', async () => {
  await open(`${uri}?application_name=another`);
  const present = await listPresent();
  expect(present).toHaveLength(1);
  await query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
      AND pid NOT IN (pg_backend_pid(), ${present[0]})`,
  );
  await expect(move()).rejects.toMatchObject({
    ...BUSY,
    message: expect.stringContaining(`(sessions ${present[0]})`),
  });
  await expect(move(join(folder, 'none.db'), uri)).rejects.toThrow(/no such file/);
  const file = await openStore(join(folder, 'source.db'), 'COMP-1', silentLogger);
  await file.close();
  await expect(move(join(folder, 'source.db'), uri)).rejects.toMatchObject(BUSY);
});

test('a proxy of another schema, and one that only reads, are no obstacle', async () => {
  await (await openStore(uri, 'COMP-1', silentLogger)).close();
  await open(`${uri}?schema=other`);
  const reader = await openStoreReadOnly(uri, silentLogger);
  closers.push(() => reader.close());
  await move();
});

test('a proxy that starts during a move is refused, and another move too', async () => {
  await (await openStore(uri, 'COMP-1', silentLogger)).close();
  const end = await moveSlowly();
  await expect(openStore(uri, 'COMP-1', silentLogger)).rejects.toMatchObject({
    ...BUSY,
    hint: expect.stringContaining('proxy migrate'),
  });
  await expect(move()).rejects.toMatchObject(BUSY);
  await end();
  await open();
  await expect(move()).rejects.toMatchObject(BUSY);
});

test('a proxy whose session broke is seen again soon', async () => {
  const store = await open();
  const [first] = await listPresent();
  await query(`SELECT pg_terminate_backend(${first})`);
  await store.write((tables) => tables.putConfig('a', 'b'));
  const listOthers = async () => (await listPresent()).filter((pid) => pid !== first);
  await expect.poll(listOthers, { timeout: 20_000 }).toHaveLength(1);
  expect(logged).toEqual([]);
});

test('a proxy does not write while it is moved all the same, and goes on after that', async () => {
  const store = await open();
  await store.write((tables) => tables.putConfig('a', 'before'));
  const mover = await moveBehind();
  const write = store.write((tables) => tables.putConfig('a', 'meanwhile'));
  await expect(write).rejects.toMatchObject(BUSY);
  const readFirst = store.write(async (tables) => {
    await tables.getConfig('a');
    await tables.putConfig('a', 'meanwhile');
  });
  await expect(readFirst).rejects.toMatchObject(BUSY);
  await expect.poll(() => logged.join(), { timeout: 20_000 }).toContain('is being moved');
  expect(await store.read((tables) => tables.getConfig('a'))).toBe('before');
  await mover.query('SELECT pg_advisory_unlock_all()');
  await store.write((tables) => tables.putConfig('a', 'after'));
  expect(await store.read((tables) => tables.getConfig('a'))).toBe('after');
  await expect.poll(() => logged.join(), { timeout: 20_000 }).toContain('not being moved any more');
  await expect(move()).rejects.toMatchObject(BUSY);
});

test('clients of it get a 503 meanwhile', async () => {
  const store = await open();
  const proxy = createProxyServer({ store, log: silentLogger, defaultComputerId: 'COMP-1' });
  closers.pop();
  closers.push(() => proxy.close());
  const url = `${await proxy.listen('127.0.0.1', 0)}/`;
  await postForm(`${url}loadComputerConfigurationFromXML`, { xml: computerDocument(2) });
  const mover = await moveBehind();
  const request = () => {
    return postForm(
      `${url}requestComputerPartition`,
      requestFields({ partition_reference: 'title' }),
    );
  };
  const refused = await request();
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('5');
  expect(refused.text).toContain('being moved');
  await mover.query('SELECT pg_advisory_unlock_all()');
  expect((await request()).status).toBe(200);
});
