/** The HATEOAS part of a Master (spec/slap-protocol.md 7): services and computers of a user. */
import { errorCode, MasterError, SlaposError } from '../errors/slapos-error.ts';
import { describeUrl } from './bounded-text.ts';
import type { SlapConnection } from './connection.ts';
import { isJsonObject } from './json-value.ts';
import { parseToldUrl } from './master-url.ts';
import { expandUriTemplate } from './uri-template.ts';

/** Masters give 40 rows unless asked for more. */
const ROW_LIMIT = '10000';
const TREES = 'portal_type:"Instance Tree" AND validation_state:validated';
const COMPUTERS = 'portal_type:"Compute Node" AND validation_state:validated';

export interface ServiceRow {
  readonly title: string;
  readonly softwareUrl: string;
}

export interface Service {
  readonly softwareUrl: string;
  readonly softwareType: string;
  readonly isShared: boolean;
  readonly requestedState: string;
  /** Instance XML. */
  readonly parameterXml: string;
  /** Instance XML, or pairs of key and value from a Master. */
  readonly connection: string | ReadonlyMap<string, unknown>;
  /** Undefined when the server keeps no news. */
  readonly news: unknown;
}

export interface ComputerRow {
  readonly reference: string;
  readonly title: string;
}

export interface HateoasClient {
  listServices(): Promise<ServiceRow[]>;
  /** null when there is no service of this title. */
  getService(title: string): Promise<Service | null>;
  listComputers(): Promise<ComputerRow[]>;
  getComputer(reference: string): Promise<ComputerRow | null>;
  getToken(): Promise<string>;
}

type Row = Readonly<Record<string, unknown>>;

/**
 * Reads the start document.
 * @param url from the configuration, from the Master, or where slapproxy has it.
 * @throws MasterError SLAPOS_ERR_MASTER_PROTOCOL when it is not a HATEOAS start document.
 */
export async function openHateoas(connection: SlapConnection, url: URL): Promise<HateoasClient> {
  const start = await getJson(connection, url);
  const search = href(start, 'raw_search');
  const traverse = href(start, 'traverse');
  if (search === undefined || traverse === undefined) throw unexpected(url);
  const find = (query: string, columns: readonly string[]) => {
    const variables = { query, select_list: columns, limit: ROW_LIMIT };
    return searchRows(connection, parseToldUrl(expandUriTemplate(search, variables), url));
  };
  const findOne = async (query: string) => {
    const rows = await find(query, ['title', 'reference', 'relative_url']);
    if (rows.length > 1) throw ambiguous(query);
    return rows[0] === undefined ? null : text(rows[0]['relative_url']);
  };
  const read = async (relativeUrl: string) => {
    const variables = { relative_url: relativeUrl, view: 'slaposjs_view' };
    return readFields(connection, parseToldUrl(expandUriTemplate(traverse, variables), url));
  };
  return {
    async listServices() {
      const rows = await find(TREES, ['title', 'url_string']);
      return rows.map((row) => ({
        title: text(row['title']),
        softwareUrl: text(row['url_string']),
      }));
    },
    async getService(title) {
      const relativeUrl = await findOne(`${TREES} AND title:="${escapeQuotes(title)}"`);
      return relativeUrl === null ? null : parseService(await read(relativeUrl));
    },
    async listComputers() {
      const rows = await find(COMPUTERS, ['title', 'reference']);
      return rows.map((row) => ({ reference: text(row['reference']), title: text(row['title']) }));
    },
    async getComputer(reference) {
      const relativeUrl = await findOne(`${COMPUTERS} AND reference:="${escapeQuotes(reference)}"`);
      if (relativeUrl === null) return null;
      const fields = await read(relativeUrl);
      return { reference: text(fields['reference']), title: text(fields['title']) };
    },
    async getToken() {
      const self = parseToldUrl(href(start, 'self') ?? url.href, url);
      if (!self.pathname.endsWith('/')) self.pathname += '/';
      const token = new URL('computer_module/Base_getComputerToken', self);
      return text((await getJson(connection, token))['access_token']);
    },
  };
}

/** What tells where the HATEOAS API is. */
interface HateoasGuide {
  readonly connection: SlapConnection;
  getHateoasUrl(): Promise<string | null>;
}

/**
 * Opens the HATEOAS API: where the configuration says, else where the Master says, else where
 * slapproxy has it.
 * @throws SlaposError SLAPOS_ERR_NOT_AVAILABLE when the Master has none.
 */
export async function openHateoasOf(
  guide: HateoasGuide,
  restUrl: string | undefined,
): Promise<HateoasClient> {
  const { connection } = guide;
  const told = restUrl ?? (await guide.getHateoasUrl());
  if (told !== null) return openHateoas(connection, parseToldUrl(told, connection.baseUrl));
  try {
    return await openHateoas(connection, new URL('hateoas/', connection.baseUrl));
  } catch (cause) {
    const codes = ['SLAPOS_ERR_MASTER_NOT_FOUND', 'SLAPOS_ERR_MASTER_PROTOCOL'];
    if (!codes.includes(errorCode(cause))) throw cause;
    const message = 'SlapOS Master Hateoas API required for this operation is not available.';
    throw new SlaposError('SLAPOS_ERR_NOT_AVAILABLE', message, {
      cause,
      hint: 'set master_rest_url in section [slapos] of the client configuration',
    });
  }
}

function escapeQuotes(value: string): string {
  return value.replace(/[\\"]/g, (char) => `\\${char}`);
}

async function getJson(connection: SlapConnection, url: URL): Promise<Row> {
  const answer = await connection.get(url, {}, { 'cache-control': 'no-cache' });
  try {
    return record(JSON.parse(answer.body.toString('utf8')));
  } catch {
    // Not JSON: some other page lives there.
    throw unexpected(url);
  }
}

async function searchRows(connection: SlapConnection, url: URL): Promise<readonly Row[]> {
  const { contents } = record((await getJson(connection, url))['_embedded']);
  if (!Array.isArray(contents)) throw unexpected(url);
  return contents.map(record);
}

/** Fields `my_x` and `your_x` as property x. */
async function readFields(connection: SlapConnection, url: URL): Promise<Row> {
  const view = record(record((await getJson(connection, url))['_embedded'])['_view']);
  const fields: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(view)) {
    const property = /^(?:my|your)_(.+)$/.exec(name)?.[1];
    if (property !== undefined) fields[property] = record(field)['default'];
  }
  return fields;
}

function parseService(fields: Row): Service {
  return {
    softwareUrl: text(fields['url_string']),
    softwareType: text(fields['source_reference']),
    isShared: Boolean(Number(fields['root_slave'] ?? 0)),
    requestedState: text(fields['slap_state']),
    parameterXml: text(fields['text_content']),
    connection: parseConnection(fields['connection_parameter_list']),
    news: fields['news'],
  };
}

function parseConnection(value: unknown): string | ReadonlyMap<string, unknown> {
  if (!Array.isArray(value)) return text(value);
  const pairs = value.map(record);
  return new Map(pairs.map((pair) => [text(pair['connection_key']), pair['connection_value']]));
}

function href(document: Row, link: string): string | undefined {
  const value = record(record(document['_links'])[link])['href'];
  return typeof value === 'string' ? value : undefined;
}

function record(value: unknown): Row {
  return isJsonObject(value) ? value : {};
}

function text(value: unknown): string {
  return value === null || value === undefined ? '' : String(value);
}

function unexpected(url: URL): MasterError {
  const message = `${describeUrl(url)} does not answer as the HATEOAS API of a SlapOS Master.`;
  return new MasterError('SLAPOS_ERR_MASTER_PROTOCOL', message, { hint: 'Check master_rest_url.' });
}

function ambiguous(query: string): MasterError {
  return new MasterError('SLAPOS_ERR_MASTER_PROTOCOL', `More than one document matches ${query}.`);
}
