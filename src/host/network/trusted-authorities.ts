/**
 * Whom this machine trusts beyond the list that Node carries: what an administrator put into the
 * system's list, as update-ca-certificates(8) does, or named in NODE_EXTRA_CA_CERTS.
 */
import { readFileSync } from 'node:fs';

type Environment = Readonly<Record<string, string | undefined>>;

/** Of Debian, Alpine and SUSE. */
const SYSTEM_FILE = '/etc/ssl/certs/ca-certificates.crt';

/**
 * Node's list and the machine's, for the option `ca`, which takes the place of Node's list and of
 * NODE_EXTRA_CA_CERTS. A context of it costs 10 to 30 ms more than Node's own.
 * @param env SSL_CERT_FILE in it names another list of the system, as for OpenSSL
 * @returns undefined when there is nothing but what Node goes by without being told
 */
export async function readTrustedAuthorities(
  env: Environment = process.env,
): Promise<string[] | undefined> {
  const extra = env['NODE_EXTRA_CA_CERTS'] || undefined;
  const system = readList(env['SSL_CERT_FILE'] || SYSTEM_FILE);
  if (system === undefined) return undefined;
  const { rootCertificates } = await import('node:tls');
  return [
    ...(isOpensslAlone(env) ? [] : rootCertificates),
    system,
    ...(extra === undefined ? [] : [readList(extra) ?? '']),
  ];
}

/** Whether the operator wants nobody of Node's own list: `--use-openssl-ca` of node(1). */
function isOpensslAlone(env: Environment): boolean {
  const options = (env['NODE_OPTIONS'] ?? '').split(/\s+/);
  return [...process.execArgv, ...options].includes('--use-openssl-ca');
}

/** What cannot be read vouches for nobody. */
function readList(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

/** Whose certificate nobody in a list vouches for, in the words of OpenSSL (verify(1ssl)). */
const UNKNOWN_ISSUER = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Whether a certificate was refused for its authority alone. */
export function isUnknownIssuer(code: string): boolean {
  return UNKNOWN_ISSUER.has(code);
}
