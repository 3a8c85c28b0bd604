/** What an SQLite database may hold and a PostgreSQL one cannot. Pure. */
import { SlaposError } from '../../errors/slapos-error.ts';
import { printableName } from '../../log/printable.ts';
import type { ProxyTable, SchemaVersion } from '../schema.ts';
import { columnsOf, type Row, type Value } from './content.ts';

/** Columns that are never null, and that no two rows share. */
const KEYS: Readonly<Record<ProxyTable, readonly string[]>> = {
  config: ['name'],
  software: ['url', 'computer_reference'],
  computer: ['reference'],
  partition: ['reference', 'computer_reference'],
  slave: ['reference', 'computer_reference'],
  partition_network: [],
  forwarded_partition_request: ['partition_reference', 'master_url'],
};
/** No two instances of a tree have one title; free partitions have none. */
const TITLE = ['partition_reference', 'requested_by'];
/** Texts that are indexed: a third of a page of 8 KiB holds the longest (nbtree). */
const MAX_INDEXED_BYTES = 2600;
const INDEXED: Readonly<Record<ProxyTable, readonly string[]>> = {
  ...KEYS,
  partition: [...KEYS.partition, ...TITLE, 'software_release'],
  slave: [...KEYS.slave, 'hosted_by'],
  partition_network: ['partition_reference', 'computer_reference'],
};
const MAX_SHOWN = 20;

/** Collects what does not fit, by table and key. */
export class Misfits {
  readonly #version: SchemaVersion;
  readonly #seen = new Set<string>();
  readonly #lines: string[] = [];
  #count = 0;

  constructor(version: SchemaVersion) {
    this.#version = version;
  }

  /** What the reader itself could not read as a text or number. */
  readonly note = (table: ProxyTable, row: Row, column: string, what: string): void => {
    this.#add(table, row, `column ${column} ${what}`);
  };

  readonly look = (table: ProxyTable, row: Row): void => {
    const columns = columnsOf(table, this.#version);
    columns.forEach((column, index) => {
      const problem = problemOf(table, column, row[index] ?? null);
      if (problem !== undefined) this.#add(table, row, `column ${column} ${problem}`);
    });
    this.#lookTwice(table, row, KEYS[table], 'is there twice');
    if (table !== 'partition' || this.#value(table, row, 'partition_reference') === null) return;
    this.#lookTwice(table, row, TITLE, 'has the title of another instance of its tree');
  };

  /** @throws SlaposError SLAPOS_ERR_DATABASE when there are any. */
  check(place: string): void {
    if (this.#count === 0) return;
    const more = this.#count > this.#lines.length ? [`and ${this.#count - MAX_SHOWN} more`] : [];
    const list = [...this.#lines, ...more].map((line) => `\n  ${line}`).join('');
    const message = `Database ${place} holds what PostgreSQL cannot, nothing was changed:${list}`;
    throw new SlaposError('SLAPOS_ERR_DATABASE', message, {
      hint: 'Mend these rows, for instance by requesting the instance again, and migrate then.',
      context: { path: place, count: this.#count },
    });
  }

  #lookTwice(table: ProxyTable, row: Row, key: readonly string[], what: string): void {
    if (key.length === 0) return;
    const values = key.map((column) => this.#value(table, row, column));
    const name = JSON.stringify([table, key, values]);
    if (this.#seen.has(name)) this.#add(table, row, what);
    this.#seen.add(name);
  }

  #value(table: ProxyTable, row: Row, column: string): Value {
    return row[columnsOf(table, this.#version).indexOf(column)] ?? null;
  }

  #add(table: ProxyTable, row: Row, problem: string): void {
    this.#count += 1;
    if (this.#lines.length >= MAX_SHOWN) return;
    const shown = KEYS[table].length > 0 ? KEYS[table] : columnsOf(table, this.#version);
    const key = shown.map((column) => printableName(String(this.#value(table, row, column))));
    this.#lines.push(`${table} (${key.join(', ')}): ${problem}`);
  }
}

function problemOf(table: ProxyTable, column: string, value: Value): string | undefined {
  if (value === null) {
    const isNeeded = KEYS[table].includes(column) || /^request(ed_by|er_id)$/.test(column);
    return isNeeded ? 'is empty (NULL)' : undefined;
  }
  if (column === 'timestamp') return typeof value === 'number' ? undefined : 'is not a number';
  if (typeof value === 'number') return 'holds a number';
  if (value.includes('\0')) return 'holds a NUL character';
  const isLong = INDEXED[table].includes(column) && Buffer.byteLength(value) > MAX_INDEXED_BYTES;
  return isLong ? `is longer than ${MAX_INDEXED_BYTES} bytes` : undefined;
}
