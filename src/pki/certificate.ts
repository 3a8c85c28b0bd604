/** What a certificate says: names, dates, and whose key it has. Pure. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import forge from 'node-forge';
import { errorMessage, SlaposError } from '../errors/slapos-error.ts';

export interface CertificateFacts {
  /** Empty when the subject has none. */
  readonly commonName: string;
  /** As `C=FR, CN=COMP-1`. */
  readonly subject: string;
  readonly issuer: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/;
const MAX_CHARACTERS = 1024 * 1024;

/**
 * The first certificate of a text, which may begin with what `openssl x509 -text` prints. Its key
 * may be of any kind: names and dates are read from the ASN.1 (RFC 5280 4.1), since node-forge has
 * certificates with RSA keys only.
 * @throws SlaposError SLAPOS_ERR_CERTIFICATE when there is none that can be read.
 */
export function parseCertificate(text: string): CertificateFacts {
  const pem = certificateBlock(text);
  try {
    return readFacts(forge.asn1.fromDer(forge.pem.decode(pem)[0]?.body ?? ''));
  } catch (cause) {
    throw unusable(`the certificate cannot be read: ${errorMessage(cause)}`, cause);
  }
}

/**
 * Whether a private key is that of the first certificate of a text.
 * @throws SlaposError SLAPOS_ERR_CERTIFICATE when one of them cannot be read.
 */
export function isKeyOf(keyText: string, certificateText: string): boolean {
  const pem = certificateBlock(certificateText);
  try {
    return new X509Certificate(pem).checkPrivateKey(createPrivateKey(keyText));
  } catch (cause) {
    throw unusable('the certificate or its private key cannot be read', cause);
  }
}

function certificateBlock(text: string): string {
  const block = text.length > MAX_CHARACTERS ? undefined : PEM_BLOCK.exec(text)?.[0];
  if (block === undefined) throw unusable('there is no certificate in PEM', undefined);
  return block;
}

function unusable(reason: string, cause: unknown): SlaposError {
  return new SlaposError('SLAPOS_ERR_CERTIFICATE', reason, { cause });
}

type Asn1 = forge.asn1.Asn1;

/** Fields of the signed part, in their order; the version is left out by certificates of version 1. */
function readFacts(certificate: Asn1): CertificateFacts {
  const fields = childrenOf(childrenOf(certificate)[0]);
  const first = fields[0];
  const start = first?.tagClass === forge.asn1.Class.CONTEXT_SPECIFIC ? 1 : 0;
  const [issuer, validity, subject] = [2, 3, 4].map((offset) => fields[start + offset]);
  const [notBefore, notAfter] = childrenOf(validity).map(timeOf);
  if (notBefore === undefined || notAfter === undefined) throw new Error('it has no dates');
  const names = namesOf(subject);
  return {
    commonName: names.find(({ name }) => name === 'CN')?.value ?? '',
    subject: describeNames(names),
    issuer: describeNames(namesOf(issuer)),
    notBeforeMs: notBefore,
    notAfterMs: notAfter,
  };
}

function childrenOf(node: Asn1 | undefined): readonly Asn1[] {
  if (!Array.isArray(node?.value)) throw new Error('it is not the structure of a certificate');
  return node.value;
}

function timeOf(node: Asn1): number {
  const text = String(node.value);
  const isShort = Number(node.type) === Number(forge.asn1.Type.UTCTIME);
  const date = isShort ? forge.asn1.utcTimeToDate(text) : forge.asn1.generalizedTimeToDate(text);
  if (Number.isNaN(date.getTime())) throw new Error('it has a date that is none');
  return date.getTime();
}

interface NamePart {
  readonly name: string;
  readonly value: string;
}

function namesOf(node: Asn1 | undefined): readonly NamePart[] {
  return childrenOf(node)
    .flatMap((set) => childrenOf(set))
    .map((pair) => {
      const [type, value] = childrenOf(pair);
      const oid = forge.asn1.derToOid(String(type?.value));
      const isUtf8 = Number(value?.type) === Number(forge.asn1.Type.UTF8);
      const bytes = String(value?.value);
      return {
        name: SHORT_NAMES[oid] ?? oid,
        value: isUtf8 ? forge.util.decodeUtf8(bytes) : bytes,
      };
    });
}

function describeNames(names: readonly NamePart[]): string {
  return names.map(({ name, value }) => `${name}=${value}`).join(', ');
}

/** Attribute types that certificates of SlapOS have (RFC 4519, RFC 2985). */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '1.2.840.113549.1.9.1': 'emailAddress',
};
