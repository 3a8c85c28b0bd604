/** Addresses of the Master (spec/slap-protocol.md 3, Transport). */
import { isIPv6 } from 'node:net';
import { ConfigError, MasterError } from '../errors/slapos-error.ts';
import { printableName } from '../log/printable.ts';
import { boundedText, describeUrl } from './bounded-text.ts';

/**
 * The base address: brackets around a bare IPv6 address, one slash at the end.
 * `http://fd00::1:5000` is ambiguous and taken as an address without a port.
 * @throws ConfigError SLAPOS_ERR_CONFIG_VALUE when it is not an http or https address.
 */
export function parseMasterUrl(text: string): URL {
  const match = /^(https?:\/\/)([^/?#]*)(.*)$/i.exec(text.trim());
  const candidate = match === null ? '' : `${match[1]}${bracket(match[2] ?? '')}${match[3]}`;
  if (!URL.canParse(candidate)) {
    throw new ConfigError(
      'SLAPOS_ERR_CONFIG_VALUE',
      `master_url ${printableName(text)} is not a web address.`,
      {
        hint: 'Write it as http://host:port/ or https://host/.',
      },
    );
  }
  const url = new URL(candidate);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

/** No server takes longer ones. */
const MAX_URL_LENGTH = 16_384;

/**
 * An address that a server told, in a redirection or a document.
 * @param base what a relative one stands on; also named in the message
 * @throws MasterError SLAPOS_ERR_MASTER_PROTOCOL when it is no web address.
 */
export function parseToldUrl(told: string, base: URL): URL {
  const isAddress = told.length <= MAX_URL_LENGTH && URL.canParse(told, base.href);
  const url = isAddress ? new URL(told, base) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url;
  throw noAddress(told, base);
}

/**
 * An absolute address that a server told, as it told it.
 * @throws MasterError SLAPOS_ERR_MASTER_PROTOCOL when it is none.
 */
export function expectToldUrl(told: string, base: URL): string {
  if (URL.canParse(told)) parseToldUrl(told, base);
  else throw noAddress(told, base);
  return told;
}

function noAddress(told: string, base: URL): MasterError {
  const message = `${describeUrl(base)} told what is no web address: ${boundedText(told)}`;
  return new MasterError('SLAPOS_ERR_MASTER_PROTOCOL', message);
}

function bracket(authority: string): string {
  // Compiling the expression behind isIPv6 takes 3 ms of a short command.
  if (authority.split(':').length < 3) return authority;
  if (isIPv6(authority)) return `[${authority}]`;
  const colon = authority.lastIndexOf(':');
  const host = authority.slice(0, colon);
  return colon > 0 && isIPv6(host) ? `[${host}]${authority.slice(colon)}` : authority;
}

/** A value of a form field or of a query. */
export type FormValue = string | null;

/** The address of an endpoint; fields that are null are left out of a query. */
export function renderEndpoint(
  base: URL,
  path: string,
  query: Readonly<Record<string, FormValue>> = {},
): URL {
  const url = new URL(path, base);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null) url.searchParams.append(name, value);
  }
  return url;
}

/** A form body; null is sent as the text `None`, which servers map back. */
export function encodeForm(fields: Readonly<Record<string, FormValue>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${formEscape(name)}=${formEscape(value ?? 'None')}`)
    .join('&');
}

/** The application/x-www-form-urlencoded serializer (WHATWG URL 5.2), faster on large texts. */
function formEscape(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\ufffd'))
    .replace(/[!'()~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}
