/** A service as `service info` and the console tell it (spec/cli.md 6.5). Pure. */
import type { Service } from '../../slap/hateoas-client.ts';
import { decodeInstanceXml } from '../../slap/instance-xml.ts';
import type { MarshalValue } from '../../slap/marshal-value.ts';
import { parsePythonJson } from '../../slap/python-json.ts';
import type { Serialisation } from '../../slap/software-schema.ts';

/** @param serialisation how the software publishes its connection, where that is known */
export function renderService(
  service: Service,
  serialisation: Serialisation | null,
  hasNews: boolean,
): ReadonlyMap<string, MarshalValue> {
  const news = service.news as MarshalValue | undefined;
  const shown = new Map<string, MarshalValue>([
    ['software-url', service.softwareUrl],
    ['software-type', service.softwareType],
    ['shared', service.isShared],
    ['requested-state', service.requestedState],
    ['instance-parameters', renderParameters(service.parameterXml)],
    ['connection-parameters', renderConnection(service.connection, serialisation)],
    ['status', renderStatus(service.news)],
  ]);
  if (hasNews && news !== undefined && news !== null) shown.set('news', news);
  return shown;
}

/** A lone `_` holds JSON. */
function renderParameters(xml: string): MarshalValue {
  const parameters = decodeInstanceXml(xml);
  const isLone = Object.keys(parameters).length === 1 && typeof parameters['_'] === 'string';
  return isLone ? { _: parseJson(parameters['_'] as string) } : parameters;
}

function renderConnection(
  connection: Service['connection'],
  serialisation: Serialisation | null,
): MarshalValue {
  const entries =
    typeof connection === 'string'
      ? Object.entries(decodeInstanceXml(connection))
      : [...connection.entries()];
  const values = new Map(entries.map(([key, value]) => [key, value as MarshalValue]));
  const json = values.get('_');
  const isJson = serialisation !== 'xml' && typeof json === 'string';
  return isJson ? parseJson(json) : values;
}

/** Text that is no JSON is shown as it is. */
function parseJson(text: string): MarshalValue {
  try {
    return parsePythonJson(text);
  } catch {
    return text;
  }
}

const STATUS_NAMES = ['none', 'green', 'red', 'orange'] as const;

/** From the texts of the news: `#access` is good, `#error` is bad. */
function renderStatus(news: unknown): string {
  if (news === undefined || news === null) return 'unsupported';
  const texts = JSON.stringify(news);
  const bits = (texts.includes('"#access') ? 1 : 0) + (texts.includes('"#error') ? 2 : 0);
  return STATUS_NAMES[bits] ?? 'none';
}
