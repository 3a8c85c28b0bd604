/** What `proxy show` prints (spec/proxy.md 12). Pure. */
import { md5 } from '../model/md5.ts';
import { pythonFloat } from '../model/python-number.ts';
import { decodeInstanceXml } from '../slap/instance-xml.ts';
import { MarshalFloat, type MarshalValue } from '../slap/marshal-value.ts';
import { parsePythonJson, renderPythonJson } from '../slap/python-json.ts';
import { comparePythonStrings } from '../slap/python-text.ts';
import { type SchemaVersion, tableName } from './schema.ts';
import type { StatusSubject, StoredReport } from './status.ts';
import type { AddressRow, ComputerRow, PartitionRow, SlaveRow, SoftwareRow } from './store.ts';
import { renderTextTable } from './text-table.ts';

/** Shown when nothing is chosen, as by upstream. */
export const DEFAULT_SECTIONS = [
  'computers',
  'software',
  'partitions',
  'slaves',
  'params',
  'network',
] as const;
export const SHOW_SECTIONS = [...DEFAULT_SECTIONS, 'status'] as const;
export type ShowSection = (typeof SHOW_SECTIONS)[number];

export interface ShownState {
  readonly schemaVersion: SchemaVersion;
  readonly computers: readonly ComputerRow[];
  readonly software: readonly SoftwareRow[];
  readonly partitions: readonly PartitionRow[];
  readonly slaves: readonly SlaveRow[];
  readonly addresses: readonly AddressRow[];
  readonly reports: ReadonlyArray<StatusSubject & StoredReport>;
}

type Cell = string | number | null;

const RENDERERS: Readonly<Record<ShowSection, (state: ShownState) => string[]>> = {
  computers: ({ computers, schemaVersion }) => {
    const rows = computers.map((row) => [row.reference, row.address, row.netmask]);
    return renderTable(
      tableName('computer', schemaVersion),
      [],
      ['reference', 'address', 'netmask'],
      rows,
    );
  },
  software: ({ software, schemaVersion }) => {
    const columns = ['url', 'computer_reference', 'requested_state', 'md5'];
    const rows = software.map((row) => {
      return [row.url, row.computerReference, row.requestedState, md5(row.url)];
    });
    return renderTable(tableName('software', schemaVersion), [], columns, rows);
  },
  partitions: renderPartitions,
  slaves: ({ slaves, schemaVersion }) => {
    const isOld = schemaVersion === 17;
    const asker = isOld ? 'asked_by' : 'requester_id';
    const rows = slaves.map((row) => {
      return [
        row.reference,
        row.computerReference,
        row.hostedBy,
        isOld ? row.askedBy : row.requesterId,
      ];
    });
    const columns = ['reference', 'computer_reference', 'hosted_by', asker];
    return renderTable(tableName('slave', schemaVersion), ['connection_xml'], columns, rows);
  },
  params: ({ partitions }) => partitions.flatMap(renderParameters),
  network: renderNetwork,
  status: renderReports,
};

/** Lines of one section. */
export function renderSection(section: ShowSection, state: ShownState): string[] {
  return RENDERERS[section](state);
}

function renderPartitions({ partitions, schemaVersion }: ShownState): string[] {
  const isNew = schemaVersion === 18;
  const columns = [
    'reference',
    'computer_reference',
    'slap_state',
    'software_release',
    'software_type',
    'partition_reference',
    'requested_by',
    ...(isNew ? ['requester_id'] : []),
    'requested_state',
    'timestamp',
  ];
  const rows = partitions
    .filter(isUsed)
    .map((row) => [
      row.reference,
      row.computerReference,
      row.slapState,
      row.softwareRelease,
      row.softwareType,
      row.title,
      row.requestedBy,
      ...(isNew ? [row.requesterId] : []),
      row.requestedState,
      row.timestamp === null ? null : pythonFloat(row.timestamp),
    ]);
  const skipped = ['xml', 'connection_xml', 'slave_instance_list'];
  return renderTable(tableName('partition', schemaVersion), skipped, columns, rows);
}

function isUsed(row: PartitionRow): boolean {
  return row.slapState !== 'free';
}

function renderTable(
  table: string,
  skipped: readonly string[],
  columns: readonly string[],
  rows: readonly Cell[][],
): string[] {
  const title = `table ${table}`;
  if (rows.length === 0) return [`${title}: empty`];
  const heading = skipped.length === 0 ? title : `${title}: skipping ${skipped.join(', ')}`;
  return [heading, ...renderTextTable(columns, rows)];
}

function renderParameters(row: PartitionRow): string[] {
  if (row.connectionXml === null || row.connectionXml === '') return [];
  const entries = Object.entries(decodeInstanceXml(row.connectionXml));
  const lines = entries.map(([name, value]) => `    ${name} = ${renderValue(name, value)}`);
  return [`${row.reference}: ${row.title} (type ${row.softwareType})`, ...lines];
}

function renderValue(name: string, value: string | null): string {
  if (value === null) return 'None';
  if (name === 'ssh-key' || name === 'ssh-public-key') {
    return `${value.slice(0, 20)}...${value.slice(-20)}`;
  }
  return name === '_' ? indentJson(value) : value;
}

function indentJson(text: string): string {
  try {
    return renderPythonJson(sortKeys(parsePythonJson(text)));
  } catch {
    // Not JSON: it is shown as it is.
    return text;
  }
}

function sortKeys(value: MarshalValue): MarshalValue {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (value === null || typeof value !== 'object' || value instanceof MarshalFloat) return value;
  const pairs: Array<[string, MarshalValue]> =
    value instanceof Map ? [...value] : Object.entries(value);
  const entries = pairs.sort((a, b) => comparePythonStrings(a[0], b[0]));
  return new Map(entries.map(([key, item]) => [key, sortKeys(item)]));
}

function renderNetwork({ addresses, partitions }: ShownState): string[] {
  const free = new Set(partitions.filter((row) => !isUsed(row)).map((row) => row.reference));
  const groups = new Map<string, string[]>();
  for (const { partitionReference, address } of addresses) {
    if (free.has(partitionReference)) continue;
    const group = groups.get(partitionReference) ?? [];
    groups.set(partitionReference, [...group, address ?? '-']);
  }
  return [...groups.entries()]
    .sort((left, right) => comparePythonStrings(left[0], right[0]))
    .map(([reference, list]) => `${reference}: ${list.join(', ')}`);
}

/** What nodes said last, each on a line. */
function renderReports({ reports }: ShownState): string[] {
  if (reports.length === 0) return ['reported status: nothing'];
  const rows = reports.map((report) => [
    report.kind,
    report.computerReference,
    report.reference,
    report.state === '' ? null : report.state,
    new Date(report.since * 1000).toISOString(),
    report.text.replace(/\p{C}+|\s+/gu, ' '),
  ]);
  const columns = ['kind', 'computer', 'reference', 'state', 'since', 'text'];
  return ['reported status:', ...renderTextTable(columns, rows)];
}
