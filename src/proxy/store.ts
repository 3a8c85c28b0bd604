/**
 * What the proxy keeps, behind an asynchronous interface: SQLite today (`store-sqlite.ts`), a
 * database server one day. Names follow spec/proxy.md 3; `title` is column `partition_reference`.
 */
import type { SchemaVersion } from './schema.ts';

export interface ComputerRow {
  readonly reference: string;
  readonly address: string | null;
  readonly netmask: string | null;
}

export interface SoftwareRow {
  readonly url: string;
  readonly computerReference: string;
  readonly requestedState: string | null;
}

export interface PartitionKey {
  readonly reference: string;
  readonly computerReference: string;
}

/** What of a partition changes in its life. */
export interface PartitionState {
  readonly slapState: string;
  readonly softwareRelease: string | null;
  /** Instance XML of the parameters. */
  readonly xml: string | null;
  readonly connectionXml: string | null;
  /** Marshalled list of dictionaries; null when there never was a slave. */
  readonly slaveInstanceList: string | null;
  readonly softwareType: string | null;
  /** Title of the instance, null when free. */
  readonly title: string | null;
  /** Title of the root of the tree; empty for a root. */
  readonly requestedBy: string;
  /**
   * Reference of the partition that asked for it, `user` when none did, empty when unknown. Kept
   * by version 18 of the schema only.
   */
  readonly requesterId: string;
  readonly requestedState: string;
  /** Seconds since the epoch. */
  readonly timestamp: number | null;
}

export interface PartitionRow extends PartitionKey, PartitionState {}

export interface SlaveKey {
  /** `<title of the root>_<title>`; begins with `_` when a user asked. */
  readonly reference: string;
  readonly computerReference: string;
}

export interface SlaveRow extends SlaveKey {
  readonly connectionXml: string | null;
  /** Reference of the partition that serves it. */
  readonly hostedBy: string | null;
  /** Title of the root of the requester's tree; kept by version 17 of the schema only. */
  readonly askedBy: string | null;
  /** As of a partition. */
  readonly requesterId: string;
}

export interface AddressRow {
  readonly partitionReference: string;
  readonly computerReference: string;
  /** Interface name. */
  readonly reference: string | null;
  readonly address: string | null;
  readonly netmask: string | null;
}

/** Lists come in insertion order, which clients see. */
export interface ProxyTables {
  /**
   * Changes whenever `software`, `partition` or `partition_network` of that computer may have
   * changed, whoever wrote; writes to other computers and tables should leave it as it is, since
   * each change has the document of the computer rendered anew. Two reads of the same state give
   * the same.
   */
  getVersion(computerReference: string): Promise<string>;

  getConfig(name: string): Promise<string | null>;
  putConfig(name: string, value: string): Promise<void>;
  deleteConfig(name: string): Promise<void>;
  /** Rows whose name begins with the prefix, by name. */
  listConfig(prefix: string): Promise<Array<{ readonly name: string; readonly value: string }>>;

  listComputers(): Promise<ComputerRow[]>;
  getComputer(reference: string): Promise<ComputerRow | null>;
  putComputer(row: ComputerRow): Promise<void>;

  listSoftware(computerReference: string | null): Promise<SoftwareRow[]>;
  putSoftware(row: SoftwareRow): Promise<void>;
  deleteSoftware(url: string, computerReference: string): Promise<void>;
  renameSoftware(row: SoftwareRow, url: string): Promise<void>;

  /** All partitions of a computer, or of every computer. */
  listPartitions(computerReference: string | null): Promise<PartitionRow[]>;
  getPartition(key: PartitionKey): Promise<PartitionRow | null>;
  /** The instance of this title in the tree of this root ('' for a root), on any computer. */
  findInstance(title: string, requestedBy: string): Promise<PartitionRow | null>;
  findFreePartition(computerReference: string): Promise<PartitionRow | null>;
  /** Instances whose root has this title, the root itself not included. */
  listChildren(rootTitle: string): Promise<PartitionRow[]>;
  /** Busy partitions with this software release, candidates to serve a slave. */
  listHosts(computerReference: string, softwareRelease: string): Promise<PartitionRow[]>;
  insertPartition(key: PartitionKey): Promise<void>;
  updatePartition(key: PartitionKey, changes: Partial<PartitionState>): Promise<void>;
  deletePartition(key: PartitionKey): Promise<void>;

  listAddresses(computerReference: string | null): Promise<AddressRow[]>;
  listPartitionAddresses(key: PartitionKey): Promise<AddressRow[]>;
  insertAddress(row: AddressRow): Promise<void>;
  deleteAddresses(key: PartitionKey): Promise<void>;

  listSlaves(): Promise<SlaveRow[]>;
  getSlave(key: SlaveKey): Promise<SlaveRow | null>;
  /** The first slave of that reference, on any computer. */
  findSlave(reference: string): Promise<SlaveRow | null>;
  insertSlave(row: SlaveRow): Promise<void>;
  updateSlave(key: SlaveKey, changes: Partial<Omit<SlaveRow, keyof SlaveKey>>): Promise<void>;
  deleteSlave(key: SlaveKey): Promise<void>;
  deleteSlavesOf(host: PartitionKey): Promise<void>;

  /** Requests that an external Master was asked for, by the title that it got. */
  putForwarded(partitionReference: string, masterUrl: string): Promise<void>;
  deleteForwarded(partitionReference: string, masterUrl: string): Promise<void>;
}

export interface ProxyStore {
  /** Version of the schema: the suffix of the names of the tables. */
  readonly schemaVersion: SchemaVersion;
  /** Runs work in one transaction that others see whole or not at all; a throw undoes it. */
  write<T>(work: (tables: ProxyTables) => Promise<T>): Promise<T>;
  /** Runs work on one consistent state. */
  read<T>(work: (tables: ProxyTables) => Promise<T>): Promise<T>;
  /** Writes the whole content as SQL text beside the database and returns the path. */
  dump(): Promise<string>;
  /** Waits for the work under way, then closes. */
  close(): Promise<void>;
}
