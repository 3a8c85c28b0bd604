import fs, { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openSqliteStore } from '../../../../src/collect/sqlite-store.ts';
import { databaseCopies } from '../../../../src/host/folder/database-copy.ts';
import { observeFolderRefusal } from '../../../../src/host/folder/folder-refusal.ts';
import { loadSqliteAddon, loadSqliteFrom } from '../../../../src/host/package/sqlite-addon.ts';
import { silentLogger } from '../../../../src/log/logger.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'refusal-'));
  writeFileSync(join(root, 'file'), 'no library');
});
afterEach(() => rmSync(root, { recursive: true }));

it('tells what the kernel says of the folder of a database', async () => {
  const open = (path: string) =>
    openSqliteStore(path, { log: silentLogger, ...databaseCopies() }).catch(String);
  const missing = join(root, 'nope');
  expect(await open(join(missing, 'a.db'))).toContain(`${missing} does not exist.`);
  const other = join(root, 'file', 'below');
  expect(observeFolderRefusal(other)).toBe(`its folder ${other} cannot be looked at: ENOTDIR`);
  expect(observeFolderRefusal(root)).toContain(`${root} could not be looked at for a moment`);
});

it('opens a database whose folder could not be looked at for a moment', async () => {
  const path = join(root, 'a.db');
  // As better-sqlite3 asks.
  const look = vi.spyOn(fs, 'existsSync').mockReturnValueOnce(false);
  const store = await openSqliteStore(path, { log: silentLogger, ...databaseCopies() });
  expect(look).toHaveBeenCalledWith(root);
  expect(look).toHaveBeenCalledTimes(2);
  await store.close();
  look.mockRestore();
});

it('tells why the library of SQLite cannot be loaded, in one line', () => {
  const load = (path: string) => () => loadSqliteFrom(path);
  expect(load(join(root, 'file.node'))).toThrow(/by Node v\S+: Cannot find module [^\n]+\.$/);
  writeFileSync(join(root, 'text.node'), 'no library');
  expect(load(join(root, 'text.node'))).toThrow(/by Node v\S+: .*text\.node: [^\n]+\.$/);
});

it('finds the library whatever the package better-sqlite3 asks for', () => {
  expect(loadSqliteAddon('better_sqlite3.node')).toHaveProperty('Database');
});
