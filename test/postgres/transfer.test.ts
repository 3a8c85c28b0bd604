import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import fc from 'fast-check';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { CancelledError } from '../../src/errors/slapos-error.ts';
import { silentLogger } from '../../src/log/logger.ts';
import { renderIndexes, renderSchema } from '../../src/proxy/schema.ts';
import { renderSqlDump } from '../../src/proxy/sql-dump.ts';
import { openStore } from '../../src/proxy/store-open.ts';
import { columnsOf, countRows } from '../../src/proxy/transfer/content.ts';
import { type TransferOptions, transferStore } from '../../src/proxy/transfer/transfer-store.ts';
import { writeOldDatabase } from '../support/old-proxy-database.ts';
import { PostgresRelay } from '../support/postgres-relay.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { requires } from '../support/requires.ts';
import { beforeEachStatement } from '../support/sqlite-moments.ts';
import { type GeneratedContent, generatedContents } from '../support/store-contents.ts';

let server: PostgresServer;
let folder: string;
let source: string;
let target: string;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.close());
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-transfer-'));
  source = join(folder, 'source.db');
  target = await server.createDatabase();
});
afterEach(() => rmSync(folder, { recursive: true }));

function transfer(from: string, to: string, more: Partial<TransferOptions> = {}) {
  return transferStore({
    from,
    to,
    defaultComputerId: 'COMP-1',
    isForced: false,
    isDryRun: false,
    isShared: false,
    stateFolder: folder,
    log: silentLogger,
    ...more,
  });
}

function fill(path: string, { version, rows }: GeneratedContent): void {
  const database = new Sqlite(path);
  database.exec(renderSchema('COMP-1', version) + renderIndexes(version));
  database.exec('BEGIN');
  for (const [table, row] of rows) {
    const columns = columnsOf(table, version);
    const marks = columns.map(() => '?').join(', ');
    database
      .prepare(`INSERT INTO ${table}${version} (${columns.join(', ')}) VALUES (${marks})`)
      .run(...row);
  }
  database.exec('COMMIT');
  database.close();
}

function dump(path: string): string {
  const database = new Sqlite(path, { readonly: true });
  try {
    return renderSqlDump(database);
  } finally {
    database.close();
  }
}

const FREE = ['free', ...Array<null>(6).fill(null), '', 'started', null];
const SMALL: GeneratedContent = {
  version: 17,
  rows: [
    ['config', ['a', 'b']],
    ['computer', ['COMP-1', '10.0.0.1', null]],
    ['partition', ['p1', 'COMP-1', 'busy', '/s', '<x/>', null, null, 't', 'i', '', 'started', 1.5]],
    ['partition', ['p0', 'COMP-1', ...FREE]],
    ['partition_network', ['p0', 'COMP-1', 'tap0', '10.0.0.2', '255.255.255.255']],
  ],
};
const OTHER: GeneratedContent = { version: 17, rows: [['computer', ['COMP-9', null, null]]] };

const databaseName = () => new URL(target).pathname.slice(1);

/** Partitions that the server has, -1 without tables. */
async function countPartitions(): Promise<number> {
  const [found] = await server.query(
    "SELECT to_regclass('slapos.partition') AS name",
    databaseName(),
  );
  if (found?.['name'] === null) return -1;
  const query = 'SELECT count(*)::integer AS n FROM slapos.partition';
  return Number((await server.query(query, databaseName()))[0]?.['n']);
}

const CANCELLED = new CancelledError('SLAPOS_ERR_CANCELLED', 'Interrupted.');

/** null when there was none. */
const errorOf = (move: Promise<unknown>): Promise<unknown> =>
  move.then(() => null).catch((cause: unknown) => cause);

/** The server needs a moment to see that a move is gone. */
async function awaitFree(): Promise<void> {
  const locks = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'";
  await expect.poll(() => server.query(locks), { timeout: 20_000, interval: 5 }).toEqual([]);
}

requires('postgres')('moving a store', () => {
  test('there and back gives the same text, whatever it holds', { timeout: 180_000 }, async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(generatedContents, async (content) => {
        run += 1;
        const [from, back] = [join(folder, `${run}.db`), join(folder, `${run}-back.db`)];
        const schema = `${target}?schema=run_${run}`;
        fill(from, content);
        const there = await transfer(from, schema);
        await transfer(schema, back);
        expect(there.version).toBe(content.version);
        expect(dump(back)).toBe(dump(from));
        expect(statSync(back).mode & 0o777).toBe(0o600);
      }),
      { numRuns: 12 },
    );
  });

  test('more rows than a batch keep their order, and later ones come after them', async () => {
    const names = Array.from({ length: 2500 }, (_, index) => `p${(index * 7919) % 2500}`);
    fill(source, { version: 17, rows: names.map((name) => ['partition', [name, 'C', ...FREE]]) });
    await transfer(source, target);
    const store = await openStore(target, 'COMP-1', silentLogger);
    const key = { reference: 'z', computerReference: 'C' };
    await store.write((tables) => tables.insertPartition(key));
    const found = await store.read((tables) => tables.listPartitions('C'));
    await store.close();
    expect(found.map(({ reference }) => reference)).toEqual([...names, 'z']);
  });

  test('who reads an older state of the target goes on to see that', async () => {
    const other = join(folder, 'other.db');
    fill(source, SMALL);
    fill(other, OTHER);
    await transfer(source, target);
    const reader = new Client({ connectionString: target });
    await reader.connect();
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
    await transfer(other, target, { isForced: true });
    const { rows } = await reader.query('SELECT reference FROM slapos.partition ORDER BY id');
    await reader.end();
    expect(rows).toEqual([{ reference: 'p1' }, { reference: 'p0' }]);
    expect(await countPartitions()).toBe(0);
  });

  test('a dry run changes nothing and counts', async () => {
    fill(source, SMALL);
    const before = readFileSync(source);
    const report = await transfer(source, target, { isDryRun: true });
    expect(countRows(report.digest)).toBe(4);
    expect(await countPartitions()).toBe(-1);
    expect(readFileSync(source).equals(before)).toBe(true);
  });

  test('an old database is converted on its way, and stays as it is', async () => {
    writeOldDatabase(source, 13);
    const before = dump(source);
    expect((await transfer(source, target)).version).toBe(17);
    expect(await countPartitions()).toBe(6);
    expect(dump(source)).toBe(before);
  });
});

requires('postgres')('what is refused', () => {
  test('a target that holds something, unless it may be replaced; then it is kept', async () => {
    const other = join(folder, 'other.db');
    fill(source, SMALL);
    fill(other, OTHER);
    await transfer(source, target);
    await expect(transfer(other, target)).rejects.toThrow(/not empty: it holds 4 rows/);
    expect(await countPartitions()).toBe(2);
    const { former } = await transfer(other, target, { isForced: true });
    expect(await countPartitions()).toBe(0);
    expect(readFileSync(former ?? '', 'utf8')).toContain(`INTO "partition17" VALUES('p1'`);
    await expect(transfer(target, source)).rejects.toThrow(/not empty/);
    const back = await transfer(target, source, { isForced: true });
    expect(readFileSync(back.former ?? '', 'utf8')).toContain("VALUES('p1'");
    expect(dump(source)).toContain("VALUES('COMP-9'");
  });

  test('a source or target that a proxy uses', async () => {
    const busy = { code: 'SLAPOS_ERR_BUSY' };
    fill(source, SMALL);
    const file = await openStore(source, 'COMP-1', silentLogger);
    await expect(transfer(source, target)).rejects.toMatchObject(busy);
    await file.close();
    const used = await openStore(target, 'COMP-1', silentLogger);
    await expect(transfer(source, target)).rejects.toMatchObject(busy);
    await expect(transfer(target, source)).rejects.toMatchObject(busy);
    await used.close();
    await transfer(source, target);
    expect(await countPartitions()).toBe(2);
  });

  test('what is no store, and two files', async () => {
    fill(source, SMALL);
    const file = join(folder, 'y.db');
    await expect(transfer(source, file)).rejects.toThrow(/Neither of the two/);
    await expect(transfer(source, source)).rejects.toThrow(/same database/);
    await expect(transfer(join(folder, 'none'), target)).rejects.toThrow(/no such file/);
    const text = join(folder, 'text');
    writeFileSync(text, 'no SQL');
    await expect(transfer(text, target)).rejects.toMatchObject({ code: 'SLAPOS_ERR_DATABASE' });
    await expect(transfer(target, file)).rejects.toThrow(/holds nothing of a proxy/);
    expect(await countPartitions()).toBe(-1);
    expect(existsSync(file)).toBe(false);
  });

  test('what PostgreSQL cannot hold, by table and key', async () => {
    const long = 'x'.repeat(2601);
    const twin = ['busy', '/s', null, null, null, 't', 'i', '', 'started', 'soon'] as const;
    fill(source, {
      version: 17,
      rows: [
        ...SMALL.rows,
        ['config', ['nul', 'a\0b']],
        ['software', [null, 'COMP-1', 'available']],
        ['software', ['/s', long, 'available']],
        ['partition', ['p2', 'C', ...twin]],
        ['slave', ['_s', 'COMP-1', null, 'p1', null]],
        ['slave', ['_s', 'COMP-1', null, 'p0', null]],
      ],
    });
    const database = new Sqlite(source);
    database.exec("UPDATE partition17 SET xml = CAST(x'ff41' AS TEXT) WHERE reference = 'p1'");
    database.exec("UPDATE computer17 SET address = x'00'");
    database.close();
    const error = await transfer(source, target).then(String, String);
    const lines = [
      'config (nul): column value holds a NUL character',
      'software (null, COMP-1): column url is empty (NULL)',
      `): column computer_reference is longer than 2600 bytes`,
      'computer (COMP-1): column address holds a blob',
      'partition (p1, COMP-1): column xml is not UTF-8',
      'partition (p2, C): column timestamp is not a number',
      'partition (p2, C): has the title of another instance of its tree',
      'slave (_s, COMP-1): is there twice',
    ];
    for (const line of lines) expect(error).toContain(line);
    expect(error.match(/\n {2}/g)).toHaveLength(lines.length);
    expect(await countPartitions()).toBe(-1);
  });
});

requires('postgres')('an interrupted move', () => {
  test('leaves a server empty or complete, wherever it breaks', { timeout: 180_000 }, async () => {
    fill(source, SMALL);
    const relay = await PostgresRelay.start(server.port);
    /** What is there after the connection broke at a statement, null when none was left. */
    const interrupt = async (harm: 'before' | 'after', moment: number) => {
      relay.statements = 0;
      relay.decide = () => (relay.statements === moment ? harm : undefined);
      const error = await errorOf(transfer(source, relay.uri(target)));
      if (error !== null) expect(error).toMatchObject({ code: 'SLAPOS_ERR_DATABASE' });
      await awaitFree();
      const count = await countPartitions();
      if (count >= 0) await server.query('DROP SCHEMA slapos CASCADE', databaseName());
      return error === null ? null : count;
    };
    try {
      const counts: number[] = [];
      for (let found = await interrupt('before', 1); found !== null; ) {
        counts.push(found);
        found = await interrupt('before', counts.length + 1);
      }
      expect(counts.length).toBeGreaterThan(20);
      expect(new Set(counts)).toEqual(new Set([-1]));
      // After a statement is before the next one, but for the last, which commits.
      expect(await interrupt('after', counts.length - 1)).toBe(-1);
      expect(await interrupt('after', counts.length)).toBe(2);
    } finally {
      await relay.close();
    }
  });

  test('leaves a server as it was when it is told to end before the commit', async () => {
    fill(source, SMALL);
    const relay = await PostgresRelay.start(server.port);
    /** What is there after it was told to end at a statement. */
    const abort = async (moment: number) => {
      const controller = new AbortController();
      relay.statements = 0;
      relay.decide = () => {
        if (relay.statements === moment) controller.abort(CANCELLED);
        return undefined;
      };
      const move = transfer(source, relay.uri(target), { signal: controller.signal });
      const error = await errorOf(move);
      await awaitFree();
      return { error, count: await countPartitions() };
    };
    try {
      let moment = 1;
      let result = await abort(moment);
      for (; result.error !== null; result = await abort(++moment)) {
        expect(result).toEqual({ error: CANCELLED, count: -1 });
      }
      expect(result.count).toBe(2);
      expect(relay.statements).toBe(moment);
      expect(moment).toBeGreaterThan(20);
    } finally {
      await relay.close();
    }
  });

  test('that waits for a lock ends too', async () => {
    fill(source, SMALL);
    await transfer(source, target);
    const blocker = new Client({ connectionString: target });
    await blocker.connect();
    await blocker.query('BEGIN; LOCK TABLE slapos.computer IN ACCESS EXCLUSIVE MODE');
    const controller = new AbortController();
    const move = transfer(source, target, { isForced: true, signal: controller.signal });
    const ended = expect(move).rejects.toBe(CANCELLED);
    const waiting = 'SELECT 1 FROM pg_locks WHERE NOT granted';
    await expect.poll(() => server.query(waiting)).toHaveLength(1);
    controller.abort(CANCELLED);
    await ended;
    await blocker.end();
    expect(await countPartitions()).toBe(2);
  });

  test('leaves a file as it was when it is told to end', async () => {
    fill(source, SMALL);
    await transfer(source, target);
    const file = join(folder, 'back.db');
    fill(file, OTHER);
    const former = dump(file);
    // As a signal that comes in its n-th look.
    for (let looks = 1; ; looks += 1) {
      let left = looks;
      const { signal } = new AbortController();
      signal.throwIfAborted = () => {
        left -= 1;
        if (left === 0) throw CANCELLED;
      };
      const move = transfer(target, file, { isForced: true, signal });
      const error = await errorOf(move);
      if (error === null) break;
      expect(error).toBe(CANCELLED);
      expect(dump(file)).toBe(former);
      await awaitFree();
    }
    expect(dump(file)).toBe(dump(source));
  });

  test('leaves a file as it was or complete, wherever the process ends', async () => {
    fill(source, SMALL);
    await transfer(source, target);
    const file = join(folder, 'back.db');
    fill(file, OTHER);
    const former = dump(file);
    const seen = new Set<string>();
    let isLooking = false;
    const look = () => {
      if (isLooking) return;
      isLooking = true;
      const copy = mkdtempSync(join(tmpdir(), 'slapos-moment-'));
      for (const end of ['', '-journal', '-wal']) {
        if (existsSync(file + end)) cpSync(file + end, join(copy, `db${end}`));
      }
      const database = new Sqlite(join(copy, 'db'));
      seen.add(renderSqlDump(database));
      database.close();
      rmSync(copy, { recursive: true });
      isLooking = false;
    };
    await beforeEachStatement(look, async () => {
      await transfer(target, file, { isForced: true });
    });
    look();
    expect([...seen]).toEqual([former, dump(source)]);
  });
});
