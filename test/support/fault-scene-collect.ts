/** `node collect` on a database with samples of today and of a past day, for walks of faults. */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { loadNative } from '../../src/host/native.ts';
import { inCopy } from './database-copy.ts';
import { slaposCommand } from './fault-tracer.ts';
import { describeTree } from './fault-tree.ts';
import type { FaultScene } from './fault-walk.ts';
import { InstanceNode } from './instance-node.ts';
import { keepTree } from './kept-tree.ts';
import { BEGIN_TEARING, leaveByKill } from './killed-writer.ts';

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

/** A node on which the collector ran once. */
async function openCollected() {
  const node = new InstanceNode({
    partitions: 2,
    releases: [],
    settings:
      '[slapformat]\npartition_base_name = slappart\nuser_base_name = siteuser\npartition_amount = 2\n',
  });
  await node.open();
  const file = node.site.path('var', 'data-log', 'collector.db');
  const look = join(dirname(file), '.collect.last.json');
  const collect = async () => {
    const { status, stderr } = await node.runPlain('collect');
    if (status !== 0) throw new Error(`collect ends with ${status}: ${stderr}`);
  };
  const state = async () => {
    const files = describeTree([node.site.root], {
      ignored: /\.(db-(wal|shm|journal)|lock)$|\/\.collector\.db\.private(\/|$)/,
      volatile: /\/var\/|\/\.slapgrid\//,
    });
    return [...files, ...describeDatabase(file)];
  };
  await collect();
  return { node, file, collect, state, age: () => ageLook(look) };
}

function findLacking(before: ReadonlySet<string>, file: string): string[] {
  if (!existsSync(file)) return ['the database'];
  const rows = readRows(file);
  return [...before].filter((row) => !rows.has(row)).slice(0, 5);
}

export async function collectScene(): Promise<FaultScene> {
  const { node, file, collect, state, age } = await openCollected();
  const folder = dirname(file);
  changeRows(file, `date = '${PAST_DAY}'`);
  age();
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
      age();
    },
    repair: age,
    state,
    async findLosses() {
      const lacking = findLacking(before, file);
      // What is on file elsewhere is deleted.
      return existsSync(file) && readPastDay(folder) === archived ? [] : lacking;
    },
    async close() {
      kept.remove();
      await node.close();
    },
  };
}

/** The same on a file that a killed writer tore and somebody keeps locked, so that it is replaced. */
export async function replacementScene(): Promise<FaultScene> {
  const { node, file, state, age } = await openCollected();
  const wide = 'INSERT INTO wide VALUES (zeroblob(3000));'.repeat(10);
  const change = `UPDATE system SET loadavg = -1; UPDATE wide SET x = ''; ${wide}`;
  leaveByKill(file, `CREATE TABLE wide (x); ${wide}`, `${BEGIN_TEARING}; ${change}`);
  const kept = keepTree(node.site.root);
  const before = readRows(file);
  let held: number | undefined;
  const release = () => {
    if (held !== undefined) closeSync(held);
    held = undefined;
  };
  return {
    name: 'node collect, which replaces its database',
    isOpaque: true,
    command: () => slaposCommand(node.configuration, 'node', 'collect'),
    async reset() {
      release();
      kept.restore();
      age();
      held = openSync(file, 'r');
      loadNative().lockTry({ fd: held, isExclusive: false });
    },
    repair: age,
    state,
    findLosses: async () => findLacking(before, file),
    async close() {
      release();
      kept.remove();
      await node.close();
    },
  };
}
