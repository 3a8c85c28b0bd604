/** A proxy killed under requests: what it answered is there, and nothing is there twice. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import type { PartitionRow } from '../../../src/proxy/store.ts';
import { openSqliteStore } from '../../../src/proxy/store-sqlite.ts';
import { bundleProgram } from '../../support/bundle-slapos.ts';
import { computerDocument, postForm, requestFields } from '../../support/proxy-fixture.ts';

const ROUNDS = 6;
const CLIENTS = 4;

let folder: string;
let program: string;
let child: ChildProcess | undefined;
beforeEach(async () => {
  ({ folder, program } = await bundleProgram('test/fixtures/proxy-program.ts'));
});
afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

async function start(database: string): Promise<string> {
  const modules = join(import.meta.dirname, '../../../node_modules');
  const env = { ...process.env, NODE_PATH: modules };
  child = spawn(process.execPath, [program, database], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout ?? process.stdin, 'data')) as [Buffer];
  return line.toString().trim();
}

/** Requests instances until the proxy is gone. @returns the titles that were answered. */
async function requestMany(url: string, prefix: string): Promise<string[]> {
  const answered: string[] = [];
  for (let index = 0; ; index += 1) {
    const title = `${prefix}-${index}`;
    const fields = requestFields({
      partition_reference: title,
      state: index % 2 ? 'stopped' : null,
    });
    try {
      const { status } = await postForm(`${url}requestComputerPartition`, fields);
      expect(status).toBe(200);
      answered.push(title);
    } catch (error) {
      if (error instanceof TypeError) return answered;
      throw error;
    }
  }
}

async function readInstances(database: string): Promise<PartitionRow[]> {
  const store = openSqliteStore(database, 'COMP-1', silentLogger);
  const rows = await store.read((tables) => tables.listPartitions(null));
  await store.close();
  const check = new Sqlite(database, { readonly: true });
  expect(check.pragma('integrity_check', { simple: true })).toBe('ok');
  check.close();
  return rows.filter((row) => row.slapState === 'busy');
}

test('kill -9 at any time', async () => {
  const database = join(folder, 'proxy.db');
  const answered: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const url = await start(database);
    if (round === 0) {
      await postForm(`${url}loadComputerConfigurationFromXML`, { xml: computerDocument(5000) });
    }
    const clients = Array.from({ length: CLIENTS }, (_, index) =>
      requestMany(url, `${round}-${index}`),
    );
    await sleep(50 + Math.random() * 200);
    child?.kill('SIGKILL');
    for (const titles of await Promise.all(clients)) answered.push(...titles);
    const rows = await readInstances(database);
    const titles = rows.map((row) => row.title);
    expect(answered.filter((title) => !titles.includes(title))).toEqual([]);
    expect(new Set(titles).size).toBe(titles.length);
    // A request is there whole: allocated, with its software and its time.
    expect(rows.every((row) => row.softwareRelease !== null && row.timestamp !== null)).toBe(true);
    // At most the requests that were under way are there without an answer.
    expect(titles.length - answered.length).toBeLessThanOrEqual(CLIENTS * (round + 1));
  }
  expect(answered.length).toBeGreaterThan(0);
});
