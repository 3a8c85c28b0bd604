/** The database of slapproxy, schema version 17 (spec/proxy.md 3), shared with upstream. */

export const SCHEMA_VERSION = 17;

/** The name of a table in the file. */
export function tableName(table: ProxyTable): string {
  return `${table}${SCHEMA_VERSION}`;
}

export const PROXY_TABLES = [
  'config',
  'software',
  'computer',
  'partition',
  'slave',
  'partition_network',
  'forwarded_partition_request',
] as const;
export type ProxyTable = (typeof PROXY_TABLES)[number];

/**
 * The statements that create the tables.
 * @param defaultComputerId becomes the default of every column that names a computer.
 */
export function renderSchema(defaultComputerId: string): string {
  const computer = `VARCHAR(255) DEFAULT '${defaultComputerId.replaceAll("'", "''")}'`;
  return `
CREATE TABLE IF NOT EXISTS ${tableName('config')} (
  name TEXT PRIMARY KEY,
  value TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ${tableName('software')} (
  url VARCHAR(255),
  computer_reference ${computer},
  requested_state VARCHAR(255) DEFAULT 'available',
  PRIMARY KEY (url, computer_reference)
);
CREATE TABLE IF NOT EXISTS ${tableName('computer')} (
  reference ${computer},
  address VARCHAR(255),
  netmask VARCHAR(255),
  PRIMARY KEY (reference)
);
CREATE TABLE IF NOT EXISTS ${tableName('partition')} (
  reference VARCHAR(255),
  computer_reference ${computer},
  slap_state VARCHAR(255) DEFAULT 'free',
  software_release VARCHAR(255),
  xml TEXT,
  connection_xml TEXT,
  slave_instance_list TEXT,
  software_type VARCHAR(255),
  partition_reference VARCHAR(255),
  requested_by VARCHAR(255) NOT NULL DEFAULT '',
  requested_state VARCHAR(255) NOT NULL DEFAULT 'started',
  timestamp REAL,
  PRIMARY KEY (reference, computer_reference)
);
CREATE TABLE IF NOT EXISTS ${tableName('slave')} (
  reference VARCHAR(255),
  computer_reference ${computer},
  connection_xml TEXT,
  hosted_by VARCHAR(255),
  asked_by VARCHAR(255)
);
CREATE TABLE IF NOT EXISTS ${tableName('partition_network')} (
  partition_reference VARCHAR(255),
  computer_reference ${computer},
  reference VARCHAR(255),
  address VARCHAR(255),
  netmask VARCHAR(255)
);
CREATE TABLE IF NOT EXISTS ${tableName('forwarded_partition_request')} (
  partition_reference VARCHAR(255),
  master_url VARCHAR(255),
  PRIMARY KEY (partition_reference, master_url)
);
`;
}
