/**
 * The database of slapproxy (spec/proxy.md 3), shared with upstream: version 17 of slapos.core 1.24
 * and version 18 of 1.26, which adds who requested an instance and drops `slave.asked_by`.
 */

/** What new databases are, and what older ones become. */
export const SCHEMA_VERSION = 17;
/** The oldest one that can be converted. */
export const OLDEST_VERSION = 10;

/** Versions that are read and written as they are. */
export type SchemaVersion = 17 | 18;

/** The name of a table in the file. */
export function tableName(table: ProxyTable, version: SchemaVersion = SCHEMA_VERSION): string {
  return `${table}${version}`;
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
 * The statements that create the tables, unless they exist.
 * @param defaultComputerId becomes the default of every column that names a computer.
 */
export function renderSchema(
  defaultComputerId: string,
  version: SchemaVersion = SCHEMA_VERSION,
): string {
  const name = (table: ProxyTable): string => tableName(table, version);
  const isNew = version === 18;
  const requester = "requester_id VARCHAR(255) NOT NULL DEFAULT ''";
  const computer = `VARCHAR(255) DEFAULT '${defaultComputerId.replaceAll("'", "''")}'`;
  return `
CREATE TABLE IF NOT EXISTS ${name('config')} (
  name TEXT PRIMARY KEY,
  value TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ${name('software')} (
  url VARCHAR(255),
  computer_reference ${computer},
  requested_state VARCHAR(255) DEFAULT 'available',
  PRIMARY KEY (url, computer_reference)
);
CREATE TABLE IF NOT EXISTS ${name('computer')} (
  reference ${computer},
  address VARCHAR(255),
  netmask VARCHAR(255),
  PRIMARY KEY (reference)
);
CREATE TABLE IF NOT EXISTS ${name('partition')} (
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
  timestamp REAL,${isNew ? `\n  ${requester},` : ''}
  PRIMARY KEY (reference, computer_reference)
);
CREATE TABLE IF NOT EXISTS ${name('slave')} (
  reference VARCHAR(255),
  computer_reference ${computer},
  connection_xml TEXT,
  hosted_by VARCHAR(255),
  ${isNew ? requester : 'asked_by VARCHAR(255)'}
);
CREATE TABLE IF NOT EXISTS ${name('partition_network')} (
  partition_reference VARCHAR(255),
  computer_reference ${computer},
  reference VARCHAR(255),
  address VARCHAR(255),
  netmask VARCHAR(255)
);
CREATE TABLE IF NOT EXISTS ${name('forwarded_partition_request')} (
  partition_reference VARCHAR(255),
  master_url VARCHAR(255),
  PRIMARY KEY (partition_reference, master_url)
);
`;
}

/**
 * What the requests look rows up by. Upstream's statements name no order, so an index that they
 * might use must keep the rows in that of their insertion: one column, all that they compare, or
 * partial in a way that they never ask for. Upstream drops them with the tables.
 */
const INDEXES: ReadonlyArray<readonly [ProxyTable, name: string, definition: string]> = [
  ['software', 'computer', '(computer_reference)'],
  ['partition', 'free', "(computer_reference) WHERE slap_state = 'free'"],
  [
    'partition',
    'software',
    "(computer_reference, software_release) WHERE slap_state <> 'free' AND software_release IS NOT NULL",
  ],
  ['partition', 'title', '(partition_reference, requested_by) WHERE requested_by IS NOT NULL'],
  ['partition', 'root', '(requested_by)'],
  ['partition', 'computer', '(computer_reference)'],
  ['slave', 'reference', '(reference)'],
  ['slave', 'owner', '(hosted_by, computer_reference) WHERE computer_reference IS NOT NULL'],
  ['partition_network', 'computer', '(computer_reference)'],
  [
    'partition_network',
    'owner',
    '(partition_reference, computer_reference) WHERE computer_reference IS NOT NULL',
  ],
];

/** Of former versions of ours, by a name that partitions of all computers share. */
const FORMER_INDEXES: ReadonlyArray<readonly [ProxyTable, name: string]> = [
  ['slave', 'host'],
  ['partition_network', 'address'],
];

/** The statements that create the indexes of either version, unless they exist. */
export function renderIndexes(version: SchemaVersion): string {
  const former = FORMER_INDEXES.map(([table, name]) => {
    return `DROP INDEX IF EXISTS ${tableName(table, version)}_by_${name};\n`;
  });
  const present = INDEXES.map(([table, name, definition]) => {
    const full = tableName(table, version);
    return `CREATE INDEX IF NOT EXISTS ${full}_by_${name} ON ${full} ${definition};\n`;
  });
  return [...former, ...present].join('');
}

/** Columns by the names of the store, the same on every server and in the order of upstream. */
export type Columns = Readonly<Record<string, string>>;

const PARTITION_COLUMNS = {
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
} as const;

const SLAVE_COLUMNS = { connectionXml: 'connection_xml', hostedBy: 'hosted_by' } as const;
const REQUESTER = { requesterId: 'requester_id' } as const;
const ASKER = { askedBy: 'asked_by' } as const;

/** What a partition is in its life. */
export function partitionColumns(version: SchemaVersion): Columns {
  return version === 18 ? { ...PARTITION_COLUMNS, ...REQUESTER } : PARTITION_COLUMNS;
}

/** What is known of a slave besides its key. */
export function slaveColumns(version: SchemaVersion): Columns {
  return { ...SLAVE_COLUMNS, ...(version === 18 ? REQUESTER : ASKER) };
}
