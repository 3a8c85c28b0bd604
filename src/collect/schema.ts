/**
 * The tables of `collector.db`, a public contract: unprivileged programs read the file, and raw
 * dumps hold the columns in this order (spec/collect.md 6).
 */
export interface TableSchema {
  readonly name: TableName;
  /** Column names with their declared types, before `date`, `time` and `reported`. */
  readonly columns: ReadonlyArray<readonly [name: string, type: string]>;
}

export type TableName =
  | 'user'
  | 'folder'
  | 'computer'
  | 'system'
  | 'disk'
  | 'temperature'
  | 'heating';

/** In the order of creation, which is the order of the dumps. */
export const TABLES: readonly TableSchema[] = [
  {
    name: 'user',
    columns: [
      ['partition', 'text'],
      ['pid', 'real'],
      ['process', 'text'],
      ['cpu_percent', 'real'],
      ['cpu_time', 'real'],
      ['cpu_num_threads', 'real'],
      ['memory_percent', 'real'],
      ['memory_rss', 'real'],
      ['io_rw_counter', 'real'],
      ['io_cycles_counter', 'real'],
    ],
  },
  {
    name: 'folder',
    columns: [
      ['partition', 'text'],
      ['disk_used', 'real'],
    ],
  },
  {
    name: 'computer',
    columns: [
      ['cpu_num_core', 'real'],
      ['cpu_frequency', 'real'],
      ['cpu_type', 'text'],
      ['memory_size', 'real'],
      ['memory_type', 'text'],
      ['partition_list', 'text'],
    ],
  },
  {
    name: 'system',
    columns: [
      ['loadavg', 'real'],
      ['cpu_percent', 'real'],
      ['memory_used', 'real'],
      ['memory_free', 'real'],
      ['net_in_bytes', 'real'],
      ['net_in_errors', 'real'],
      ['net_in_dropped', 'real'],
      ['net_out_bytes', 'real'],
      ['net_out_errors', 'real'],
      ['net_out_dropped', 'real'],
    ],
  },
  {
    name: 'disk',
    columns: [
      ['partition', 'text'],
      ['used', 'text'],
      ['free', 'text'],
      ['mountpoint', 'text'],
    ],
  },
  {
    name: 'temperature',
    columns: [
      ['sensor_id', 'name'],
      ['temperature', 'real'],
      ['alarm', 'integer'],
    ],
  },
  {
    name: 'heating',
    columns: [
      ['model_id', 'name'],
      ['sensor_id', 'name'],
      ['initial_temperature', 'real'],
      ['final_temperature', 'real'],
      ['delta_time', 'real'],
      ['zero_emission_ratio', 'real'],
    ],
  },
];

const STAMP_COLUMNS = 'date text, time text, reported integer NULL DEFAULT 0';

/** A table or an index, with the statement that creates it when it is missing. */
export interface SchemaObject {
  readonly name: string;
  readonly statement: string;
}

/** In the order of creation: the first index stands right behind its table. */
export function renderSchema(): SchemaObject[] {
  const tables = TABLES.map(({ name, columns }) => {
    const list = columns.map(([column, type]) => `${column} ${type}`).join(', ');
    return { name, statement: `CREATE TABLE IF NOT EXISTS ${name} (${list}, ${STAMP_COLUMNS})` };
  });
  const packed = TABLES.map(({ name }) =>
    renderIndex(`${name}_date_reported_index`, `${name} (date, reported)`),
  );
  const search = renderIndex('user_partition_date_time', 'user (partition, date, time)');
  return [...tables.slice(0, 1), search, ...tables.slice(1), ...packed];
}

function renderIndex(name: string, columns: string): SchemaObject {
  return { name, statement: `CREATE INDEX IF NOT EXISTS ${name} ON ${columns}` };
}

/** The statement that inserts one row of a table; values are bound, `reported` stays 0. */
export function renderInsert(name: TableName): string {
  const columns = TABLES.find((table) => table.name === name)?.columns ?? [];
  const names = [...columns.map(([column]) => column), 'date', 'time'];
  return `INSERT INTO ${name} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`;
}
