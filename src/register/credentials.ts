/** The key pair that a Master gives, and what is checked of it before it is used. Pure. */
import { SlaposError } from '../errors/slapos-error.ts';
import { isKeyOf, parseCertificate } from '../pki/certificate.ts';

export interface Credentials {
  readonly certificate: string;
  readonly key: string;
  /** What the Master calls the computer, or the person; anything, if it says so. */
  readonly reference: unknown;
}

/** A clock that is a little late is no reason to wait. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

/**
 * Checks that the key is that of the certificate, and that the certificate is valid now.
 * @throws SlaposError SLAPOS_ERR_CERTIFICATE
 */
export function checkCredentials({ certificate, key }: Credentials, nowMs: number): void {
  const { notBeforeMs, notAfterMs } = parseCertificate(certificate);
  if (!isKeyOf(key, certificate))
    throw certificateError('the private key is not that of the certificate');
  if (notAfterMs <= nowMs)
    throw certificateError(`the certificate has expired on ${dayOf(notAfterMs)}`);
  if (notBeforeMs > nowMs + CLOCK_TOLERANCE_MS) {
    throw certificateError(
      `the certificate is not valid before ${new Date(notBeforeMs).toISOString()}: is the clock of this machine right?`,
    );
  }
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

export function certificateError(reason: string): SlaposError {
  return new SlaposError('SLAPOS_ERR_CERTIFICATE', reason);
}
