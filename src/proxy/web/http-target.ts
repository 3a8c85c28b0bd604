/** Addresses of the HTTP proxy and what they stand for (spec/proxy.md 11). Pure. */
import { badRequest } from '../http-problem.ts';
import { type Destination, ownPort, type Scheme } from './allow-list.ts';
import { decodeSegment } from './url-path.ts';

export interface Target extends Destination {
  /** Path and query as they go on the wire. */
  readonly path: string;
}

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/i;

/**
 * What `/http_proxy/<scheme>/<host>[:port][/path][?query]` leads to. The path goes on as it came.
 * @throws HttpProblem 400 for another scheme and for what is no host.
 */
export function parseTarget(url: string): Target {
  const queryAt = url.indexOf('?');
  const path = queryAt < 0 ? url : url.slice(0, queryAt);
  const [, , scheme = '', place = '', ...rest] = path.split('/');
  if (scheme !== 'http' && scheme !== 'https') throw badRequest('"url" must be http');
  const query = queryAt < 0 ? '' : url.slice(queryAt);
  return { ...parsePlace(scheme, decodeSegment(place) ?? ''), path: `/${rest.join('/')}${query}` };
}

/** The URL parser knows every way to write an address: `127.1` and `0x7f000001` come out alike. */
function parsePlace(scheme: Scheme, place: string): Destination {
  const text = `${scheme}://${place}/`;
  const isHost = HOST.test(place) && URL.canParse(text);
  const destination = isHost ? destinationOf(new URL(text)) : undefined;
  if (destination === undefined) throw badRequest('This is no host.');
  return destination;
}

function destinationOf(url: URL): Destination | undefined {
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  if (host === '' || url.port === '0') return undefined;
  return { scheme, host, port: url.port === '' ? ownPort(scheme) : Number(url.port) };
}

/** Host and port as they stand in a URL and in the header `Host`. */
export function renderHost({ host, port, scheme }: Destination): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === ownPort(scheme) ? name : `${name}:${port}`;
}

export function renderOrigin(target: Destination): string {
  return `${target.scheme}://${renderHost(target)}`;
}

/**
 * Where a `Location` of a target leads; undefined when it is no address of a web server. Names and
 * passwords in it are left out.
 */
export function resolveLocation(location: string, from: Target): Target | undefined {
  const base = `${renderOrigin(from)}${from.path}`;
  // Headers arrive as Latin-1 whatever they are.
  const text = Buffer.from(location, 'latin1').toString();
  if (!URL.canParse(text, base)) return undefined;
  const url = new URL(text, base);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined;
  const destination = destinationOf(url);
  return destination && { ...destination, path: `${url.pathname}${url.search}` };
}

/** The address of the proxy for a target. @param baseUrl the proxy as its client sees it */
export function renderProxied(target: Target, baseUrl: string): string {
  const place = renderHost(target).replace('[', '%5B').replace(']', '%5D');
  return `${baseUrl}http_proxy/${target.scheme}/${place}${target.path}`;
}
