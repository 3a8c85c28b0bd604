/** The statements of the SQLite store. */
import type { Database, Statement } from 'better-sqlite3';
import { tableName } from './schema.ts';
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

const CONFIG = tableName('config');
const SOFTWARE = tableName('software');
const COMPUTER = tableName('computer');
const PARTITION = tableName('partition');
const SLAVE = tableName('slave');
const NETWORK = tableName('partition_network');

const PARTITION_COLUMNS: Readonly<Record<keyof PartitionState, string>> = {
  slapState: 'slap_state',
  softwareRelease: 'software_release',
  xml: 'xml',
  connectionXml: 'connection_xml',
  slaveInstanceList: 'slave_instance_list',
  softwareType: 'software_type',
  title: 'partition_reference',
  requestedBy: 'requested_by',
  requestedState: 'requested_state',
  timestamp: 'timestamp',
};

const SLAVE_COLUMNS: Readonly<Record<Exclude<keyof SlaveRow, keyof SlaveKey>, string>> = {
  connectionXml: 'connection_xml',
  hostedBy: 'hosted_by',
  askedBy: 'asked_by',
};

const KEY = 'reference = ? AND computer_reference = ?';
const SELECT_SOFTWARE = `SELECT url, computer_reference AS computerReference,
  requested_state AS requestedState FROM ${SOFTWARE}`;
const SELECT_PARTITION = `SELECT reference, computer_reference AS computerReference,
  ${renderAliases(PARTITION_COLUMNS)} FROM ${PARTITION}`;
const SELECT_SLAVE = `SELECT reference, computer_reference AS computerReference,
  ${renderAliases(SLAVE_COLUMNS)} FROM ${SLAVE}`;
const SELECT_ADDRESS = `SELECT partition_reference AS partitionReference,
  computer_reference AS computerReference, reference, address, netmask FROM ${NETWORK}`;

function renderAliases(columns: Readonly<Record<string, string>>): string {
  return Object.entries(columns)
    .map(([name, column]) => `${column} AS ${name}`)
    .join(', ');
}

type Value = string | number | null;

/** Statements are prepared once and kept. */
export class SqliteTables implements ProxyTables {
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();

  constructor(database: Database) {
    this.#database = database;
  }

  async getConfig(name: string) {
    const row = this.#get<{ value: string | null }>(
      `SELECT value FROM ${CONFIG} WHERE name = ?`,
      name,
    );
    return row?.value ?? null;
  }

  async putConfig(name: string, value: string) {
    this.#run(`INSERT OR REPLACE INTO ${CONFIG} VALUES (?, ?)`, name, value);
  }

  async listComputers() {
    return this.#all<ComputerRow>(`SELECT reference, address, netmask FROM ${COMPUTER}`);
  }

  async getComputer(reference: string) {
    const query = `SELECT reference, address, netmask FROM ${COMPUTER} WHERE reference = ?`;
    return this.#get<ComputerRow>(query, reference);
  }

  async putComputer(row: ComputerRow) {
    const query = `INSERT OR REPLACE INTO ${COMPUTER} VALUES (?, ?, ?)`;
    this.#run(query, row.reference, row.address, row.netmask);
  }

  async listSoftware(computerReference: string | null) {
    return this.#ofComputer<SoftwareRow>(SELECT_SOFTWARE, computerReference);
  }

  async putSoftware(row: SoftwareRow) {
    const query = `INSERT OR REPLACE INTO ${SOFTWARE} VALUES (?, ?, ?)`;
    this.#run(query, row.url, row.computerReference, row.requestedState);
  }

  async deleteSoftware(url: string, computerReference: string) {
    const query = `DELETE FROM ${SOFTWARE} WHERE url = ? AND computer_reference = ?`;
    this.#run(query, url, computerReference);
  }

  async renameSoftware(row: SoftwareRow, url: string) {
    const query = `UPDATE OR REPLACE ${SOFTWARE} SET url = ? WHERE url = ? AND computer_reference = ?`;
    this.#run(query, url, row.url, row.computerReference);
  }

  async listPartitions(computerReference: string | null) {
    return this.#ofComputer<PartitionRow>(SELECT_PARTITION, computerReference);
  }

  async getPartition(key: PartitionKey) {
    const query = `${SELECT_PARTITION} WHERE ${KEY}`;
    return this.#get<PartitionRow>(query, key.reference, key.computerReference);
  }

  async findInstance(title: string, requestedBy: string) {
    const query = `${SELECT_PARTITION} WHERE partition_reference = ? AND requested_by = ?`;
    return this.#get<PartitionRow>(query, title, requestedBy);
  }

  async findFreePartition(computerReference: string) {
    const query = `${SELECT_PARTITION} WHERE slap_state = 'free' AND computer_reference = ?
      ORDER BY rowid LIMIT 1`;
    return this.#get<PartitionRow>(query, computerReference);
  }

  async listChildren(rootTitle: string) {
    const query = `${SELECT_PARTITION} WHERE requested_by = ? ORDER BY rowid`;
    return this.#all<PartitionRow>(query, rootTitle);
  }

  async listHosts(computerReference: string, softwareRelease: string) {
    const query = `${SELECT_PARTITION} WHERE slap_state <> 'free' AND computer_reference = ?
      AND software_release = ? ORDER BY rowid`;
    return this.#all<PartitionRow>(query, computerReference, softwareRelease);
  }

  async insertPartition(key: PartitionKey) {
    const query = `INSERT INTO ${PARTITION} (reference, computer_reference) VALUES (?, ?)`;
    this.#run(query, key.reference, key.computerReference);
  }

  async updatePartition(key: PartitionKey, changes: Partial<PartitionState>) {
    this.#update(PARTITION, PARTITION_COLUMNS, key, changes);
  }

  async deletePartition(key: PartitionKey) {
    this.#run(`DELETE FROM ${PARTITION} WHERE ${KEY}`, key.reference, key.computerReference);
  }

  async listAddresses(computerReference: string | null) {
    return this.#ofComputer<AddressRow>(SELECT_ADDRESS, computerReference);
  }

  async listPartitionAddresses(key: PartitionKey) {
    const query = `${SELECT_ADDRESS} WHERE partition_reference = ? AND computer_reference = ?
      ORDER BY rowid`;
    return this.#all<AddressRow>(query, key.reference, key.computerReference);
  }

  async insertAddress(row: AddressRow) {
    const { partitionReference, computerReference, reference, address, netmask } = row;
    const query = `INSERT INTO ${NETWORK} VALUES (?, ?, ?, ?, ?)`;
    this.#run(query, partitionReference, computerReference, reference, address, netmask);
  }

  async deleteAddresses(key: PartitionKey) {
    const query = `DELETE FROM ${NETWORK} WHERE partition_reference = ? AND computer_reference = ?`;
    this.#run(query, key.reference, key.computerReference);
  }

  async listSlaves() {
    return this.#all<SlaveRow>(`${SELECT_SLAVE} ORDER BY rowid`);
  }

  async getSlave(key: SlaveKey) {
    const query = `${SELECT_SLAVE} WHERE ${KEY}`;
    return this.#get<SlaveRow>(query, key.reference, key.computerReference);
  }

  async insertSlave(row: SlaveRow) {
    const { reference, computerReference, connectionXml, hostedBy, askedBy } = row;
    const query = `INSERT INTO ${SLAVE} VALUES (?, ?, ?, ?, ?)`;
    this.#run(query, reference, computerReference, connectionXml, hostedBy, askedBy);
  }

  async updateSlave(key: SlaveKey, changes: Partial<Omit<SlaveRow, keyof SlaveKey>>) {
    this.#update(SLAVE, SLAVE_COLUMNS, key, changes);
  }

  async deleteSlave(key: SlaveKey) {
    this.#run(`DELETE FROM ${SLAVE} WHERE ${KEY}`, key.reference, key.computerReference);
  }

  async deleteSlavesOf(host: PartitionKey) {
    const query = `DELETE FROM ${SLAVE} WHERE hosted_by = ? AND computer_reference = ?`;
    this.#run(query, host.reference, host.computerReference);
  }

  /** Column names come from our own tables above; only values come from outside. */
  #update(
    table: string,
    columns: Readonly<Record<string, string>>,
    key: PartitionKey,
    changes: Readonly<Record<string, Value>>,
  ): void {
    const entries = Object.entries(changes);
    if (entries.length === 0) return;
    const assignments = entries.map(([name]) => `${columns[name]} = ?`).join(', ');
    const values = entries.map(([, value]) => value);
    const query = `UPDATE ${table} SET ${assignments} WHERE ${KEY}`;
    this.#run(query, ...values, key.reference, key.computerReference);
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

  #prepare(query: string): Statement {
    const known = this.#statements.get(query);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(query);
    this.#statements.set(query, statement);
    return statement;
  }
}
