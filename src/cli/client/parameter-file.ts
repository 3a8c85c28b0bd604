/** Files that `request --parameters-file` takes: JSON, YAML, XML (spec/cli.md 6.2). */
import { extname } from 'node:path';
import { readBounded } from '../../config/read.ts';
import { errorMessage, UsageError } from '../../errors/slapos-error.ts';
import { parseJsonText } from '../../slap/json-text.ts';
import type { MarshalValue } from '../../slap/marshal-value.ts';
import { readXml, type XmlHandler } from '../../slap/xml-events.ts';

export interface ParameterFile {
  /** In the order of the file. */
  readonly values: ReadonlyMap<string, MarshalValue>;
  /** XML files are sent as they are. */
  readonly isXml: boolean;
  /** Keys that stand there twice, where; the last one counts. */
  readonly repeated: readonly string[];
}

/** By its number: where it is a socket, /dev/stdin cannot be opened. */
const STANDARD_INPUT = 0;

/** No more is read; a parameter that large could not be sent. */
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * Reads a file by the end of its name: YAML, XML, else JSON; `-` is standard input.
 * @throws UsageError SLAPOS_ERR_USAGE, exit 1, when it is not a dictionary in that language; the
 *   message has line and column.
 */
export async function readParameterFile(path: string): Promise<ParameterFile> {
  const extension = extname(path).toLowerCase();
  try {
    const bytes = readBounded(path === '-' ? STANDARD_INPUT : path, MAX_BYTES);
    if (extension === '.xml') return readXmlParameters(bytes);
    const isYaml = extension === '.yaml' || extension === '.yml';
    const { value, repeated } = await (isYaml ? parseYaml : parseJson)(decodeText(bytes));
    const told = repeated.map(({ key, place }) => `'${key.replace(/^\./, '')}' at ${place}`);
    return { values: expectDictionary(value), isXml: false, repeated: told };
  } catch (cause) {
    const message = `Parameters file ${path} cannot be used: ${describeFailure(cause)}`;
    throw new UsageError('SLAPOS_ERR_USAGE', message, { exitCode: 1, cause });
  }
}

async function parseJson(text: string) {
  return parseJsonText(text);
}

async function parseYaml(text: string) {
  const { parseYamlText } = await import('./yaml-parameters.ts');
  return parseYamlText(text);
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Error('it is not UTF-8', { cause });
  }
}

function describeFailure(cause: unknown): string {
  const reason = errorMessage(cause);
  return reason.replace('Maximum call stack size exceeded', 'values are nested too deeply');
}

function expectDictionary(value: MarshalValue): ReadonlyMap<string, MarshalValue> {
  if (value instanceof Map) return value as ReadonlyMap<string, MarshalValue>;
  const found = Array.isArray(value) ? 'a list' : value === null ? 'nothing' : 'a single value';
  throw new Error(`it must hold a dictionary of parameters, but holds ${found}`);
}

function readXmlParameters(bytes: Uint8Array): ParameterFile {
  const reader = new ParameterElements();
  readXml(bytes, 'it', reader, { hasPlaces: true });
  return { values: reader.values, isXml: true, repeated: reader.repeated };
}

/** The `parameter` children of the root; text counts up to the first element or comment in it. */
class ParameterElements implements XmlHandler {
  readonly values = new Map<string, string | null>();
  readonly repeated: string[] = [];
  #depth = 0;
  #count = 0;
  #id: string | undefined;
  #text = '';
  #isCut = false;

  open(name: string, attributes: ReadonlyMap<string, string>): void {
    this.#depth += 1;
    if (this.#depth > 2) this.#isCut = true;
    if (this.#depth !== 2 || name !== 'parameter') return;
    this.#count += 1;
    this.#id = attributes.get('id');
    if (this.#id === undefined) throw new Error(`parameter ${this.#count} has no id`);
    if (this.values.has(this.#id)) {
      this.repeated.push(`'${this.#id}' at parameter ${this.#count}`);
    }
    this.#text = '';
    this.#isCut = false;
  }

  text(text: string): void {
    if (this.#depth === 2 && !this.#isCut) this.#text += text;
  }

  comment(): void {
    this.#isCut = true;
  }

  close(): void {
    this.#depth -= 1;
    if (this.#depth !== 1 || this.#id === undefined) return;
    this.values.set(this.#id, this.#text === '' ? null : this.#text);
    this.#id = undefined;
  }
}
