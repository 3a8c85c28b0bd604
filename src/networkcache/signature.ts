/** Signatures of cache entries: RSA with SHA-1 over the text as it came (spec/networkcache.md 3). */
import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
  X509Certificate,
} from 'node:crypto';

export interface TrustedKeys {
  readonly keys: readonly KeyObject[];
  /** Why a certificate of the list cannot be used, one line each. */
  readonly problems: readonly string[];
}

/** The public keys of certificates; dates and chains are not looked at, as everywhere in SlapOS. */
export function readTrustedKeys(certificates: readonly string[]): TrustedKeys {
  const keys: KeyObject[] = [];
  const problems: string[] = [];
  for (const [index, pem] of certificates.entries()) {
    try {
      keys.push(new X509Certificate(pem).publicKey);
    } catch (error) {
      problems.push(`Certificate ${index + 1} of signature-certificate-list: ${String(error)}`);
    }
  }
  return { keys, problems };
}

/** Whether somebody trusted signed exactly this text. */
export function isSigned(text: string, signature: string, keys: readonly KeyObject[]): boolean {
  const bytes = Buffer.from(signature.replace(/\s/g, ''), 'base64');
  if (bytes.length === 0) return false;
  return keys.some((key) => {
    if (key.asymmetricKeyType !== 'rsa') return false;
    return verify('RSA-SHA1', Buffer.from(text), key, bytes);
  });
}

/** The signature of a text, in base64 without line breaks. */
export function signText(text: string, privateKeyPem: string): string {
  return sign('RSA-SHA1', Buffer.from(text), createPrivateKey(privateKeyPem)).toString('base64');
}

/** Whether what a private key signs would be trusted. */
export function isKeyTrusted(privateKeyPem: string, keys: readonly KeyObject[]): boolean {
  const own = createPublicKey(createPrivateKey(privateKeyPem));
  return keys.some((key) => key.equals(own));
}
