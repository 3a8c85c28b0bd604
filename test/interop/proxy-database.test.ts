/** The database file alternates between upstream's slapproxy and ours. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../src/log/logger.ts';
import { createProxyServer } from '../../src/proxy/server.ts';
import { openSqliteStore } from '../../src/proxy/store-sqlite.ts';
import { createSlapClient } from '../../src/slap/slap-client.ts';
import { OLD_VERSIONS, writeOldDatabase } from '../support/old-proxy-database.ts';
import { findPeerPython } from '../support/peer-python.ts';
import { computerDocument, instanceRequest } from '../support/proxy-fixture.ts';

const peer = findPeerPython('slapos.proxy.views');
const note = 'reason' in peer ? ` (skipped: ${peer.reason})` : '';
const python = 'python' in peer ? peer.python : '';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-database-'));
  path = join(folder, 'proxy.db');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Runs requests through upstream's server without a socket; prints the last answer. */
const PROGRAM = `
import json, logging, sys
from slapos.proxy.views import app
path, requests = sys.argv[1], json.loads(sys.argv[2])
app.config.update(DATABASE_URI=path, computer_id='COMP-1', computer_id_list=[],
  software_product_list={}, multimaster={}, run_id='x', local_software_release_root='/old')
client = app.test_client()
text = client.get('/getRunId').get_data(as_text=True)
for endpoint, fields in requests:
  answer = client.post(endpoint, data=fields) if fields else client.get(endpoint)
  assert answer.status_code == 200, (endpoint, answer.status_code)
  text = answer.get_data(as_text=True)
sys.stdout.write(text)
`;

type PeerRequest = readonly [string, Readonly<Record<string, string>> | null];

const FULL: PeerRequest = ['/getFullComputerInformation?computer_id=COMP-1', null];

async function readFull(url: string): Promise<string> {
  return (await fetch(url.replace(/\/$/, FULL[0]))).text();
}

function runUpstream(requests: readonly PeerRequest[] = []): string {
  const run = spawnSync(python, ['-c', PROGRAM, path, JSON.stringify(requests)], {
    encoding: 'utf8',
  });
  expect(run.stderr).not.toContain('Traceback');
  expect(run.status).toBe(0);
  return run.stdout;
}

function versionOf(): number {
  const database = new Sqlite(path, { readonly: true });
  const names = database
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
    .pluck()
    .all() as string[];
  database.close();
  return Math.max(...names.map((name) => Number(/\d+$/.exec(name)?.[0])));
}

async function withOurs<T>(work: (url: string) => Promise<T>, file = path): Promise<T> {
  const store = openSqliteStore(file, 'COMP-1', silentLogger);
  const server = createProxyServer({ store, log: silentLogger, defaultComputerId: 'COMP-1' });
  const url = `${await server.listen('127.0.0.1', 0)}/`;
  return work(url).finally(() => server.close());
}

async function askOurs(titles: ReadonlyArray<readonly [string, string?]>) {
  return withOurs(async (masterUrl) => {
    const master = createSlapClient({ masterUrl });
    const found: Array<string | undefined> = [];
    for (const [title, partitionId] of titles) {
      const requester =
        partitionId === undefined ? {} : { requester: { computerId: 'COMP-1', partitionId } };
      const { partition } = await master.requestInstance(instanceRequest(title, requester));
      found.push(partition?.partitionId);
    }
    await master.close();
    return found;
  });
}

describe.skipIf(note !== '')(`one file, two programs${note}`, () => {
  test.each(OLD_VERSIONS)('version %d converted by both has the same rows', async (version) => {
    writeOldDatabase(path, version);
    const ours = `${path}-ours`;
    writeOldDatabase(ours, version);
    void openSqliteStore(ours, 'COMP-1', silentLogger).close();
    const document = runUpstream([FULL]);
    const theirs = versionOf();
    const left = new Sqlite(ours);
    const right = new Sqlite(path);
    for (const table of [
      // Before, upstream takes the root from its configuration as it converts.
      ...(version >= 15 ? ['config'] : []),
      'software',
      'computer',
      'partition',
      'slave',
      'partition_network',
      'forwarded_partition_request',
    ]) {
      const columns = (left.pragma(`table_info(${table}17)`) as Array<{ name: string }>)
        .map((column) => column.name)
        .filter((name) => theirs < 18 || name !== 'asked_by')
        .join(', ');
      expect(left.prepare(`SELECT ${columns} FROM ${table}17`).all()).toEqual(
        right.prepare(`SELECT ${columns} FROM ${table}${theirs}`).all(),
      );
    }
    left.close();
    right.close();
    expect(await withOurs(readFull, ours)).toBe(document);
  });

  test('they take turns, and each finds what the other did', async () => {
    await withOurs(async (masterUrl) => {
      const master = createSlapClient({ masterUrl });
      await master.loadComputerConfiguration(computerDocument(5));
      await master.supplySoftware('https://example.com/software.cfg', 'COMP-1', 'available');
      await master.close();
    });
    expect(await askOurs([['root'], ['child', 'slappart0']])).toEqual(['slappart0', 'slappart1']);
    const theirs = runUpstream([FULL]);
    expect(theirs).toContain('<string>root</string>');
    // Newer peers convert the file; it keeps their version with us.
    const version = versionOf();
    expect(await askOurs([['root'], ['child', 'slappart0'], ['new']])).toEqual([
      'slappart0',
      'slappart1',
      'slappart2',
    ]);
    expect(versionOf()).toBe(version);
    const mine = await withOurs(readFull);
    expect(runUpstream([FULL])).toBe(mine);
  });
});
