/** Parameters as the panel shows and takes them. Pure. */
import { ownParameters, parseSlaves } from '../proxy/documents.ts';
import type { Dictionary } from '../proxy/form.ts';
import type { SlaveRow } from '../proxy/store.ts';
import { readStoredXml } from '../proxy/stored-xml.ts';
import { renderJson } from '../slap/marshal-json.ts';
import { MarshalFloat, type MarshalValue } from '../slap/marshal-value.ts';
import { renderPythonJson } from '../slap/python-json.ts';
import type { PanelParameters } from './api.ts';
import { wrongField } from './problem.ts';

/** What stands alone in `_` is one JSON document. */
export function renderParameters(values: Readonly<Record<string, unknown>>): PanelParameters {
  const document = Object.keys(values).length === 1 ? parseObject(values['_']) : undefined;
  if (document !== undefined) return { serialisation: 'json', values: document };
  return { serialisation: 'xml', values };
}

function parseObject(text: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

/** Instance XML of the database; the empty text is what it has no other word for. */
export function readTexts(xml: string | null): Record<string, string> {
  return Object.fromEntries(
    Object.entries(readStoredXml(xml)).map(([name, value]) => [name, value ?? '']),
  );
}

/** What was given for a shared instance, which its host keeps. */
export function sharedParameters(row: SlaveRow, hostList: string | null): Dictionary {
  const entries = parseSlaves(hostList);
  const entry = entries.find((one) => one['slave_reference'] === row.reference);
  return entry === undefined ? {} : ownParameters(entry);
}

/** Marshalled values as JSON. */
export function renderDictionary(values: Dictionary): Readonly<Record<string, unknown>> {
  return renderJson(values);
}

/**
 * Parameters as they are sent.
 * @throws PanelError 422 for a value that only JSON can say.
 */
export function encodeSent(
  values: Readonly<Record<string, MarshalValue>>,
  serialisation: PanelParameters['serialisation'],
): Dictionary {
  if (serialisation === 'json') return { _: renderPythonJson(new Map(Object.entries(values))) };
  for (const [name, value] of Object.entries(values)) {
    if (isScalar(value)) continue;
    const field = `/parameters/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    throw wrongField(field, 'This software takes texts and numbers only.');
  }
  return values;
}

function isScalar(value: MarshalValue): boolean {
  return typeof value !== 'object' || value === null || value instanceof MarshalFloat;
}
