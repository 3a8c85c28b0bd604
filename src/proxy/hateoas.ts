/** The HATEOAS subset of client commands (spec/proxy.md 10, spec/slap-protocol.md 7). */
import { encodeInstanceXml } from '../slap/instance-xml.ts';
import { ownParameters, parseSlaves } from './documents.ts';
import type { Form } from './form.ts';
import { badRequest, notFound } from './http-problem.ts';
import { jsonReply, type Reply, type Route } from './route.ts';
import type { ComputerRow, PartitionRow, ProxyTables, SlaveRow } from './store.ts';

const QUERY =
  /^portal_type:"(Instance Tree|Compute Node)" AND validation_state:validated(?: AND (title|reference):="((?:[^"\\]|\\.)*)")?$/;

/** Start, search or traverse, told apart by `mode`. */
export const hateoasRoute: Route = async ({ form, baseUrl }, { store }) => {
  const mode = form.optional('mode');
  if (mode === null) return renderRoot(baseUrl);
  if (mode === 'search') {
    return store.read((tables) => search(form, tables, store.schemaVersion >= 18));
  }
  if (mode === 'traverse') return traverse(form, baseUrl);
  throw badRequest(`Unhandled mode: ${mode}`);
};

function documentReply(document: object): Reply {
  return jsonReply(`${JSON.stringify(document)}\n`);
}

function renderRoot(baseUrl: string): Reply {
  const mode = `${baseUrl}hateoas/?mode=`;
  return documentReply({
    _links: {
      raw_search: { href: `${mode}search&query={query}&select_list={select_list}` },
      traverse: { href: `${mode}traverse&relative_url={relative_url}&view={view}` },
      self: { href: `${baseUrl}hateoas/` },
    },
  });
}

async function search(form: Form, tables: ProxyTables, isNew: boolean): Promise<Reply> {
  const query = form.text('query');
  const match = QUERY.exec(query);
  const isTree = match?.[1] === 'Instance Tree';
  const key = match?.[2];
  if (match === null || (key !== undefined && isTree !== (key === 'title'))) {
    throw badRequest(`Unhandled query: ${query}`);
  }
  const wanted = match[3]?.replace(/\\(.)/g, '$1');
  const contents = isTree
    ? await listTrees(wanted, tables, isNew)
    : (await listComputers(wanted, tables)).map(computerEntry);
  return documentReply({ _embedded: { contents } });
}

/** Only to our own documents. */
function traverse(form: Form, baseUrl: string): Reply {
  const target = form.text('relative_url');
  if (!/^\/?hateoas\/[^\s\\]*$/.test(target)) throw notFound(`There is no ${target}.`);
  // A header holds no other characters.
  const path = target.replace(/^\//, '').replace(/[^\x21-\x7e]/gu, encodeURIComponent);
  const location = `${baseUrl}${path}`;
  return { status: 302, contentType: 'text/plain', headers: { location }, body: '' };
}

interface Entry {
  readonly title: string;
  readonly url_string: string | null;
  readonly relative_url: string;
}

/**
 * Of one title or of all.
 * @param isNew whether rows have the column of version 18
 */
async function listTrees(
  title: string | undefined,
  tables: ProxyTables,
  isNew: boolean,
): Promise<Entry[]> {
  const partitions =
    title === undefined
      ? await tables.listPartitions(null)
      : [await tables.findInstance(title, '')];
  const roots = partitions.filter((row) => row !== null).filter(isRoot);
  const trees: Entry[] = roots.map((row) => treeEntry(row, isNew));
  for (const slave of (await tables.listSlaves()).filter(isRootSlave)) {
    if (title !== undefined && slave.reference !== `_${title}`) continue;
    const { computerReference, hostedBy } = slave;
    const host = await tables.getPartition({ reference: hostedBy ?? '', computerReference });
    trees.push(sharedEntry(slave, host));
  }
  return trees;
}

async function listComputers(
  reference: string | undefined,
  tables: ProxyTables,
): Promise<ComputerRow[]> {
  if (reference === undefined) return tables.listComputers();
  const row = await tables.getComputer(reference);
  return row === null ? [] : [row];
}

function isRoot(row: PartitionRow): boolean {
  return row.slapState !== 'free' && row.requestedBy === '';
}

/** Slaves that a user asked for; the others carry the title of a root before the `_`. */
function isRootSlave(row: SlaveRow): boolean {
  return row.reference.startsWith('_') && (row.askedBy === null || row.askedBy === '');
}

function treeEntry(row: PartitionRow, isNew: boolean) {
  const title = row.title ?? '';
  return {
    title,
    url_string: row.softwareRelease,
    relative_url: `/hateoas/partitions/${encodeURIComponent(title)}`,
    reference: row.reference,
    computer_reference: row.computerReference,
    slap_state: row.slapState,
    software_release: row.softwareRelease,
    software_type: row.softwareType,
    partition_reference: row.title,
    requested_by: row.requestedBy,
    requested_state: row.requestedState,
    timestamp: row.timestamp,
    xml: row.xml,
    connection_xml: row.connectionXml,
    slave_instance_list: row.slaveInstanceList,
    ...(isNew ? { requester_id: row.requesterId } : {}),
  };
}

function sharedEntry(row: SlaveRow, host: PartitionRow | null): Entry {
  const title = row.reference.slice(1);
  return {
    title,
    url_string: host?.softwareRelease ?? null,
    relative_url: `/hateoas/shared/${encodeURIComponent(title)}`,
  };
}

function computerEntry(row: ComputerRow) {
  const relativeUrl = `/hateoas/computers/${encodeURIComponent(row.reference)}`;
  return { title: row.reference, relative_url: relativeUrl, ...row };
}

/** A document by kind and title. @throws HttpProblem 404 when there is none. */
export async function renderDocument(
  kind: string,
  title: string,
  tables: ProxyTables,
): Promise<Reply> {
  if (kind === 'partitions') return renderTree(title, tables);
  if (kind === 'shared') return renderShared(title, tables);
  if (kind === 'computers') return renderComputerDocument(title, tables);
  throw notFound(`There is no ${kind}.`);
}

async function renderTree(title: string, tables: ProxyTables): Promise<Reply> {
  const row = (await tables.findInstance(title, '')) ?? (await findChild(title, tables));
  if (row === null) throw notFound(`Instance ${title} does not exist.`);
  return view('Instance Tree', {
    reference: title,
    slap_state: row.requestedState,
    text_content: row.xml,
    connection_parameter_list: row.connectionXml,
    url_string: row.softwareRelease,
    source_reference: row.softwareType,
    root_slave: 0,
  });
}

/** Whichever comes first: children of different trees may share a title. */
async function findChild(title: string, tables: ProxyTables): Promise<PartitionRow | null> {
  const rows = await tables.listPartitions(null);
  return rows.find((row) => row.slapState !== 'free' && row.title === title) ?? null;
}

async function renderShared(title: string, tables: ProxyTables): Promise<Reply> {
  const slaves = await tables.listSlaves();
  const slave = slaves.find((row) => row.reference === `_${title}`);
  if (slave === undefined) throw notFound(`Shared instance ${title} does not exist.`);
  const { computerReference } = slave;
  const host = await tables.getPartition({ reference: slave.hostedBy ?? '', computerReference });
  const entry = parseSlaves(host?.slaveInstanceList ?? null).find((other) => {
    return other['slave_reference'] === slave.reference;
  });
  return view('Instance Tree', {
    reference: title,
    slap_state: 'unused',
    text_content: encodeInstanceXml(ownParameters(entry ?? {})),
    connection_parameter_list: slave.connectionXml,
    url_string: host?.softwareRelease ?? null,
    source_reference: entry?.['slap_software_type'] ?? null,
    root_slave: 1,
  });
}

async function renderComputerDocument(title: string, tables: ProxyTables): Promise<Reply> {
  const row = await tables.getComputer(title);
  if (row === null) throw notFound(`Computer ${title} does not exist.`);
  return view('Compute Node', { reference: title, title });
}

const FORMS = {
  'Instance Tree': 'InstanceTree_viewAsHateoas',
  'Compute Node': 'ComputeNode_viewAsHateoas',
} as const;

function view(portalType: keyof typeof FORMS, fields: Readonly<Record<string, unknown>>): Reply {
  const entries = Object.entries(fields).map(([name, value]) => {
    const type = typeof value === 'number' ? 'IntegerField' : 'StringField';
    return [`my_${name}`, { type, key: `field_my_${name}`, default: value }];
  });
  // Upstream's client reads the form id of every document.
  const form = { type: 'StringField', key: 'form_id', default: FORMS[portalType] };
  const document = Object.fromEntries([['form_id', form], ...entries]);
  return documentReply({ _embedded: { _view: document }, _links: { type: { name: portalType } } });
}
