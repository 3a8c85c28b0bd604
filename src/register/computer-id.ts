/** Which computer a certificate was given to (spec/register.md 1.5). Pure. */
import { parseCertificate } from '../pki/certificate.ts';
import { certificateError } from './credentials.ts';

const REFERENCE = /^[A-Za-z0-9_-]+$/;
const IN_TEXT = /COMP-[A-Za-z0-9_-]+/;

/**
 * The Master's own word for it, else the id in the certificate's subject, else in its text.
 * @param reference of the answer, if it has one
 * @throws SlaposError SLAPOS_ERR_CERTIFICATE when there is no id, or two that differ.
 */
export function findComputerId(certificate: string, reference: unknown): string {
  const { subject } = parseCertificate(certificate);
  const named = IN_TEXT.exec(subject)?.[0];
  if (typeof reference === 'string' && REFERENCE.test(reference)) {
    if (named === undefined || named === reference) return reference;
    throw certificateError(
      `the certificate is of ${named}, though the Master speaks of ${reference}`,
    );
  }
  const found = named ?? IN_TEXT.exec(certificate)?.[0];
  if (found !== undefined) return found;
  throw certificateError(`neither the answer nor the certificate (${subject}) names the computer`);
}
