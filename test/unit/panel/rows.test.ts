/** What the panel reads of the database. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readRows } from '../../../src/panel/rows.ts';
import { REPORTS, readComputerStatus } from '../../../src/proxy/reports.ts';
import type { ProxyEnvironment } from '../../../src/proxy/route.ts';
import { ofComputer, storeReport } from '../../../src/proxy/status.ts';
import type { ProxyStore, ProxyTables } from '../../../src/proxy/store.ts';
import { openTestStore, retireStore } from '../../support/test-store.ts';

let folder: string;
let database: string;
let store: ProxyStore;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-rows-'));
  ({ database, store } = await openTestStore(folder));
});
afterEach(async () => {
  await store.close();
  await retireStore(database);
  rmSync(folder, { recursive: true });
});

/** Counts the statements of a transaction. */
function counted(tables: ProxyTables, note: () => void): ProxyTables {
  return new Proxy(tables, {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown;
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        note();
        return member.apply(target, args);
      };
    },
  });
}

test('takes a few statements however many computers there are, and tells of each the same', async () => {
  const references = Array.from({ length: 40 }, (_, index) => `COMP-${index}`);
  const contacts = new Map([
    ['COMP-1', 100],
    ['COMP-2', 900],
    ['COMP-3', 300],
  ]);
  await store.write(async (tables) => {
    for (const reference of references) {
      await tables.putComputer({ reference, address: '127.0.0.1', netmask: '255.255.255.0' });
    }
    for (const reference of ['COMP-0', 'COMP-1', 'COMP-2']) {
      const said = REPORTS.computer(reference);
      await storeReport(ofComputer(reference), said, tables, () => 500);
    }
  });
  let statements = 0;
  const watched = {
    read: <T>(work: (tables: ProxyTables) => Promise<T>) =>
      store.read((tables) => work(counted(tables, () => (statements += 1)))),
  };
  const rows = await readRows({ store: watched, contacts } as unknown as ProxyEnvironment);
  expect(statements).toBeLessThan(10);
  expect(rows.computers).toHaveLength(40);
  expect([...rows.contacts.keys()].sort()).toEqual(['COMP-0', 'COMP-1', 'COMP-2', 'COMP-3']);
  for (const reference of references) {
    const single = await store.read((tables) => readComputerStatus(reference, tables, contacts));
    expect(rows.contacts.get(reference) ?? null).toEqual(
      single === null ? null : expect.objectContaining(single),
    );
  }
});
