/** The requests to a Master's web site (spec/register.md 1.3, 2). Pure. */
import { UsageError } from '../errors/slapos-error.ts';
import { printableName } from '../log/printable.ts';

/** How the site knows whom it serves. */
export type SiteLogin =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'password'; readonly login: string; readonly password: string };

/** A request without its secret, so that it may be shown. */
export interface WebRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly body: string;
}

/** Asks for the certificate of a computer; a token is for POST and this very address. */
export function computerRequest(site: string, kind: SiteLogin['kind'], title: string): WebRequest {
  const url = `${site}/Person_requestComputer`;
  return kind === 'token'
    ? { method: 'POST', url, body: new URLSearchParams({ title }).toString() }
    : { method: 'GET', url: `${url}?title=${encodeURIComponent(title)}`, body: '' };
}

/** Asks for the certificate of a person. */
export function personRequest(site: string): WebRequest {
  return { method: 'POST', url: `${site}/Person_getCertificate`, body: '' };
}

/** Its answer shows whether login and password are right. */
export function loginRequest(site: string): WebRequest {
  return { method: 'GET', url: site, body: '' };
}

/** What shows the site who asks. */
export function authorizationOf(login: SiteLogin): Readonly<Record<string, string>> {
  if (login.kind === 'token') return { 'x-access-token': login.token };
  const pair = Buffer.from(`${login.login}:${login.password}`).toString('base64');
  return { authorization: `Basic ${pair}` };
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * The address of the site without slashes at its end: a token is bound to the exact address.
 * Token, password and private key travel over it, so that it has to be https.
 * @param isInsecure http is accepted
 * @throws UsageError SLAPOS_ERR_USAGE
 */
export function parseSite(text: string, isInsecure: boolean): string {
  const site = text.trim().replace(/(?<!\/)\/+$/, '');
  const url = URL.canParse(site) ? new URL(site) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search || url.hash) {
    throw wrongSite(
      `${printableName(text)} is not the address of a web site.`,
      'write https://HOST',
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw wrongSite('--master-url-web holds a password.', 'use --login and --password-file');
  }
  if (url.protocol === 'http:' && !isInsecure && !LOOPBACK.test(url.hostname)) {
    const message = `${site} would send the private key over the network in clear text.`;
    throw wrongSite(message, 'write https://, or give --insecure');
  }
  return site;
}

function wrongSite(message: string, hint: string): UsageError {
  return new UsageError('SLAPOS_ERR_USAGE', message, { hint });
}

/** Those of Masters have some 25; servers take headers of 8 KiB. */
const MAX_TOKEN_LENGTH = 4096;

/**
 * A token as it may stand in a header.
 * @param what what the text is, for the message
 * @throws UsageError SLAPOS_ERR_USAGE
 */
export function parseToken(text: string, what: string): string {
  const token = text.trim();
  if (/^[\x21-\x7e]+$/.test(token) && token.length <= MAX_TOKEN_LENGTH) return token;
  throw new UsageError('SLAPOS_ERR_USAGE', `${what} ${faultOf(token)}.`, {
    hint: 'copy it whole, without line breaks',
  });
}

function faultOf(token: string): string {
  if (token === '') return 'is empty';
  if (token.length > MAX_TOKEN_LENGTH) return `is longer than ${MAX_TOKEN_LENGTH} characters`;
  return 'holds characters of no token';
}
