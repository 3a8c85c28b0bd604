/** Several proxies on one database, each with a store of its own. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../src/log/logger.ts';
import { createProxyServer, type ProxyServer } from '../../src/proxy/server.ts';
import type { ProxyStore } from '../../src/proxy/store.ts';
import { openStore } from '../../src/proxy/store-open.ts';
import { computerDocument, postForm, requestFields } from '../support/proxy-fixture.ts';
import { placeStore } from '../support/test-store.ts';

const PROXY_COUNT = 3;

let folder: string;
let uri: string;
let stores: ProxyStore[];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-proxies-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(async () => {
  uri = placeStore(folder);
  // All make the tables, one of them does.
  const opening = Array.from({ length: PROXY_COUNT }, () => {
    return openStore(uri, 'COMP-1', silentLogger, folder);
  });
  stores = await Promise.all(opening);
});
afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()));
});

const any = (index: number): ProxyStore => stores[index % PROXY_COUNT] as ProxyStore;

test('what reads and writes at the same time has the effect of some order', async () => {
  const count = 60;
  const additions = Array.from({ length: count }, (_, index) => {
    return any(index).write(async (tables) => {
      const former = Number((await tables.getConfig('sum')) ?? 0);
      await tables.putConfig('sum', String(former + 1));
    });
  });
  await Promise.all(additions);
  expect(await any(0).read((tables) => tables.getConfig('sum'))).toBe(String(count));
});

test('what two read and each writes the other of is not both done', async () => {
  await any(0).write(async (tables) => {
    await tables.putConfig('a', 'on');
    await tables.putConfig('b', 'on');
  });
  // Whoever is on may go as long as the other one is: a snapshot alone would let both go.
  let open = (): void => undefined;
  const bothHaveRead = new Promise<void>((resolve) => {
    open = resolve;
  });
  let readerCount = 0;
  const leave = (store: ProxyStore, own: string, other: string) => {
    return store.write(async (tables) => {
      const isOther = (await tables.getConfig(other)) === 'on';
      readerCount += 1;
      if (readerCount === 2) open();
      await bothHaveRead;
      if (isOther) await tables.putConfig(own, 'off');
    });
  };
  await Promise.all([leave(any(0), 'a', 'b'), leave(any(1), 'b', 'a')]);
  const rows = await any(2).read((tables) => tables.listConfig(''));
  expect(rows.map(({ value }) => value).sort()).toEqual(['off', 'on']);
});

describe('requests', () => {
  let proxies: ProxyServer[];
  let urls: string[];
  beforeEach(async () => {
    proxies = stores.map((store) => {
      return createProxyServer({ store, log: silentLogger, defaultComputerId: 'COMP-1' });
    });
    urls = await Promise.all(proxies.map((proxy) => proxy.listen('127.0.0.1', 0)));
    await postForm(`${urls[0]}/loadComputerConfigurationFromXML`, { xml: computerDocument(20) });
  });
  afterEach(async () => {
    await Promise.all(proxies.map((proxy) => proxy.close()));
  });
  const request = (index: number, title: string) => {
    const url = `${urls[index % PROXY_COUNT]}/requestComputerPartition`;
    return postForm(url, requestFields({ partition_reference: title }));
  };

  test('of more titles than partitions: each partition is given once', async () => {
    const asked = Array.from({ length: 30 }, (_, index) => request(index, `t${index}`));
    const answers = await Promise.all(asked);
    const given = answers.flatMap(({ status, text }) => {
      return status === 200 ? [/slappart\d+/.exec(text)?.[0]] : [];
    });
    expect(answers.map(({ status }) => status).filter((status) => status === 404)).toHaveLength(10);
    expect(new Set(given).size).toBe(20);
    expect(given).toHaveLength(20);
  });

  test('of one title: all get the same partition', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) => request(index, 'r')),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(200));
    expect(new Set(answers.map(({ text }) => /slappart\d+/.exec(text)?.[0])).size).toBe(1);
  });

  test('a document is never older than what was acknowledged', async () => {
    const url = (index: number) => {
      return `${urls[index % PROXY_COUNT]}/getFullComputerInformation?computer_id=COMP-1`;
    };
    for (let index = 0; index < 12; index += 1) {
      expect((await request(index, `t${index}`)).status).toBe(200);
      for (let reader = 0; reader < PROXY_COUNT; reader += 1) {
        expect(await (await fetch(url(reader))).text()).toContain(`<string>t${index}</string>`);
      }
    }
  });
});

describe('the version of a computer', () => {
  const key = { reference: 'p', computerReference: 'C' };
  const version = (computer = 'C') => any(0).read((tables) => tables.getVersion(computer));
  beforeEach(() => any(0).write((tables) => tables.insertPartition(key)));

  test('stays while others and other things are written', async () => {
    const before = await version();
    await any(1).write(async (tables) => {
      await tables.putConfig('a', 'b');
      await tables.insertPartition({ ...key, computerReference: 'D' });
      await tables.putSoftware({ url: 'u', computerReference: 'D', requestedState: 'available' });
    });
    expect(await version()).toBe(before);
  });

  test.each<[string, (tables: Parameters<Parameters<ProxyStore['write']>[0]>[0]) => Promise<void>]>(
    [
      ['a partition', (tables) => tables.updatePartition(key, { timestamp: 1 })],
      ['the same again', (tables) => tables.updatePartition(key, { slapState: 'free' })],
      ['one more', (tables) => tables.insertPartition({ ...key, reference: 'q' })],
      ['one less', (tables) => tables.deletePartition(key)],
      [
        'software',
        (tables) => tables.putSoftware({ url: 'u', computerReference: 'C', requestedState: null }),
      ],
      [
        'an address',
        (tables) =>
          tables.insertAddress({
            partitionReference: 'p',
            computerReference: 'C',
            reference: null,
            address: null,
            netmask: null,
          }),
      ],
    ],
  )('changes with %s, whoever wrote', async (_what, work) => {
    const before = await version();
    await any(1).write(work);
    expect(await version()).not.toBe(before);
  });

  test('changes with what another program writes', async () => {
    const before = await version();
    const [address, schema] = uri.split('?schema=');
    const client = new Client({ connectionString: address });
    await client.connect();
    await client.query(`UPDATE ${schema}.partition SET xml = 'x'`);
    await client.end();
    expect(await version()).not.toBe(before);
  });
});

test('texts that the database has no place for are refused, and found nowhere', async () => {
  const store = any(0);
  expect(await store.read((tables) => tables.getComputer('a\0b'))).toBeNull();
  await store.write((tables) => tables.deleteConfig('a\0b'));
  const computer = { reference: 'a\0b', address: null, netmask: null };
  await expect(store.write((tables) => tables.putComputer(computer))).rejects.toMatchObject({
    statusCode: 400,
  });
  const long = Array.from({ length: 9000 }, (_, index) => index.toString(36)).join('');
  const software = { url: long, computerReference: 'C', requestedState: null };
  await expect(store.write((tables) => tables.putSoftware(software))).rejects.toMatchObject({
    statusCode: 400,
    message: expect.stringContaining('too long'),
  });
});

test('a title twice in a tree is impossible, whatever the code does', async () => {
  const store = any(0);
  const keys = ['p', 'q'].map((reference) => ({ reference, computerReference: 'C' }));
  const twice = store.write(async (tables) => {
    for (const key of keys) {
      await tables.insertPartition(key);
      await tables.updatePartition(key, { title: 't', requestedBy: '' });
    }
  });
  await expect(twice).rejects.toMatchObject({ statusCode: 400 });
  expect(await store.read((tables) => tables.listPartitions('C'))).toEqual([]);
});

test('a dump is the SQL text of slapproxy', async () => {
  const store = any(0);
  await store.write(async (tables) => {
    await tables.putConfig('é', "it's");
    await tables.insertPartition({ reference: 'p', computerReference: 'C' });
    await tables.updatePartition({ reference: 'p', computerReference: 'C' }, { timestamp: 1.5 });
  });
  const path = await store.dump();
  expect(path.startsWith(join(folder, 'slapproxy-backup-'))).toBe(true);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const database = new Sqlite(':memory:');
  database.exec(readFileSync(path, 'utf8'));
  expect(database.prepare('SELECT * FROM config17').all()).toEqual([{ name: 'é', value: "it's" }]);
  expect(database.prepare('SELECT reference, timestamp FROM partition17').all()).toEqual([
    { reference: 'p', timestamp: 1.5 },
  ]);
  database.close();
});
