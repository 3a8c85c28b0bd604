/** A service as `service info` and the console tell it (spec/cli.md 6.5). */
import type { Service } from '../../slap/hateoas-client.ts';
import { decodeInstanceXml } from '../../slap/instance-xml.ts';
import type { MarshalValue } from '../../slap/marshal-value.ts';
import { parsePythonJson } from '../../slap/python-json.ts';
import { readSerialisation } from '../../slap/software-schema.ts';

type Connection = ReadonlyMap<string, MarshalValue>;

/**
 * What is told of a service, in upstream's order. The document beside its software is read when it
 * matters: a published `_` may hold everything as JSON.
 * @param folder that a relative path of a release starts from
 */
export async function readServiceDocument(
  service: Service,
  folder: string,
  hasNews: boolean,
): Promise<ReadonlyMap<string, MarshalValue>> {
  const { softwareUrl, softwareType } = service;
  const connection = parseConnection(service.connection);
  const isJson =
    typeof connection.get('_') === 'string' &&
    (await readSerialisation(softwareUrl, softwareType, folder)) !== 'xml';
  const news = listNews(service.news);
  const document = new Map<string, MarshalValue>([
    ['software-url', softwareUrl],
    ['software-type', softwareType],
    ['shared', service.isShared],
    ['requested-state', service.requestedState],
    ['instance-parameters', renderParameters(service.parameterXml)],
    ['connection-parameters', isJson ? renderPublished(connection) : connection],
    ['status', renderStatus(news)],
  ]);
  if (hasNews && news !== undefined) document.set('news', news);
  return document;
}

function parseConnection(connection: Service['connection']): Connection {
  const pairs =
    typeof connection === 'string' ? Object.entries(decodeInstanceXml(connection)) : connection;
  return new Map(pairs as Iterable<readonly [string, MarshalValue]>);
}

/** A lone `_` holds JSON. */
function renderParameters(xml: string): MarshalValue {
  const parameters = decodeInstanceXml(xml);
  const [text] = Object.keys(parameters).length === 1 ? [parameters['_']] : [];
  return typeof text === 'string' ? { _: parseJson(text) ?? text } : parameters;
}

/** What is no JSON after all is told as it is. */
function renderPublished(connection: Connection): MarshalValue {
  return parseJson(String(connection.get('_'))) ?? connection;
}

function parseJson(text: string): MarshalValue | undefined {
  try {
    return parsePythonJson(text);
  } catch {
    return undefined;
  }
}

/** A Master tells those of the instance among others; undefined where it tells none. */
function listNews(news: unknown): readonly MarshalValue[] | undefined {
  const own = Array.isArray(news) ? news : (news as { instance?: unknown } | undefined)?.instance;
  return Array.isArray(own) ? (own as MarshalValue[]) : undefined;
}

const STATUS_NAMES = ['none', 'green', 'red', 'orange'] as const;

/** From the texts of the news: `#access` is good, `#error` is bad. */
function renderStatus(news: readonly MarshalValue[] | undefined): string {
  if (news === undefined) return 'unsupported';
  const texts = news.map((each) => String((each as { text?: unknown } | null)?.text ?? ''));
  const has = (start: string) => texts.some((text) => text.startsWith(start));
  return STATUS_NAMES[(has('#access') ? 1 : 0) + (has('#error') ? 2 : 0)] ?? 'none';
}
