/**
 * Where the HTTP proxy may lead: `http_proxy_allow`, a line for each place. Pure.
 *
 * A line is `[http://|https://]host[:port]`. The host is a name, `*.name` for everything below it,
 * an address or a network; an IPv6 address with a port is in brackets. Without a port it is the
 * scheme's own, `*` is any.
 */
import { IPV6_BITS } from '../../model/ip-address.ts';
import {
  contains,
  isIpv4,
  isLoopback,
  isNowhere,
  isPublic,
  isSpecial,
  type Network,
  parseNetwork,
} from '../address-class.ts';

export type Scheme = 'http' | 'https';

interface Place {
  readonly scheme: Scheme | undefined;
  readonly port: number | 'own' | 'any';
}

export interface NameRule extends Place {
  readonly name: string;
  /** Whatever is below the name, and not the name itself. */
  readonly isBelow: boolean;
}

export interface NetworkRule extends Place {
  readonly network: Network;
}

export type AllowRule = NameRule | NetworkRule;

/** What a client wants to reach. */
export interface Destination {
  readonly scheme: Scheme;
  /** A name in lower case or an address, without brackets. */
  readonly host: string;
  readonly port: number;
}

const LINE =
  /^(?:(https?):\/\/)?(?:\[([^\][]+)\]|([^\][:]+)|([^\][]*:[^\][]*:[^\][]*))(?::(\d{1,5}|\*))?\/?$/i;
/** A name has 253 characters at most (RFC 1035); the expressions take long over longer lines. */
const MAX_LINE = 300;
const NAME = /^(\*\.)?((?:[a-z0-9_-]+\.)*[a-z0-9_-]*[a-z_-][a-z0-9_-]*)$/i;
/** Shorter prefixes hold too many addresses to be meant. */
const SHORTEST_PUBLIC_IPV4 = IPV6_BITS - 32 + 8;
const SHORTEST_PUBLIC_IPV6 = 16;

/** A line of the list, or why it is none. */
export function parseAllowRule(line: string): AllowRule | string {
  const match = line.length > MAX_LINE ? null : LINE.exec(line);
  if (match === null) return 'it is no name, address or network with a port';
  const [, scheme, bracketed, plain, ipv6, portText] = match;
  const port = portText === undefined ? 'own' : portText === '*' ? 'any' : Number(portText);
  if (typeof port === 'number' && (port < 1 || port > 65535)) return 'the port is none';
  const place = { scheme: scheme?.toLowerCase() as Scheme | undefined, port } as const;
  const host = (bracketed ?? plain ?? ipv6 ?? '').trim();
  const network = parseNetwork(host);
  if (network !== null) return isTooWide(network) ? OPEN : { ...place, network };
  if (plain === undefined) return 'it is no address';
  return parseName(host, place);
}

const OPEN = 'the proxy would be open to everything; name what is needed';

function parseName(host: string, place: Place): AllowRule | string {
  if (/^\*(\.[^.]*)?$/.test(host)) return OPEN;
  const [, wildcard, name] = NAME.exec(host) ?? [];
  if (name === undefined) return 'it is no name of a host';
  return { ...place, name: name.toLowerCase(), isBelow: wildcard !== undefined };
}

function isTooWide(network: Network): boolean {
  if (isSpecial(network)) return false;
  const shortest = isIpv4(network.address) ? SHORTEST_PUBLIC_IPV4 : SHORTEST_PUBLIC_IPV6;
  return network.prefixLength < shortest;
}

/** Whether a name is in the list; addresses that it leads to are another question. */
export function allowsName(rules: readonly AllowRule[], wanted: Destination): boolean {
  return rules.some((rule) => {
    if (!('name' in rule) || !matchesPlace(rule, wanted)) return false;
    return rule.isBelow ? wanted.host.endsWith(`.${rule.name}`) : wanted.host === rule.name;
  });
}

/** Whether an address is in the list itself; one that is not public, in a line of such ones only. */
export function allowsAddress(
  rules: readonly AllowRule[],
  wanted: Destination,
  address: bigint,
): boolean {
  if (isNowhere(address)) return false;
  return rules.some((rule) => {
    if (!('network' in rule) || !matchesPlace(rule, wanted)) return false;
    if (isIpv4(address) !== isIpv4(rule.network.address)) return false;
    return contains(rule.network, address) && (isPublic(address) || isSpecial(rule.network));
  });
}

/**
 * Whether an address to which a name of the list leads may be used: it is public, or in the list
 * too. Only the name `localhost` says by itself where it leads.
 */
export function allowsAddressOfName(
  rules: readonly AllowRule[],
  wanted: Destination,
  address: bigint,
): boolean {
  if (isNowhere(address)) return false;
  if (isPublic(address) || allowsAddress(rules, wanted, address)) return true;
  return wanted.host === 'localhost' && isLoopback(address);
}

function matchesPlace({ port, scheme }: Place, wanted: Destination): boolean {
  if (scheme !== undefined && scheme !== wanted.scheme) return false;
  if (port === 'own') return wanted.port === ownPort(wanted.scheme);
  return port === 'any' || port === wanted.port;
}

export function ownPort(scheme: Scheme): number {
  return scheme === 'https' ? 443 : 80;
}
