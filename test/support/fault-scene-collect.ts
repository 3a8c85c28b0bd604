/** `node collect` on a database that has samples already, for walks of faults. */
import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import { slaposCommand } from './fault-tracer.ts';
import { describeTree } from './fault-tree.ts';
import type { FaultScene } from './fault-walk.ts';
import { InstanceNode } from './instance-node.ts';

/** Every row of every table; what is no database any more has none. */
function readRows(file: string): ReadonlySet<string> {
  const database = new Database(file, { readonly: true });
  try {
    const tables = database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
      .pluck()
      .all() as string[];
    const rows = tables.flatMap((table) =>
      database
        .prepare(`SELECT * FROM "${table}"`)
        .raw()
        .all()
        .map((row) => `${table} ${JSON.stringify(row)}`),
    );
    return new Set(rows);
  } finally {
    database.close();
  }
}

/** What a database is, but for its rows. */
function describeDatabase(file: string): string[] {
  const database = new Database(file, { readonly: true });
  try {
    const schema = database.prepare('SELECT sql FROM sqlite_master ORDER BY name').pluck().all();
    return [String(database.pragma('integrity_check', { simple: true })), ...schema.map(String)];
  } finally {
    database.close();
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
  let before: ReadonlySet<string> = new Set();
  return {
    name: 'node collect',
    command: () => slaposCommand(node.configuration, 'node', 'collect'),
    async reset() {
      const { status, stderr } = await node.runPlain('collect');
      if (status !== 0) throw new Error(`collect ends with ${status}: ${stderr}`);
      before = readRows(file);
    },
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
      return [...before].filter((row) => !rows.has(row)).slice(0, 5);
    },
    close: () => node.close(),
  };
}
