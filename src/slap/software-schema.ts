/** The JSON document beside a software release that describes its parameters (spec/cli.md 6.2). */
import { readFile } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Serialisation = 'xml' | 'json-in-xml';

const TIMEOUT_MS = 10_000;

/**
 * How parameters of a software type are sent; null when there is no document or it does not say.
 * @param folder that a relative path of a release starts from
 */
export async function readSerialisation(
  softwareUrl: string,
  softwareType: string,
  folder: string,
): Promise<Serialisation | null> {
  try {
    const document: unknown = JSON.parse(await readDocument(`${softwareUrl}.json`, folder));
    return parseSerialisation(document, softwareType);
  } catch {
    // Many releases have no such document; whoever needs the answer says so.
    return null;
  }
}

/** The type's own word, else that of the whole release. */
export function parseSerialisation(document: unknown, softwareType: string): Serialisation | null {
  const root = record(document);
  const types = record(root['software-type']);
  const own = record(types[softwareType])['serialisation'];
  const value = own ?? root['serialisation'];
  return value === 'xml' || value === 'json-in-xml' ? value : null;
}

async function readDocument(url: string, folder: string): Promise<string> {
  if (url.startsWith('file:')) return readFile(fileURLToPath(url), 'utf8');
  if (!/^https?:/i.test(url)) {
    return readFile(isAbsolute(url) ? url : resolve(folder, url), 'utf8');
  }
  const { openHttpTransport } = await import('./http-transport.ts');
  const transport = openHttpTransport({
    connectTimeoutMs: TIMEOUT_MS,
    timeoutMs: TIMEOUT_MS,
    keyFile: undefined,
    certFile: undefined,
    caFile: undefined,
    isTlsVerified: true,
    userAgent: 'slapos-node',
  });
  try {
    const answer = await transport.request({ method: 'GET', url: new URL(url) });
    return answer.status === 200 ? answer.body.toString('utf8') : 'null';
  } finally {
    await transport.close();
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
