/** What a software release says of its parameters: read within bounds, from wherever it is. */
import { isAbsolute } from 'node:path';
import { errorMessage } from '../errors/slapos-error.ts';
import { isObject, type JsonObject } from '../slap/schema-dialect.ts';
import { documentUrl, type SchemaLimits, SchemaReader } from '../slap/schema-reader.ts';
import { gatherSchemas, type SchemaSet } from '../slap/schema-set.ts';
import {
  type InstanceKind,
  locateRequestSchema,
  parseSerialisation,
  readSoftwareDocument,
} from '../slap/software-schema.ts';
import type { PanelParameters, PanelSchema } from './api.ts';
import { bundleSchemas } from './bundle-schemas.ts';
import type { PanelRows } from './rows.ts';

/** A page waits for it, and the proxy has others to serve. */
const LIMITS: SchemaLimits = { documents: 50, bytes: 2 * 1024 * 1024, timeoutMs: 10_000 };
/** What relative addresses of a release start from: nothing that is anybody's. */
const NOWHERE = '/nonexistent';

export interface SoftwareDescription {
  /** Null when it does not say. */
  readonly serialisation: PanelParameters['serialisation'] | null;
  readonly softwareTypes: readonly string[];
  readonly schemas: SchemaSet | null;
  /** Why there is no schema, or what of it cannot be used. */
  readonly reason: string;
}

/**
 * Whether a release may be read: only what an operator chose. An instance may name any address as
 * the software of what it requests, and the proxy would fetch it as root.
 */
export function isChosenSoftware(
  url: string,
  { partitions, software }: Pick<PanelRows, 'partitions' | 'software'>,
): boolean {
  return (
    software.some((row) => row.url === url) ||
    partitions.some((row) => row.requestedBy === '' && row.softwareRelease === url)
  );
}

/** Never rejects: what cannot be read is the reason. */
export async function describeSoftware(
  url: string,
  kind: InstanceKind,
): Promise<SoftwareDescription> {
  const nothing = { serialisation: null, softwareTypes: [], schemas: null };
  if (!/^(?:https?|file):/i.test(url) && !isAbsolute(url)) {
    return { ...nothing, reason: `${url} is neither a web address nor an absolute path.` };
  }
  const reader = new SchemaReader(LIMITS);
  try {
    const document = await readSoftwareDocument(url, NOWHERE, reader);
    if (document === null) return { ...nothing, reason: `There is no ${url}.json.` };
    return { ...readKind(document, kind), ...(await readSchemas(document, kind, url, reader)) };
  } catch (error) {
    return { ...nothing, reason: `${url}.json: ${errorMessage(error)}` };
  } finally {
    await reader.close();
  }
}

function readKind(
  document: unknown,
  kind: InstanceKind,
): Pick<SoftwareDescription, 'serialisation' | 'softwareTypes'> {
  const word = parseSerialisation(document, kind);
  return {
    serialisation: word === null ? null : word === 'xml' ? 'xml' : 'json',
    softwareTypes: listTypes(document, kind.isShared),
  };
}

function listTypes(document: unknown, isShared: boolean): string[] {
  const types = isObject(document) ? document['software-type'] : undefined;
  const entries = Object.entries(isObject(types) ? types : {});
  const names = entries.flatMap(([name, entry]) => {
    const { shared = false, 'software-type': type = name } = (
      isObject(entry) ? entry : {}
    ) as JsonObject;
    return (shared === true) === isShared && typeof type === 'string' ? [type] : [];
  });
  return [...new Set(names)];
}

async function readSchemas(
  document: unknown,
  kind: InstanceKind,
  url: string,
  reader: SchemaReader,
): Promise<Pick<SoftwareDescription, 'schemas' | 'reason'>> {
  try {
    const address = locateRequestSchema(document, kind, url, NOWHERE);
    const from = documentUrl(url, NOWHERE);
    const schemas = await gatherSchemas(address, (next, referrer = from) => {
      return reader.read(next, referrer);
    });
    return { schemas, reason: schemas.gaps.join('; ') };
  } catch (error) {
    return { schemas: null, reason: `${url}.json: ${errorMessage(error)}` };
  }
}

export function renderDescription(description: SoftwareDescription): PanelSchema {
  const { serialisation, softwareTypes, schemas, reason } = description;
  return {
    schema: schemas === null ? null : bundleSchemas(schemas),
    serialisation: serialisation ?? 'xml',
    softwareTypes,
    reason,
  };
}
