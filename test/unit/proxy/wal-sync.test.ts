import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WalSync } from '../../../src/proxy/wal-sync.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-wal-'));
  path = join(folder, 'proxy.db-wal');
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));

async function spyOnSync() {
  writeFileSync(path, 'x');
  const handle = await open(path, 'r');
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  return vi.spyOn(prototype, 'datasync');
}

test('many commits share one sync, and a later one gets another', async () => {
  const datasync = await spyOnSync();
  const sync = new WalSync(path);
  for (let count = 0; count < 100; count += 1) sync.request();
  await vi.waitFor(() => expect(datasync).toHaveBeenCalledTimes(1));
  await wait(50);
  expect(datasync).toHaveBeenCalledTimes(1);
  sync.request();
  await vi.waitFor(() => expect(datasync).toHaveBeenCalledTimes(2));
  await sync.close();
});

test('a commit during a sync is not forgotten', async () => {
  const datasync = await spyOnSync();
  const sync = new WalSync(path);
  datasync.mockImplementationOnce(async () => {
    sync.request();
  });
  sync.request();
  await vi.waitFor(() => expect(datasync).toHaveBeenCalledTimes(2));
  await sync.close();
});

test('without a log there is nothing to do', async () => {
  const sync = new WalSync(path);
  sync.request();
  await wait(50);
  await sync.close();
  await sync.close();
});
