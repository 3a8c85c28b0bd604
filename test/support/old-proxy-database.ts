/** Databases of slapproxy as its versions 10 to 16 wrote them (spec/proxy.md 3, column history). */
import Sqlite from 'better-sqlite3';

export const OLD_VERSIONS = [10, 11, 12, 13, 14, 15, 16] as const;
export type OldVersion = (typeof OLD_VERSIONS)[number];

const XML = `<?xml version='1.0' encoding='utf-8'?>\n<instance>\n  <parameter id="a">é'&lt;</parameter>\n</instance>\n`;

function renderTables(version: OldVersion): string {
  const computer = version >= 11 ? "computer_reference VARCHAR(255) DEFAULT 'COMP-1'," : '';
  const unique = version >= 11 ? 'reference, computer_reference' : 'reference';
  const forwarded = version >= 16 ? ', PRIMARY KEY (partition_reference, master_url)' : '';
  return `
CREATE TABLE software${version} (url VARCHAR(255), ${computer}
  ${version >= 12 ? "requested_state VARCHAR(255) DEFAULT 'available'," : ''}
  CONSTRAINT uniq PRIMARY KEY (url${version >= 11 ? ', computer_reference' : ''}));
CREATE TABLE computer${version} (${version >= 11 ? "reference VARCHAR(255) DEFAULT 'COMP-1'," : ''}
  address VARCHAR(255), netmask VARCHAR(255),
  CONSTRAINT uniq PRIMARY KEY (${version >= 11 ? 'reference' : 'address'}));
CREATE TABLE partition${version} (reference VARCHAR(255), ${computer}
  slap_state VARCHAR(255) DEFAULT 'free', software_release VARCHAR(255), xml TEXT,
  connection_xml TEXT, slave_instance_list TEXT, software_type VARCHAR(255),
  partition_reference VARCHAR(255), requested_by VARCHAR(255),
  requested_state VARCHAR(255) NOT NULL DEFAULT 'started',
  ${version >= 14 ? 'timestamp REAL,' : ''}
  CONSTRAINT uniq PRIMARY KEY (${unique}));
CREATE TABLE slave${version} (reference VARCHAR(255), ${computer} connection_xml TEXT,
  hosted_by VARCHAR(255), asked_by VARCHAR(255));
CREATE TABLE partition_network${version} (partition_reference VARCHAR(255), ${computer}
  reference VARCHAR(255), address VARCHAR(255), netmask VARCHAR(255));
${version >= 11 ? `CREATE TABLE forwarded_partition_request${version} (partition_reference VARCHAR(255), master_url VARCHAR(255)${forwarded});` : ''}
${version >= 15 ? `CREATE TABLE local_software_release_root${version} (path VARCHAR(255));` : ''}`;
}

type Row = Readonly<Record<string, string | number | null>>;

/** Partitions 0 to 2 are a tree of three generations, 3 another root with a child of its own, 5 is free. */
const INSTANCES: readonly Row[] = [
  { partition_reference: 'root', requested_by: null },
  { partition_reference: 'child', requested_by: 'slappart0' },
  { partition_reference: 'grandchild', requested_by: 'slappart1' },
  { partition_reference: 'other', requested_by: null },
  { partition_reference: 'child', requested_by: 'slappart3' },
];

/**
 * Writes a database with two software releases, six partitions, a slave and addresses.
 * @param path of a file that does not exist
 */
export function writeOldDatabase(path: string, version: OldVersion): void {
  const database = new Sqlite(path);
  const insert = (table: string, row: Row): void => {
    const names = Object.keys(row);
    const marks = names.map(() => '?').join(', ');
    database
      .prepare(`INSERT INTO ${table}${version} (${names.join(', ')}) VALUES (${marks})`)
      .run(...Object.values(row));
  };
  database.exec(renderTables(version));
  insert('software', { url: '/old/a.cfg' });
  insert('software', {
    url: 'https://example.com/software.cfg',
    ...(version >= 12 ? { requested_state: 'destroyed' } : {}),
  });
  insert('computer', { address: '10.0.0.1', netmask: '255.255.255.0' });
  insertPartitions(insert, version);
  insert('slave', {
    reference: 'slappart0_shared',
    connection_xml: XML,
    hosted_by: 'slappart3',
    asked_by: 'slappart0',
  });
  if (version >= 11) {
    const row = { partition_reference: 'user_x', master_url: 'https://master/' };
    for (let count = version >= 16 ? 1 : 2; count > 0; count -= 1) {
      insert('forwarded_partition_request', row);
    }
  }
  if (version >= 15) insert('local_software_release_root', { path: '/old' });
  database.close();
}

function insertPartitions(insert: (table: string, row: Row) => void, version: OldVersion): void {
  INSTANCES.forEach((row, index) => {
    insert('partition', {
      reference: `slappart${index}`,
      slap_state: 'busy',
      software_release: '/old/a.cfg',
      xml: XML,
      connection_xml: index === 0 ? XML : null,
      slave_instance_list: index === 3 ? '<marshal><list id="i2"/></marshal>' : null,
      software_type: 'default',
      requested_state: index === 2 ? 'stopped' : 'started',
      ...(version >= 14 ? { timestamp: 1500000000.25 + index } : {}),
      ...row,
    });
  });
  insert('partition', { reference: 'slappart5' });
  for (const index of [0, 1, 2, 3, 4, 5]) {
    insert('partition_network', {
      partition_reference: `slappart${index}`,
      reference: `tap${index}`,
      address: `10.0.1.${index}`,
      netmask: '255.255.255.255',
    });
  }
}
