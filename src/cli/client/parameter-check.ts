/** Parameters of `request` against the JSON schema of the software release (spec/cli.md 6.2). */
import { errorMessage, UsageError } from '../../errors/slapos-error.ts';
import { MarshalFloat, type MarshalValue } from '../../slap/marshal-value.ts';
import { parsePythonJson } from '../../slap/python-json.ts';
import type { SchemaProblem } from '../../slap/schema-problem.ts';
import { documentUrl, SchemaReader } from '../../slap/schema-reader.ts';
import {
  type InstanceKind,
  locateRequestSchema,
  parseSerialisation,
  readSoftwareDocument,
  type Serialisation,
} from '../../slap/software-schema.ts';
import type { CommandContext } from '../command.ts';
import type { Parameters } from './parameters.ts';

/** What is done about parameters that do not validate. */
export type Validation = 'warn' | 'error' | 'off';

/** What a release says about an instance of it; read when it is first asked for, and once. */
export interface ReleaseDescription {
  readonly softwareRelease: string;
  readonly kind: InstanceKind;
  /** null when there is none. @throws Error when there is one that cannot be used. */
  document(): Promise<unknown>;
  readonly reader: SchemaReader;
}

/** Describes a release; nothing is read yet. */
export function describeRelease(
  softwareRelease: string,
  kind: InstanceKind,
  folder: string,
): ReleaseDescription {
  const reader = new SchemaReader();
  let document: Promise<unknown> | undefined;
  return {
    softwareRelease,
    kind,
    reader,
    document() {
      document ??= readSoftwareDocument(softwareRelease, folder, reader);
      return document;
    },
  };
}

/** How parameters are sent; null when the release does not say or cannot be asked. */
export async function askSerialisation(release: ReleaseDescription): Promise<Serialisation | null> {
  try {
    return parseSerialisation(await release.document(), release.kind);
  } catch {
    // The check of the parameters tells what is wrong with the document.
    return null;
  }
}

/** Has no schema and never will; upstream leaves it alone too. */
const WITHOUT_SCHEMA =
  'http://git.erp5.org/gitweb/slapos.git/blob_plain/HEAD:/software/apache-frontend/software.cfg';

const CHECK_TIMEOUT_MS = 5_000;

/**
 * Checks parameters as they are sent and gives what is sent: without `$schema`, which is for
 * editors, where the schema was found.
 * @throws UsageError SLAPOS_ERR_PARAMETERS with `validation` error, for parameters that do not
 *   validate or cannot be checked.
 */
export async function checkParameters(
  parameters: Parameters,
  release: ReleaseDescription,
  validation: Validation,
  context: CommandContext,
): Promise<Parameters> {
  if (validation === 'off' || release.softwareRelease === WITHOUT_SCHEMA) return parameters;
  const { log } = context;
  let isRefused = false;
  const warn = (message: string) => {
    isRefused = validation === 'error';
    log.warning(message);
  };
  let sent = parameters;
  try {
    const found = await findProblems(parameters, release, validation, context);
    sent = found?.sent ?? parameters;
    for (const gap of found?.gaps ?? []) warn(`${UNCHECKED}: ${gap}`);
    if (found !== undefined && found.problems.length > 0) warn(renderProblems(found.problems));
  } catch (cause) {
    warn(`${FAILED}: ${errorMessage(cause)}`);
  }
  if (isRefused) throw refusal();
  return sent;
}

function refusal(): UsageError {
  const message = 'Nothing was requested, since the parameters are not known to be right.';
  const hint = 'Correct them, or leave out --validate error';
  return new UsageError('SLAPOS_ERR_PARAMETERS', message, { exitCode: 1, hint });
}

const FAILED = 'Error validating request parameters against schema definition';
const UNCHECKED = 'Request parameters are not wholly validated against schema definition';
const INVALID = 'Request parameters do not validate against schema definition';

interface Findings {
  readonly problems: readonly SchemaProblem[];
  readonly gaps: readonly string[];
  readonly sent: Parameters;
}

async function findProblems(
  parameters: Parameters,
  release: ReleaseDescription,
  validation: Validation,
  { cwd, log }: CommandContext,
): Promise<Findings | undefined> {
  const { softwareRelease, kind, reader } = release;
  const name = `${softwareRelease}.json`;
  const document = await describe(name, () => release.document());
  if (document === null) {
    log.debug(`${name} does not exist: parameters are not validated.`);
    return undefined;
  }
  const url = await describe(name, () => locateRequestSchema(document, kind, softwareRelease, cwd));
  const { gatherSchemas } = await import('../../slap/schema-set.ts');
  const from = documentUrl(softwareRelease, cwd);
  const read = (next: URL, referrer = from) => reader.read(next, referrer);
  const schemas = await describe(url.href, () => gatherSchemas(url, read));
  const { value, sent } = decodeSent(parameters, requireSerialisation(document, release));
  const { checkValue } = await import('../../slap/schema-check.ts');
  const options = { timeoutMs: CHECK_TIMEOUT_MS, areFormatsChecked: validation === 'error' };
  const { problems, gaps } = await describe(url.href, () => checkValue(schemas, value, options));
  return { problems, gaps: [...schemas.gaps, ...gaps], sent };
}

/** Says which document a failure is about. */
async function describe<T>(name: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new Error(`${name}: ${errorMessage(cause)}`, { cause });
  }
}

function requireSerialisation(document: unknown, { kind, softwareRelease }: ReleaseDescription) {
  const serialisation = parseSerialisation(document, kind);
  if (serialisation !== null) return serialisation;
  const message = `does not say how parameters of type ${kind.softwareType} are sent`;
  throw new Error(`${softwareRelease}.json ${message}`);
}

/** The value that the schema is about: with json-in-xml what `_` holds, where there is one. */
function decodeSent(
  parameters: Parameters,
  serialisation: Serialisation,
): { readonly value: unknown; readonly sent: Parameters } {
  if (serialisation === 'json-in-xml' && Object.hasOwn(parameters, '_')) {
    return { value: withoutSchema(toPlain(parseLone(parameters['_']))), sent: parameters };
  }
  const sent = withoutSchema(parameters) as Parameters;
  return { value: toPlain(sent), sent };
}

function parseLone(text: MarshalValue | undefined): MarshalValue {
  if (typeof text !== 'string') throw new Error("parameter '_' is not a text");
  try {
    return parsePythonJson(text);
  } catch (cause) {
    throw new Error(`parameter '_' is not JSON: ${errorMessage(cause)}`, { cause });
  }
}

function withoutSchema(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== '$schema'));
}

/** As the validator knows values: numbers of one kind only. */
function toPlain(value: MarshalValue): unknown {
  if (value instanceof MarshalFloat) return value.value;
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map((item) => toPlain(item));
  if (typeof value !== 'object' || value === null) return value;
  const pairs = value instanceof Map ? [...value.entries()] : Object.entries(value);
  return Object.fromEntries(pairs.map(([key, item]) => [key, toPlain(item as MarshalValue)]));
}

const MAX_PROBLEMS = 50;

function renderProblems(problems: readonly SchemaProblem[]): string {
  const lines = problems.slice(0, MAX_PROBLEMS).map(({ path, text }) => `  ${path}: ${text}`);
  const more = problems.length - lines.length;
  if (more > 0) lines.push(`  and ${more} more`);
  return [`${INVALID}:`, ...lines].join('\n');
}
