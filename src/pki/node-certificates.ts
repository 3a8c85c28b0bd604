/** The certificates of a node: its own, and those of its partitions. Looks only. */

import { openOwnedFolder } from '../host/folder/owned-folder.ts';
import type { HostFiles } from '../host/host.ts';
import { type CertificateFacts, isKeyOf, parseCertificate } from './certificate.ts';

export interface CertificatePaths {
  readonly certFile: string;
  readonly keyFile: string;
  /** Folder of `<partition>.crt` and `.key`; undefined without one. */
  readonly repository: string | undefined;
}

export type CertificateState =
  | 'expired'
  | 'expires soon'
  | 'missing'
  | 'not its key'
  | 'not yet valid'
  | 'unreadable'
  | 'valid';

export interface KnownCertificate {
  /** `node`, or the name of a partition. */
  readonly name: string;
  readonly path: string;
  readonly state: CertificateState;
  readonly facts: CertificateFacts | undefined;
}

const SOON_MS = 30 * 86_400_000;
const MAX_BYTES = 256 * 1024;

/** States with which the Master can be spoken to. */
export function isUsable(state: CertificateState): boolean {
  return state === 'valid' || state === 'expires soon';
}

/**
 * Looks at the certificate of the node, then at those of its partitions by name; empty files, as
 * `slapos proxy` gives, are none. Files of partitions belong to their users: none is followed
 * elsewhere, and what they hold may be anything.
 * @throws HostError SLAPOS_ERR_FILE for what may not be read
 */
export async function observeCertificates(
  { certFile, keyFile, repository }: CertificatePaths,
  files: HostFiles,
  nowMs: number,
): Promise<readonly KnownCertificate[]> {
  const [certificate, key] = [await files.readText(certFile), await files.readText(keyFile)];
  const own = judge('node', certFile, certificate, key, nowMs);
  return repository === undefined ? [own] : [own, ...(await observeRepository(repository, nowMs))];
}

async function observeRepository(
  repository: string,
  nowMs: number,
): Promise<readonly KnownCertificate[]> {
  const folder = openOwnedFolder(repository);
  const names = (await folder.list(''))
    .filter((name) => name.endsWith('.crt'))
    .map((name) => name.slice(0, -'.crt'.length))
    .sort((left, right) => left.localeCompare(right, 'en', { numeric: true }));
  const paths = names.flatMap((name) => [`${name}.crt`, `${name}.key`]);
  const texts = (await folder.readTexts(paths, MAX_BYTES)).map((text) =>
    typeof text === 'string' ? text : undefined,
  );
  return names.flatMap((name, index) => {
    const [certificate, key] = [texts[2 * index], texts[2 * index + 1]];
    if (certificate === '') return [];
    return [judge(name, `${repository}/${name}.crt`, certificate, key, nowMs)];
  });
}

function judge(
  name: string,
  path: string,
  certificate: string | undefined,
  key: string | undefined,
  nowMs: number,
): KnownCertificate {
  const none = { name, path, facts: undefined };
  if (certificate === undefined) return { ...none, state: 'missing' };
  try {
    const facts = parseCertificate(certificate);
    const isOwnKey = key !== undefined && isKeyOf(key, certificate);
    return { name, path, facts, state: isOwnKey ? stateOf(facts, nowMs) : 'not its key' };
  } catch {
    // Which of the two it is does not matter: neither can be used.
    return { ...none, state: 'unreadable' };
  }
}

function stateOf({ notBeforeMs, notAfterMs }: CertificateFacts, nowMs: number): CertificateState {
  if (notAfterMs <= nowMs) return 'expired';
  if (notBeforeMs > nowMs) return 'not yet valid';
  return notAfterMs - nowMs < SOON_MS ? 'expires soon' : 'valid';
}
