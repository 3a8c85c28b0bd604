/** The JSON document beside a software release that describes its parameters (spec/cli.md 6.2). */
import { nearestName } from '../config/check.ts';
import { isObject, type JsonObject, objectOf } from './schema-dialect.ts';
import { documentUrl, SchemaDocumentError, SchemaReader } from './schema-reader.ts';

export type Serialisation = 'xml' | 'json-in-xml';

/** Of a release, what one kind of instance is described by. */
export interface InstanceKind {
  readonly softwareType: string;
  readonly isShared: boolean;
}

/**
 * How parameters of a software type are sent; null when there is no document or it does not say.
 * @param folder that a relative path of a release starts from
 */
export async function readSerialisation(
  softwareUrl: string,
  softwareType: string,
  folder: string,
): Promise<Serialisation | null> {
  const reader = new SchemaReader();
  try {
    const document = await readSoftwareDocument(softwareUrl, folder, reader);
    return parseSerialisation(document, { softwareType, isShared: false });
  } catch {
    // Many releases have no such document; whoever needs the answer says so.
    return null;
  } finally {
    await reader.close();
  }
}

/**
 * Reads the document of a release; null when there is none.
 * @throws Error when there is one that cannot be used.
 */
export async function readSoftwareDocument(
  softwareUrl: string,
  folder: string,
  reader: SchemaReader,
): Promise<unknown> {
  try {
    return await reader.read(documentUrl(`${softwareUrl}.json`, folder));
  } catch (cause) {
    if (cause instanceof SchemaDocumentError && cause.isAbsent) return null;
    throw cause;
  }
}

/** The type's own word, else that of the whole release. */
export function parseSerialisation(document: unknown, kind: InstanceKind): Serialisation | null {
  const type = findInstanceKind(document, kind) ?? {};
  const value =
    'serialisation' in type ? type['serialisation'] : objectOf(document)['serialisation'];
  return value === 'xml' || value === 'json-in-xml' ? value : null;
}

/** Upstream's name of the default type before 1.13; descriptions never use it. */
const FORMER_DEFAULT = 'RootSoftwareInstance';

/**
 * What a release says of a kind of instance. A shared instance has an entry of its own, which is
 * `shared` and may stand under another name and give its type as `software-type`.
 */
export function findInstanceKind(document: unknown, kind: InstanceKind): JsonObject | undefined {
  const types = objectOf(objectOf(document)['software-type']);
  const wanted = kind.softwareType === FORMER_DEFAULT ? 'default' : kind.softwareType;
  const entries = Object.entries(types).filter(([, entry]) => isObject(entry));
  const exact = Object.hasOwn(types, wanted) ? types[wanted] : undefined;
  const named = entries.find(([name, entry]) => {
    const { 'software-type': type = name, shared = false } = objectOf(entry);
    return type === wanted && (shared === true) === kind.isShared;
  })?.[1];
  if (isObject(exact) && (objectOf(exact)['shared'] === true || !kind.isShared)) return exact;
  return isObject(named) ? named : isObject(exact) ? exact : undefined;
}

/**
 * Where the schema of the parameters of a kind of instance is.
 * @throws Error when the document does not say.
 */
export function locateRequestSchema(
  document: unknown,
  kind: InstanceKind,
  softwareUrl: string,
  folder: string,
): URL {
  const entry = findInstanceKind(document, kind);
  if (entry === undefined) throw new Error(describeUnknownType(document, kind.softwareType));
  const address = entry['request'];
  if (typeof address !== 'string') {
    throw new Error(`it names no schema for requests of software type '${kind.softwareType}'`);
  }
  const base = documentUrl(softwareUrl, folder);
  if (URL.canParse(address, base.href)) return new URL(address, base);
  throw new Error(`its schema for requests has the bad address '${address}'`);
}

function describeUnknownType(document: unknown, softwareType: string): string {
  const types = Object.keys(objectOf(objectOf(document)['software-type']));
  if (types.length === 0) return 'it describes no software type';
  const near = nearestName(softwareType.slice(0, 100), types);
  const guess = near === undefined ? `it has ${types.join(', ')}` : `did you mean ${near}?`;
  return `it has no software type '${softwareType}'; ${guess}`;
}
