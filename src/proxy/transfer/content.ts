/** What the tables of slapproxy hold, on its way from one database to another. Pure. */
import { createHash } from 'node:crypto';
import {
  PROXY_TABLES,
  type ProxyTable,
  partitionColumns,
  type SchemaVersion,
  slaveColumns,
} from '../schema.ts';

export type Value = string | number | null;
/** The values of one row, in the order of {@link columnsOf}. */
export type Row = readonly Value[];

/** Rows that are held in memory at the same time. */
export const BATCH_ROWS = 1000;

const KEY = ['reference', 'computer_reference'];
/** Of the tables that are the same in each version. */
const COLUMNS: Readonly<Record<Exclude<ProxyTable, 'partition' | 'slave'>, readonly string[]>> = {
  config: ['name', 'value'],
  software: ['url', 'computer_reference', 'requested_state'],
  computer: ['reference', 'address', 'netmask'],
  partition_network: [
    ...['partition_reference', 'computer_reference', 'reference', 'address', 'netmask'],
  ],
  forwarded_partition_request: ['partition_reference', 'master_url'],
};

export function columnsOf(table: ProxyTable, version: SchemaVersion): readonly string[] {
  if (table === 'partition') return [...KEY, ...Object.values(partitionColumns(version))];
  if (table === 'slave') return [...KEY, ...Object.values(slaveColumns(version))];
  return COLUMNS[table];
}

/** Tables whose rows have no order of their own: they are looked up by their key. */
export const UNORDERED_TABLES: ReadonlySet<ProxyTable> = new Set([
  'config',
  'forwarded_partition_request',
]);

/** One database, as it is at one moment. */
export interface Content {
  /** For people: a path, or a server and database without a password. */
  readonly place: string;
  readonly version: SchemaVersion;
  /** Rows in the order in which they were inserted, unordered ones by their key. */
  readBatches(table: ProxyTable): AsyncIterable<readonly Row[]>;
}

export interface TableDigest {
  readonly rows: number;
  /** Of all rows in their order. */
  readonly sha256: string;
}
export type ContentDigest = Readonly<Record<ProxyTable, TableDigest>>;

/**
 * Reads everything once.
 * @param look sees every row
 */
export async function digestContent(
  content: Content,
  look: (table: ProxyTable, row: Row) => void = () => undefined,
): Promise<ContentDigest> {
  const digests: Partial<Record<ProxyTable, TableDigest>> = {};
  for (const table of PROXY_TABLES) {
    const hash = createHash('sha256');
    let rows = 0;
    for await (const batch of content.readBatches(table)) {
      for (const row of batch) {
        look(table, row);
        hash.update(encodeRow(row));
      }
      rows += batch.length;
    }
    digests[table] = { rows, sha256: hash.digest('hex') };
  }
  return digests as ContentDigest;
}

/** Numbers by their shortest exact form; texts with their length, so that no two rows are alike. */
function encodeRow(row: Row): string {
  const values = row.map((value) => {
    if (value === null) return 'n';
    return typeof value === 'number' ? `d${value};` : `t${value.length}:${value}`;
  });
  return `${values.join('')}\n`;
}

/** Tables that differ. */
export function diffDigests(left: ContentDigest, right: ContentDigest): ProxyTable[] {
  return PROXY_TABLES.filter((table) => {
    return left[table].rows !== right[table].rows || left[table].sha256 !== right[table].sha256;
  });
}

/** Rows besides configuration, which a proxy writes when it starts. */
export function countRows(digest: ContentDigest): number {
  return PROXY_TABLES.filter((table) => table !== 'config').reduce(
    (total, table) => total + digest[table].rows,
    0,
  );
}
