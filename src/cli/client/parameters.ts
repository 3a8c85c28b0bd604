/** Parameters of `request`: KEY=VALUE words and files (spec/cli.md 6.2). */
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { errorMessage, UsageError } from '../../errors/slapos-error.ts';
import { decodeInstanceXml } from '../../slap/instance-xml.ts';
import { MarshalFloat, type MarshalValue } from '../../slap/marshal-value.ts';
import { parsePythonJson, renderPythonJson } from '../../slap/python-json.ts';
import type { Serialisation } from '../../slap/software-schema.ts';

export type Parameters = Readonly<Record<string, MarshalValue>>;

/**
 * Words as a dictionary; each is split at its first `=`.
 * @throws UsageError SLAPOS_ERR_USAGE, exit 1, for a word without `=` or a key given twice.
 */
export function parsePairs(words: readonly string[], option: string): Record<string, string> {
  const found = new Map<string, string>();
  for (const word of words) {
    const at = word.indexOf('=');
    if (at < 0) throw wrong(`${option} takes KEY=VALUE, not '${word}'.`);
    const key = word.slice(0, at);
    if (found.has(key)) throw wrong(`Multiple values provided for the same key '${key}'`);
    found.set(key, word.slice(at + 1));
  }
  return Object.fromEntries(found);
}

export interface ParameterFile {
  readonly parameters: Parameters;
  /** XML files are sent as they are. */
  readonly isXml: boolean;
}

/**
 * Reads a file by the end of its name: YAML, XML, else JSON.
 * @throws UsageError SLAPOS_ERR_USAGE, exit 1, when it is not a dictionary in that language.
 */
export async function readParameterFile(path: string): Promise<ParameterFile> {
  const extension = extname(path).toLowerCase();
  const isXml = extension === '.xml';
  try {
    const text = readFileSync(path, 'utf8');
    if (isXml) return { parameters: decodeInstanceXml(text), isXml };
    const isYaml = extension === '.yaml' || extension === '.yml';
    const value = isYaml ? await parseYaml(text) : parsePythonJson(text);
    return { parameters: expectDictionary(value), isXml };
  } catch (cause) {
    throw wrong(`Parameters file ${path} cannot be used: ${errorMessage(cause)}`, cause);
  }
}

function expectDictionary(value: MarshalValue): Parameters {
  const isDictionary =
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof MarshalFloat);
  if (!isDictionary) throw new Error('it does not hold a dictionary');
  return value as Parameters;
}

/** YAML 1.1, as Python reads it, with floats kept apart from integers. */
async function parseYaml(text: string): Promise<MarshalValue> {
  const { parseDocument, visit } = await import('yaml');
  const document = parseDocument(text, { version: '1.1', intAsBigInt: true });
  const [problem] = document.errors;
  if (problem !== undefined) throw problem;
  visit(document, {
    Scalar(_key, node) {
      node.value = convertScalar(node.value, node.source ?? '');
    },
  });
  return document.toJS() as MarshalValue;
}

function convertScalar(value: unknown, source: string): unknown {
  if (typeof value === 'bigint' && Number.isSafeInteger(Number(value))) return Number(value);
  if (typeof value === 'number') return new MarshalFloat(value);
  if (value instanceof Date) throw new Error(`put quotes around the date ${source}`);
  if (value instanceof Uint8Array) throw new Error('binary values cannot be sent');
  return value;
}

/** What is sent: with json-in-xml one parameter `_` that holds everything as JSON. */
export function serialiseParameters(
  parameters: Parameters,
  serialisation: Serialisation,
): Parameters {
  const keys = Object.keys(parameters);
  const isSerialised = keys.length === 1 && keys[0] === '_';
  if (serialisation === 'xml' || isSerialised) return parameters;
  return { _: renderPythonJson(parameters) };
}

function wrong(message: string, cause?: unknown): UsageError {
  return new UsageError('SLAPOS_ERR_USAGE', message, { exitCode: 1, cause });
}
