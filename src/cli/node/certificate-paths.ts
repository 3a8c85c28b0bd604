/** Where the certificates of a node are, by its configuration. */
import { resolve } from 'node:path';
import { expandUser } from '../../config/path.ts';
import { homeOf } from '../../host/folder/home-of.ts';
import { createHostFiles } from '../../host/folder/host-files.ts';
import type { CertificatePaths, KnownCertificate } from '../../pki/node-certificates.ts';
import type { CommandContext } from '../command.ts';

type Place = Pick<CommandContext, 'config' | 'cwd' | 'env'>;

/** @returns undefined on a node that has none, such as one of a local Master */
export function certificatePaths({ config, cwd, env }: Place): CertificatePaths | undefined {
  const [certFile, keyFile, repository] = [
    'cert_file',
    'key_file',
    'certificate_repository_path',
  ].map((key) => {
    const path = config.get('slapos', key);
    return path ? resolve(cwd, expandUser(path, env, homeOf)) : undefined;
  });
  if (certFile === undefined || keyFile === undefined) return undefined;
  return { certFile, keyFile, repository };
}

/** Looks at them, if there are any; what parses certificates is loaded only then. */
export async function readCertificates(place: Place): Promise<readonly KnownCertificate[]> {
  const paths = certificatePaths(place);
  if (paths === undefined) return [];
  const { observeCertificates } = await import('../../pki/node-certificates.ts');
  return observeCertificates(paths, createHostFiles(), Date.now());
}
