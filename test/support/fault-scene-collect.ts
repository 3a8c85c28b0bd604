/** `node collect` on a database with samples of today and of a past day, for walks of faults. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { inCopy } from './database-copy.ts';
import { slaposCommand } from './fault-tracer.ts';
import { describeTree } from './fault-tree.ts';
import type { FaultScene } from './fault-walk.ts';
import { InstanceNode } from './instance-node.ts';
import { keepTree } from './kept-tree.ts';

const PAST_DAY = '2001-02-03';
/** Older than a second, so that a run need not wait, and young enough to count. */
const LOOK_AGE_MS = 10_000;

/** Every row of every table, but for the mark of what is packed. */
function readRows(file: string): ReadonlySet<string> {
  return inCopy(file, (database) => {
    const tables = database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
      .pluck()
      .all() as string[];
    const rows = tables.flatMap((table) =>
      database
        .prepare(`SELECT * FROM "${table}"`)
        .raw()
        .all()
        .map((row) => `${table} ${JSON.stringify((row as unknown[]).slice(0, -1))}`),
    );
    return new Set(rows);
  });
}

/** What a database is, but for its rows. */
function describeDatabase(file: string): string[] {
  return inCopy(file, (database) => {
    const schema = database.prepare('SELECT sql FROM sqlite_master ORDER BY name').pluck().all();
    return [String(database.pragma('integrity_check', { simple: true })), ...schema.map(String)];
  });
}

/** Changes the rows of all tables. */
function changeRows(file: string, change: string): void {
  const database = new Database(file);
  try {
    const tables = database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
      .pluck()
      .all();
    for (const table of tables) database.exec(`UPDATE "${table}" SET ${change}`);
  } finally {
    database.close();
  }
}

/** The samples of the past day that left the database, packed or still in their folder. */
function readPastDay(folder: string): string {
  const day = join(folder, PAST_DAY);
  const dumps = existsSync(day) ? readdirSync(day).map((name) => join(day, name)) : [];
  // An archive is whole before it gets its name, which the next run gives it after a kill.
  const archives = [`${PAST_DAY}.tar.gz`, `.${PAST_DAY}.tar.gz`]
    .map((name) => join(folder, name))
    .filter(existsSync);
  const texts = [
    ...dumps.map((file) => readFileSync(file, 'utf8')),
    ...archives.map((file) => spawnSync('tar', ['-xzOf', file], { encoding: 'utf8' }).stdout),
  ];
  return [...new Set(texts.join('\n').split('\n'))].sort().join('\n').trim();
}

/** Makes what the last run saw old enough; what is no such file any more stays. */
function ageLook(file: string): void {
  try {
    const look = JSON.parse(readFileSync(file, 'utf8'));
    const monotonicMs = Number(process.hrtime.bigint()) / 1e6 - LOOK_AGE_MS;
    writeFileSync(file, JSON.stringify({ ...look, monotonicMs }));
  } catch {
    // The run will wait.
  }
}

export async function collectScene(): Promise<FaultScene> {
  const node = new InstanceNode({
    partitions: 2,
    releases: [],
    settings:
      '[slapformat]\npartition_base_name = slappart\nuser_base_name = siteuser\npartition_amount = 2\n',
  });
  await node.open();
  const file = node.site.path('var', 'data-log', 'collector.db');
  const folder = dirname(file);
  const look = join(folder, '.collect.last.json');
  const collect = async () => {
    const { status, stderr } = await node.runPlain('collect');
    if (status !== 0) throw new Error(`collect ends with ${status}: ${stderr}`);
  };
  await collect();
  changeRows(file, `date = '${PAST_DAY}'`);
  ageLook(look);
  const kept = keepTree(node.site.root);
  const before = readRows(file);
  await collect();
  const archived = readPastDay(folder);
  return {
    name: 'node collect',
    isOpaque: true,
    command: () => slaposCommand(node.configuration, 'node', 'collect'),
    async reset() {
      kept.restore();
      ageLook(look);
    },
    repair: () => ageLook(look),
    async state() {
      const files = describeTree([node.site.root], {
        ignored: /\.(db-(wal|shm|journal)|lock)$/,
        volatile: /\/var\/|\/\.slapgrid\//,
      });
      return [...files, ...describeDatabase(file)];
    },
    async findLosses() {
      if (!existsSync(file)) return ['the database'];
      const rows = readRows(file);
      const lacking = [...before].filter((row) => !rows.has(row));
      // What is on file elsewhere is deleted.
      return readPastDay(folder) === archived ? [] : lacking.slice(0, 5);
    },
    async close() {
      kept.remove();
      await node.close();
    },
  };
}
