/** The statements of the PostgreSQL store, within one transaction of one connection. */
import {
  type Columns,
  type ProxyTable,
  partitionColumns,
  type SchemaVersion,
  slaveColumns,
} from '../schema.ts';
import type {
  AddressRow,
  ComputerRow,
  PartitionKey,
  PartitionRow,
  PartitionState,
  ProxyTables,
  SlaveKey,
  SlaveRow,
  SoftwareRow,
} from '../store.ts';
import { StatementFailure } from './failures.ts';
import { quoteSchema, type RunStatement } from './postgres-schema.ts';

type Value = string | number | null;

/** The texts of the statements; what a version of slapproxy does not know is not kept for it. */
export class Statements {
  readonly names: Readonly<Record<ProxyTable, string>>;
  readonly columns: { readonly partition: Columns; readonly slave: Columns };
  readonly select: Readonly<
    Record<'computer' | 'software' | 'partition' | 'slave' | 'partition_network', string>
  >;
  readonly version: string;

  constructor(schema: string, slapVersion: SchemaVersion) {
    const name = (table: ProxyTable): string => `${quoteSchema(schema)}.${table}`;
    const isNew = slapVersion === 18;
    const partition = partitionColumns(slapVersion);
    const slave = slaveColumns(slapVersion);
    this.names = {
      config: name('config'),
      software: name('software'),
      computer: name('computer'),
      partition: name('partition'),
      slave: name('slave'),
      partition_network: name('partition_network'),
      forwarded_partition_request: name('forwarded_partition_request'),
    };
    this.columns = { partition, slave };
    const key = 'reference, computer_reference AS "computerReference"';
    this.select = {
      computer: `SELECT reference, address, netmask FROM ${this.names.computer}`,
      software: `SELECT url, computer_reference AS "computerReference",
        requested_state AS "requestedState" FROM ${this.names.software}`,
      partition: `SELECT ${key}, ${aliases(partition)}${isNew ? '' : `, '' AS "requesterId"`}
        FROM ${this.names.partition}`,
      slave: `SELECT ${key}, ${aliases(slave)}, ${isNew ? `NULL AS "askedBy"` : `'' AS "requesterId"`}
        FROM ${this.names.slave}`,
      partition_network: `SELECT partition_reference AS "partitionReference",
        computer_reference AS "computerReference", reference, address, netmask
        FROM ${this.names.partition_network}`,
    };
    this.version = renderVersion(this.names);
  }
}

function aliases(columns: Columns): string {
  return Object.entries(columns)
    .map(([name, column]) => `"${column}" AS "${name}"`)
    .join(', ');
}

/**
 * A digest of which rows the snapshot has and which transaction wrote each last (`xmin`): it changes
 * with every write, also of other programs, and no row is written for it that transactions would
 * wait for. The start of the server is in it because transactions that a standby never got from the
 * server whose place it took have numbers that it gives again.
 */
function renderVersion(names: Readonly<Record<ProxyTable, string>>): string {
  const tables = [names.software, names.partition, names.partition_network];
  const parts = tables.map((table) => {
    return `coalesce((SELECT string_agg(id || ' ' || xmin::text, ',' ORDER BY id)
      FROM ${table} WHERE computer_reference = $1), '')`;
  });
  const text = ['pg_postmaster_start_time()::text', ...parts].join(` || ';' || `);
  return `SELECT encode(sha256(convert_to(${text}, 'UTF8')), 'hex') AS version`;
}

/**
 * Nothing that is stored holds a NUL, which PostgreSQL has no place for: so nothing is found, changed
 * or removed by one, as on SQLite; storing one is refused.
 */
export class PostgresTables implements ProxyTables {
  readonly #run: RunStatement;
  readonly #statements: Statements;

  constructor(run: RunStatement, statements: Statements) {
    this.#run = run;
    this.#statements = statements;
  }

  get #names() {
    return this.#statements.names;
  }

  async getVersion(computerReference: string) {
    const row = await this.#get<{ version: string }>(this.#statements.version, computerReference);
    return row?.version ?? '';
  }

  async getConfig(name: string) {
    const query = `SELECT value FROM ${this.#names.config} WHERE name = $1`;
    return (await this.#get<{ value: string | null }>(query, name))?.value ?? null;
  }

  async putConfig(name: string, value: string) {
    const query = `INSERT INTO ${this.#names.config} (name, value) VALUES ($1, $2)
      ON CONFLICT (name) DO UPDATE SET value = excluded.value`;
    await this.#store(query, name, value);
  }

  async deleteConfig(name: string) {
    await this.#change(`DELETE FROM ${this.#names.config} WHERE name = $1`, name);
  }

  async listConfig(prefix: string) {
    const query = `SELECT name, value FROM ${this.#names.config}
      WHERE starts_with(name, $1) ORDER BY name`;
    return this.#all<{ name: string; value: string }>(query, prefix);
  }

  async listComputers() {
    return this.#all<ComputerRow>(`${this.#statements.select.computer} ORDER BY id`);
  }

  async getComputer(reference: string) {
    const query = `${this.#statements.select.computer} WHERE reference = $1`;
    return this.#get<ComputerRow>(query, reference);
  }

  /** What is put again goes to the end, as SQLite has it with INSERT OR REPLACE. */
  async putComputer(row: ComputerRow) {
    const query = `INSERT INTO ${this.#names.computer} (reference, address, netmask)
      VALUES ($1, $2, $3) ON CONFLICT (reference)
      DO UPDATE SET id = DEFAULT, address = excluded.address, netmask = excluded.netmask`;
    await this.#store(query, row.reference, row.address, row.netmask);
  }

  async listSoftware(computerReference: string | null) {
    return this.#ofComputer<SoftwareRow>(this.#statements.select.software, computerReference);
  }

  async putSoftware(row: SoftwareRow) {
    const query = `INSERT INTO ${this.#names.software} (url, computer_reference, requested_state)
      VALUES ($1, $2, $3) ON CONFLICT (computer_reference, url)
      DO UPDATE SET id = DEFAULT, requested_state = excluded.requested_state`;
    await this.#store(query, row.url, row.computerReference, row.requestedState);
  }

  async deleteSoftware(url: string, computerReference: string) {
    const query = `DELETE FROM ${this.#names.software} WHERE url = $1 AND computer_reference = $2`;
    await this.#change(query, url, computerReference);
  }

  async renameSoftware(row: SoftwareRow, url: string) {
    if (url !== row.url) await this.deleteSoftware(url, row.computerReference);
    const query = `UPDATE ${this.#names.software} SET url = $1
      WHERE url = $2 AND computer_reference = $3`;
    await this.#store(query, url, row.url, row.computerReference);
  }

  async listPartitions(computerReference: string | null) {
    return this.#ofComputer<PartitionRow>(this.#statements.select.partition, computerReference);
  }

  async getPartition(key: PartitionKey) {
    const query = `${this.#statements.select.partition}
      WHERE reference = $1 AND computer_reference = $2`;
    return this.#get<PartitionRow>(query, key.reference, key.computerReference);
  }

  async findInstance(title: string, requestedBy: string) {
    const query = `${this.#statements.select.partition}
      WHERE partition_reference = $1 AND requested_by = $2`;
    return this.#get<PartitionRow>(query, title, requestedBy);
  }

  async findFreePartition(computerReference: string) {
    const query = `${this.#statements.select.partition}
      WHERE slap_state = 'free' AND computer_reference = $1 ORDER BY id LIMIT 1`;
    return this.#get<PartitionRow>(query, computerReference);
  }

  async listChildren(rootTitle: string) {
    const query = `${this.#statements.select.partition}
      WHERE requested_by = $1 AND requested_by <> '' ORDER BY id`;
    return this.#all<PartitionRow>(query, rootTitle);
  }

  async listHosts(computerReference: string, softwareRelease: string) {
    const query = `${this.#statements.select.partition} WHERE slap_state <> 'free'
      AND computer_reference = $1 AND software_release = $2 ORDER BY id`;
    return this.#all<PartitionRow>(query, computerReference, softwareRelease);
  }

  async insertPartition(key: PartitionKey) {
    const query = `INSERT INTO ${this.#names.partition} (reference, computer_reference)
      VALUES ($1, $2)`;
    await this.#store(query, key.reference, key.computerReference);
  }

  async updatePartition(key: PartitionKey, changes: Partial<PartitionState>) {
    await this.#update('partition', key, changes);
  }

  async deletePartition(key: PartitionKey) {
    const query = `DELETE FROM ${this.#names.partition}
      WHERE reference = $1 AND computer_reference = $2`;
    await this.#change(query, key.reference, key.computerReference);
  }

  async listAddresses(computerReference: string | null) {
    const select = this.#statements.select.partition_network;
    return this.#ofComputer<AddressRow>(select, computerReference);
  }

  async listPartitionAddresses(key: PartitionKey) {
    const query = `${this.#statements.select.partition_network}
      WHERE partition_reference = $1 AND computer_reference = $2 ORDER BY id`;
    return this.#all<AddressRow>(query, key.reference, key.computerReference);
  }

  async insertAddress(row: AddressRow) {
    const { partitionReference, computerReference, reference, address, netmask } = row;
    const query = `INSERT INTO ${this.#names.partition_network}
      (partition_reference, computer_reference, reference, address, netmask)
      VALUES ($1, $2, $3, $4, $5)`;
    await this.#store(query, partitionReference, computerReference, reference, address, netmask);
  }

  async deleteAddresses(key: PartitionKey) {
    const query = `DELETE FROM ${this.#names.partition_network}
      WHERE partition_reference = $1 AND computer_reference = $2`;
    await this.#change(query, key.reference, key.computerReference);
  }

  async listSlaves() {
    return this.#all<SlaveRow>(`${this.#statements.select.slave} ORDER BY id`);
  }

  async getSlave(key: SlaveKey) {
    const query = `${this.#statements.select.slave} WHERE reference = $1 AND computer_reference = $2`;
    return this.#get<SlaveRow>(query, key.reference, key.computerReference);
  }

  async findSlave(reference: string) {
    const query = `${this.#statements.select.slave} WHERE reference = $1 ORDER BY id LIMIT 1`;
    return this.#get<SlaveRow>(query, reference);
  }

  async insertSlave(row: SlaveRow) {
    const columns = Object.entries(this.#statements.columns.slave);
    const names = ['reference', 'computer_reference', ...columns.map(([, column]) => column)];
    const given = columns.map(([name]) => row[name as keyof SlaveRow]);
    const marks = names.map((_, index) => `$${index + 1}`).join(', ');
    const query = `INSERT INTO ${this.#names.slave} (${names.join(', ')}) VALUES (${marks})`;
    await this.#store(query, row.reference, row.computerReference, ...given);
  }

  async updateSlave(key: SlaveKey, changes: Partial<Omit<SlaveRow, keyof SlaveKey>>) {
    await this.#update('slave', key, changes);
  }

  async deleteSlave(key: SlaveKey) {
    const query = `DELETE FROM ${this.#names.slave} WHERE reference = $1 AND computer_reference = $2`;
    await this.#change(query, key.reference, key.computerReference);
  }

  async deleteSlavesOf(host: PartitionKey) {
    const query = `DELETE FROM ${this.#names.slave} WHERE hosted_by = $1 AND computer_reference = $2`;
    await this.#change(query, host.reference, host.computerReference);
  }

  async putForwarded(partitionReference: string, masterUrl: string) {
    const query = `INSERT INTO ${this.#names.forwarded_partition_request}
      (partition_reference, master_url) VALUES ($1, $2) ON CONFLICT DO NOTHING`;
    await this.#store(query, partitionReference, masterUrl);
  }

  async deleteForwarded(partitionReference: string, masterUrl: string) {
    const query = `DELETE FROM ${this.#names.forwarded_partition_request}
      WHERE partition_reference = $1 AND master_url = $2`;
    await this.#change(query, partitionReference, masterUrl);
  }

  /** Column names come from our own tables above, only values come from outside. */
  async #update(
    table: 'partition' | 'slave',
    key: PartitionKey,
    changes: Readonly<Record<string, Value>>,
  ): Promise<void> {
    const columns: Columns = this.#statements.columns[table];
    const entries = Object.entries(changes).filter(([name]) => name in columns);
    if (entries.length === 0) return;
    const assignments = entries.map(([name], index) => `"${columns[name]}" = $${index + 3}`);
    const values = entries.map(([, value]) => value);
    const query = `UPDATE ${this.#names[table]} SET ${assignments.join(', ')}
      WHERE reference = $1 AND computer_reference = $2`;
    await this.#store(query, key.reference, key.computerReference, ...values);
  }

  #ofComputer<T>(select: string, computerReference: string | null): Promise<T[]> {
    if (computerReference === null) return this.#all<T>(`${select} ORDER BY id`);
    return this.#all<T>(`${select} WHERE computer_reference = $1 ORDER BY id`, computerReference);
  }

  async #all<T>(query: string, ...values: Value[]): Promise<T[]> {
    return values.some(hasNul) ? [] : ((await this.#run(query, values)) as unknown as T[]);
  }

  async #get<T>(query: string, ...values: Value[]): Promise<T | null> {
    return (await this.#all<T>(query, ...values))[0] ?? null;
  }

  async #change(query: string, ...values: Value[]): Promise<void> {
    await this.#all(query, ...values);
  }

  async #store(query: string, ...values: Value[]): Promise<void> {
    if (values.some(hasNul)) throw new StatementFailure(NUL);
    await this.#run(query, values);
  }
}

/** As the server says it, without asking. */
const NUL = Object.assign(new Error('invalid byte sequence for encoding "UTF8": 0x00'), {
  severity: 'ERROR',
  code: '22021',
});

function hasNul(value: Value): boolean {
  return typeof value === 'string' && value.includes('\0');
}
