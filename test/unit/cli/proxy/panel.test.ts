/** How `proxy start` brings the panel: its token, its place, and the node that it shows. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { preparePanel } from '../../../../src/cli/proxy/panel.ts';
import { readConfig } from '../../../../src/config/read.ts';
import { silentLogger } from '../../../../src/log/logger.ts';
import type { PanelOverview } from '../../../../src/panel/api.ts';
import { createProxyServer } from '../../../../src/proxy/server.ts';
import { openSqliteStore } from '../../../../src/proxy/store-sqlite.ts';
import { computerDocument, postForm } from '../../../support/proxy-fixture.ts';

let folder: string;
let said: string[];
const say = (message: string) => void said.push(message);
const log = { ...silentLogger, info: say, error: say };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-panel-'));
  said = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Runs a proxy with its real panel; the kernel tells who we are. */
async function withPanel(cfg: string, work: (url: string) => Promise<void>): Promise<void> {
  const database = join(folder, 'proxy.db');
  writeFileSync(join(folder, 'slapos.cfg'), cfg);
  const config = readConfig(join(folder, 'slapos.cfg'));
  const panel = preparePanel({
    stateFolder: folder,
    config,
    cwd: folder,
    computerId: 'COMP-1',
    log,
  });
  const store = openSqliteStore(database, 'COMP-1', silentLogger);
  const server = createProxyServer({ store, log, defaultComputerId: 'COMP-1', panel });
  const url = await server.listen('127.0.0.1', 0);
  try {
    panel.announce(url);
    await postForm(`${url}/loadComputerConfigurationFromXML`, { xml: computerDocument(1) });
    await work(url);
  } finally {
    await server.close();
  }
}

const tokenFile = () => join(folder, 'panel-token');
const overviewOf = async (url: string, headers: Record<string, string> = {}) => {
  const answer = await fetch(`${url}/panel/api/overview`, { headers });
  return { status: answer.status, overview: (await answer.json()) as PanelOverview };
};

test('the token is made once, and told to nobody', async () => {
  await withPanel('[slapos]\n', async (url) => {
    const token = readFileSync(tokenFile(), 'utf8').trim();
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(statSync(tokenFile()).mode & 0o777).toBe(0o600);
    expect(said).toContain(`Panel: ${url}/panel/ (its token is in ${tokenFile()})`);
    const passed = { via: '1.1 other' };
    expect((await overviewOf(url, passed)).status).toBe(401);
    const bearer = { ...passed, authorization: `Bearer ${token}` };
    expect((await overviewOf(url, bearer)).status).toBe(200);
    expect(said.join('\n')).not.toContain(token);
  });
  const token = readFileSync(tokenFile(), 'utf8');
  await withPanel('[slapos]\n', async () => {
    expect(readFileSync(tokenFile(), 'utf8')).toBe(token);
  });
});

test('the user of the proxy needs none, and sees why there is no node', async () => {
  await withPanel('[slapos]\n', async (url) => {
    const { status, overview } = await overviewOf(url);
    expect(status).toBe(200);
    expect(overview.nodes).toMatchObject([
      { computerId: 'COMP-1', isLocal: true, partitions: [{ services: null }] },
    ]);
    expect(overview.nodes[0]?.problems[0]).toContain('names no instance_root');
  });
});

test('a node is looked at where the configuration says', async () => {
  await withPanel(`[slapproxy]\ninstance_root = ${folder}\n`, async (url) => {
    // The overview would not wait for a machine that is busy.
    const query = 'computer=COMP-1&partition=slappart0';
    const answer = await fetch(`${url}/panel/api/partition?${query}`);
    expect(await answer.text()).toContain('nothing listens on');
  });
});

test('a token that others can read is not taken', async () => {
  await withPanel('[slapos]\n', async () => undefined);
  const token = readFileSync(tokenFile(), 'utf8').trim();
  chmodSync(tokenFile(), 0o644);
  await withPanel('[slapos]\n', async (url) => {
    expect(said.join('\n')).toContain('others may read or write it');
    const headers = { via: '1.1 other', authorization: `Bearer ${token}` };
    expect((await overviewOf(url, headers)).status).toBe(401);
    expect((await overviewOf(url)).status).toBe(200);
  });
});

const prepareIn = (stateFolder: string) => {
  const config = readConfig(join(folder, 'slapos.cfg'));
  preparePanel({ stateFolder, config, cwd: folder, computerId: 'COMP-1', log });
};

test('a folder for the token is made, for its owner alone', () => {
  writeFileSync(join(folder, 'slapos.cfg'), '[slapos]\n');
  const stateFolder = join(folder, 'state/slapos-proxy');
  prepareIn(stateFolder);
  expect(said).toEqual([]);
  expect(statSync(stateFolder).mode & 0o777).toBe(0o700);
  expect(statSync(join(stateFolder, 'panel-token')).mode & 0o777).toBe(0o600);
});

test('where there can be none the log says what to set', () => {
  writeFileSync(join(folder, 'slapos.cfg'), '[slapos]\n');
  prepareIn(join(folder, 'slapos.cfg/state'));
  expect(said).toEqual([
    expect.stringMatching(/^The panel has no token: .*ENOTDIR\. Set state_folder in \[slapproxy\]/),
  ]);
});
