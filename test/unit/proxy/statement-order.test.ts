/** Upstream's statements name no order: our indexes must leave them the order of insertion. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import { openSqliteStore } from '../../../src/proxy/store-sqlite.ts';

let folder: string;
let database: Sqlite.Database;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-order-'));
  const path = join(folder, 'proxy.db');
  await openSqliteStore(path, 'COMP-1', silentLogger).close();
  database = new Sqlite(path);
  const insert = database.prepare(
    `INSERT INTO partition17 (reference, slap_state, software_release, partition_reference, requested_by)
     VALUES (?, ?, ?, ?, ?)`,
  );
  // What the indexes sort by falls while the rows come.
  for (let count = 40; count > 0; count -= 1) {
    const state = count % 4 === 0 ? 'free' : 'busy';
    insert.run(`p${count % 7}${count}`, state, `url${count}`, `t${count % 2}`, `r${count % 10}`);
  }
});
afterEach(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

test.each([
  "slap_state <> 'free'",
  "slap_state = 'free' AND computer_reference = 'COMP-1'",
  "slap_state = 'busy' AND computer_reference = 'COMP-1'",
  "computer_reference = 'COMP-1'",
  "software_release <> '' AND computer_reference = 'COMP-1'",
  "partition_reference = 't1'",
  "partition_reference = 't1' AND computer_reference = 'COMP-1'",
  "partition_reference = 't1' AND requested_by = 'r3'",
  "requested_by = 'r3'",
  "slap_state <> 'free' AND requested_by = 'r3'",
])('%s', (condition) => {
  const query = `SELECT rowid, * FROM partition17 WHERE ${condition}`;
  const found = database.prepare(query).pluck().all() as number[];
  expect(found.length).toBeGreaterThan(1);
  expect(found).toEqual(found.toSorted((left, right) => left - right));
});
