/** What is told of a cache that fails. */
import { errorCode, errorMessage, SlaposError } from '../errors/slapos-error.ts';
import { isUnknownIssuer } from '../host/network/trusted-authorities.ts';

type ErrorOptions = ConstructorParameters<typeof SlaposError>[2];

export function cacheError(message: string, options?: ErrorOptions): SlaposError {
  return new SlaposError('SLAPOS_ERR_CACHE', message, options);
}

/** A server answered with another status than it was asked for. */
export function statusError(status: number, message: string): SlaposError {
  return cacheError(message, { context: { status } });
}

/**
 * Why an exchange failed, and what to do about it.
 * @param caFile the authorities that are configured for the server
 */
export function describeCause(
  error: unknown,
  caFile: string | undefined,
): { readonly why: string; readonly hint: string | undefined } {
  const code = errorCode(error);
  // Of several addresses that all fail there is one error without a text.
  const why = errorMessage(error) || code || 'no connection';
  if (isUnknownIssuer(code)) {
    const which = caFile === undefined ? 'the authorities of this system' : caFile;
    const hint = `its certificate is signed by none of ${which}: see shacache-ca-file and shadir-ca-file`;
    return { why, hint };
  }
  if (code === 'CERT_HAS_EXPIRED') return { why, hint: 'renew it there, or set the clock here' };
  if (code === 'CERT_NOT_YET_VALID') return { why, hint: 'set the clock' };
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return { why, hint: 'use the name that the certificate of the server has' };
  }
  return { why, hint: undefined };
}
