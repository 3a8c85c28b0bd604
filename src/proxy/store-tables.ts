/** The statements of the SQLite store. */
import type { Database, Statement } from 'better-sqlite3';
import {
  type Columns,
  PROXY_TABLES,
  type ProxyTable,
  partitionColumns,
  type SchemaVersion,
  slaveColumns,
  tableName,
} from './schema.ts';
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
} from './store.ts';

const KEY = 'reference = ? AND computer_reference = ?';

/** What the two versions of the schema differ by. */
interface Dialect {
  readonly names: Readonly<Record<ProxyTable, string>>;
  readonly partitionColumns: Columns;
  readonly slaveColumns: Columns;
  readonly selectPartition: string;
  readonly selectSlave: string;
}

function createDialect(version: SchemaVersion): Dialect {
  const names = Object.fromEntries(
    PROXY_TABLES.map((table) => [table, tableName(table, version)]),
  ) as Record<ProxyTable, string>;
  const isNew = version === 18;
  const partition = partitionColumns(version);
  const slave = slaveColumns(version);
  const key = 'reference, computer_reference AS computerReference';
  const noRequester = isNew ? '' : ", '' AS requesterId";
  const noAsker = isNew ? ', NULL AS askedBy' : '';
  return {
    names,
    partitionColumns: partition,
    slaveColumns: slave,
    selectPartition: `SELECT ${key}, ${renderAliases(partition)}${noRequester}
      FROM ${names.partition}`,
    selectSlave: `SELECT ${key}, ${renderAliases(slave)}${noRequester}${noAsker}
      FROM ${names.slave}`,
  };
}

function renderAliases(columns: Columns): string {
  return Object.entries(columns)
    .map(([name, column]) => `${column} AS ${name}`)
    .join(', ');
}

type Value = string | number | null;

/** Statements are prepared once and kept. */
export class SqliteTables implements ProxyTables {
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();
  readonly #dialect: Dialect;
  /** How often rows of each computer were written here, undone writes too. */
  readonly #writes = new Map<string, number>();

  constructor(database: Database, version: SchemaVersion) {
    this.#database = database;
    this.#dialect = createDialect(version);
  }

  /** data_version counts the commits of other connections, whatever they wrote. */
  async getVersion(computerReference: string) {
    const others = this.#prepare('PRAGMA data_version').pluck().get();
    return `${others}.${this.#writes.get(computerReference) ?? 0}`;
  }

  async getConfig(name: string) {
    const row = this.#get<{ value: string | null }>(
      `SELECT value FROM ${this.#dialect.names.config} WHERE name = ?`,
      name,
    );
    return row?.value ?? null;
  }

  async putConfig(name: string, value: string) {
    const query = `INSERT OR REPLACE INTO ${this.#dialect.names.config} VALUES (?, ?)`;
    this.#run(query, name, value);
  }

  async deleteConfig(name: string) {
    this.#run(`DELETE FROM ${this.#dialect.names.config} WHERE name = ?`, name);
  }

  async listConfig(prefix: string) {
    const query = `SELECT name, value FROM ${this.#dialect.names.config}
      WHERE name >= ? AND name < ? ORDER BY name`;
    // Names are compared as UTF-8, in which no character comes after this one.
    const end = `${prefix}\u{10ffff}`;
    return this.#all<{ name: string; value: string }>(query, prefix, end);
  }

  async listComputers() {
    return this.#all<ComputerRow>(
      `SELECT reference, address, netmask FROM ${this.#dialect.names.computer}`,
    );
  }

  async getComputer(reference: string) {
    const query = `SELECT reference, address, netmask FROM ${this.#dialect.names.computer} WHERE reference = ?`;
    return this.#get<ComputerRow>(query, reference);
  }

  async putComputer(row: ComputerRow) {
    const query = `INSERT OR REPLACE INTO ${this.#dialect.names.computer} VALUES (?, ?, ?)`;
    this.#run(query, row.reference, row.address, row.netmask);
  }

  async listSoftware(computerReference: string | null) {
    const select = `SELECT url, computer_reference AS computerReference,
      requested_state AS requestedState FROM ${this.#dialect.names.software}`;
    return this.#ofComputer<SoftwareRow>(select, computerReference);
  }

  async putSoftware(row: SoftwareRow) {
    const query = `INSERT OR REPLACE INTO ${this.#dialect.names.software} VALUES (?, ?, ?)`;
    this.#change(row.computerReference, query, row.url, row.computerReference, row.requestedState);
  }

  async deleteSoftware(url: string, computerReference: string) {
    const query = `DELETE FROM ${this.#dialect.names.software} WHERE url = ? AND computer_reference = ?`;
    this.#change(computerReference, query, url, computerReference);
  }

  async renameSoftware(row: SoftwareRow, url: string) {
    const query = `UPDATE OR REPLACE ${this.#dialect.names.software} SET url = ? WHERE url = ? AND computer_reference = ?`;
    this.#change(row.computerReference, query, url, row.url, row.computerReference);
  }

  async listPartitions(computerReference: string | null) {
    return this.#ofComputer<PartitionRow>(this.#dialect.selectPartition, computerReference);
  }

  async getPartition(key: PartitionKey) {
    const query = `${this.#dialect.selectPartition} WHERE ${KEY}`;
    return this.#get<PartitionRow>(query, key.reference, key.computerReference);
  }

  async findInstance(title: string, requestedBy: string) {
    const query = `${this.#dialect.selectPartition} WHERE partition_reference = ? AND requested_by = ?`;
    return this.#get<PartitionRow>(query, title, requestedBy);
  }

  async findFreePartition(computerReference: string) {
    const query = `${this.#dialect.selectPartition} WHERE slap_state = 'free' AND computer_reference = ?
      ORDER BY rowid LIMIT 1`;
    return this.#get<PartitionRow>(query, computerReference);
  }

  async listChildren(rootTitle: string) {
    const query = `${this.#dialect.selectPartition} WHERE requested_by = ? ORDER BY rowid`;
    return this.#all<PartitionRow>(query, rootTitle);
  }

  async listHosts(computerReference: string, softwareRelease: string) {
    const query = `${this.#dialect.selectPartition} WHERE slap_state <> 'free' AND computer_reference = ?
      AND software_release = ? ORDER BY rowid`;
    return this.#all<PartitionRow>(query, computerReference, softwareRelease);
  }

  async insertPartition(key: PartitionKey) {
    const query = `INSERT INTO ${this.#dialect.names.partition} (reference, computer_reference) VALUES (?, ?)`;
    this.#change(key.computerReference, query, key.reference, key.computerReference);
  }

  async updatePartition(key: PartitionKey, changes: Partial<PartitionState>) {
    this.#update('partition', this.#dialect.partitionColumns, key, changes);
  }

  async deletePartition(key: PartitionKey) {
    this.#change(
      key.computerReference,
      `DELETE FROM ${this.#dialect.names.partition} WHERE ${KEY}`,
      key.reference,
      key.computerReference,
    );
  }

  async listAddresses(computerReference: string | null) {
    return this.#ofComputer<AddressRow>(this.#selectAddress(), computerReference);
  }

  async listPartitionAddresses(key: PartitionKey) {
    const query = `${this.#selectAddress()} WHERE partition_reference = ? AND computer_reference = ?
      ORDER BY rowid`;
    return this.#all<AddressRow>(query, key.reference, key.computerReference);
  }

  async insertAddress(row: AddressRow) {
    const { partitionReference, computerReference, reference, address, netmask } = row;
    const query = `INSERT INTO ${this.#dialect.names.partition_network} VALUES (?, ?, ?, ?, ?)`;
    this.#change(
      computerReference,
      query,
      partitionReference,
      computerReference,
      reference,
      address,
      netmask,
    );
  }

  async deleteAddresses(key: PartitionKey) {
    const query = `DELETE FROM ${this.#dialect.names.partition_network} WHERE partition_reference = ? AND computer_reference = ?`;
    this.#change(key.computerReference, query, key.reference, key.computerReference);
  }

  async listSlaves() {
    return this.#all<SlaveRow>(`${this.#dialect.selectSlave} ORDER BY rowid`);
  }

  async getSlave(key: SlaveKey) {
    const query = `${this.#dialect.selectSlave} WHERE ${KEY}`;
    return this.#get<SlaveRow>(query, key.reference, key.computerReference);
  }

  async findSlave(reference: string) {
    const query = `${this.#dialect.selectSlave} WHERE reference = ? ORDER BY rowid LIMIT 1`;
    return this.#get<SlaveRow>(query, reference);
  }

  async insertSlave(row: SlaveRow) {
    const { reference, computerReference, ...rest } = row;
    const query = `INSERT INTO ${this.#dialect.names.slave} (reference, computer_reference) VALUES (?, ?)`;
    this.#run(query, reference, computerReference);
    await this.updateSlave({ reference, computerReference }, rest);
  }

  async updateSlave(key: SlaveKey, changes: Partial<Omit<SlaveRow, keyof SlaveKey>>) {
    this.#update('slave', this.#dialect.slaveColumns, key, changes);
  }

  async deleteSlave(key: SlaveKey) {
    this.#run(
      `DELETE FROM ${this.#dialect.names.slave} WHERE ${KEY}`,
      key.reference,
      key.computerReference,
    );
  }

  async deleteSlavesOf(host: PartitionKey) {
    const query = `DELETE FROM ${this.#dialect.names.slave} WHERE hosted_by = ? AND computer_reference = ?`;
    this.#run(query, host.reference, host.computerReference);
  }

  async putForwarded(partitionReference: string, masterUrl: string) {
    const table = this.#dialect.names.forwarded_partition_request;
    this.#run(`INSERT OR IGNORE INTO ${table} VALUES (?, ?)`, partitionReference, masterUrl);
  }

  async deleteForwarded(partitionReference: string, masterUrl: string) {
    const query = `DELETE FROM ${this.#dialect.names.forwarded_partition_request}
      WHERE partition_reference = ? AND master_url = ?`;
    this.#run(query, partitionReference, masterUrl);
  }

  #selectAddress(): string {
    return `SELECT partition_reference AS partitionReference,
      computer_reference AS computerReference, reference, address, netmask
      FROM ${this.#dialect.names.partition_network}`;
  }

  /**
   * Column names come from our own tables above, only values come from outside; what this version
   * of the schema has no column for is not kept.
   */
  #update(
    table: ProxyTable,
    columns: Columns,
    key: PartitionKey,
    changes: Readonly<Record<string, Value>>,
  ): void {
    const entries = Object.entries(changes).filter(([name]) => name in columns);
    if (entries.length === 0) return;
    const assignments = entries.map(([name]) => `${columns[name]} = ?`).join(', ');
    const values = entries.map(([, value]) => value);
    const query = `UPDATE ${this.#dialect.names[table]} SET ${assignments} WHERE ${KEY}`;
    this.#change(key.computerReference, query, ...values, key.reference, key.computerReference);
  }

  #ofComputer<T>(select: string, computerReference: string | null): T[] {
    if (computerReference === null) return this.#all<T>(`${select} ORDER BY rowid`);
    const query = `${select} WHERE computer_reference = ? ORDER BY rowid`;
    return this.#all<T>(query, computerReference);
  }

  #all<T>(query: string, ...values: Value[]): T[] {
    return this.#prepare(query).all(...values) as T[];
  }

  #get<T>(query: string, ...values: Value[]): T | null {
    return (this.#prepare(query).get(...values) as T | undefined) ?? null;
  }

  #run(query: string, ...values: Value[]): void {
    this.#prepare(query).run(...values);
  }

  /** Runs what changes the document of a computer. */
  #change(computerReference: string, query: string, ...values: Value[]): void {
    this.#writes.set(computerReference, (this.#writes.get(computerReference) ?? 0) + 1);
    this.#run(query, ...values);
  }

  #prepare(query: string): Statement {
    const known = this.#statements.get(query);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(query);
    this.#statements.set(query, statement);
    return statement;
  }
}
