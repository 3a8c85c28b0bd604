/** What `.slapos-port-redirect` asks for, and the socat command of each (spec/grid.md 12). Pure. */
import { parseIpv4, parseIpv6, renderIpv4, renderIpv6 } from '../model/ip-address.ts';

export interface Redirection {
  readonly type: 'tcp' | 'udp';
  readonly sourcePort: number;
  /** Undefined: every IPv4 address. */
  readonly sourceAddress: IpAddress | undefined;
  readonly destinationPort: number;
  readonly destinationAddress: IpAddress;
}

/** In canonical text. */
export interface IpAddress {
  readonly version: 4 | 6;
  readonly text: string;
}

export interface RedirectionList {
  /** One for each name; of entries with the same type and source port the last. */
  readonly redirections: readonly Redirection[];
  /** What is wrong with the entries that were left out. */
  readonly problems: readonly string[];
}

/** More are not started for one partition. */
const MAX_REDIRECTIONS = 256;
const MAX_PORT = 65_535;
const FIRST_FREE_PORT = 1024;

/** @param ownAddresses the partition's: the first of IPv6 is where to go by default */
export function parseRedirections(
  entries: readonly unknown[],
  ownAddresses: readonly string[],
): RedirectionList {
  const own = ownAddresses.map(parseAddress).filter((address) => address !== undefined);
  const byName = new Map<string, Redirection>();
  const problems: string[] = [];
  entries.forEach((entry, index) => {
    const found = parseEntry(entry, own);
    if (typeof found === 'string') problems.push(`entry ${index + 1}: ${found}`);
    else byName.set(redirectionName(found), found);
  });
  const all = [...byName.values()];
  if (all.length > MAX_REDIRECTIONS) {
    problems.push(`only the first ${MAX_REDIRECTIONS} of ${all.length} entries are used`);
  }
  return { redirections: all.slice(0, MAX_REDIRECTIONS), problems };
}

/** @returns what is wrong, as text. */
function parseEntry(entry: unknown, own: readonly IpAddress[]): Redirection | string {
  if (typeof entry !== 'object' || entry === null) return 'it is no object';
  const { srcPort, destPort, srcAddress, destAddress, type } = entry as Record<string, unknown>;
  const asked = type ?? 'tcp';
  const word = typeof asked === 'string' ? asked.toLowerCase() : undefined;
  if (word !== 'tcp' && word !== 'udp') return 'type is neither tcp nor udp';
  const [sourcePort, destinationPort] = [parsePort(srcPort), parsePort(destPort)];
  if (sourcePort === undefined) return 'srcPort is no port';
  if (destinationPort === undefined) return 'destPort is no port';
  const source = srcAddress ?? undefined;
  const sourceAddress = parseAddress(source);
  if (source !== undefined && sourceAddress === undefined) return 'srcAddress is no IP address';
  if (sourcePort < FIRST_FREE_PORT && !mayRootListen(sourceAddress, own)) {
    return `srcAddress of a port below ${FIRST_FREE_PORT} is not of the partition`;
  }
  const ipv6 = own.find(({ version }) => version === 6);
  const destinationAddress = parseAddress(destAddress ?? ipv6?.text);
  if (destinationAddress === undefined) return 'destAddress is no IP address';
  return { type: word, sourcePort, sourceAddress, destinationPort, destinationAddress };
}

/**
 * On an address of others, the loopback's among them, the listener of root would come before one on
 * all addresses: it could take what is meant for a service of the host.
 */
function mayRootListen(address: IpAddress | undefined, own: readonly IpAddress[]): boolean {
  if (address === undefined || address.text === '0.0.0.0') return true;
  return own.some(({ text }) => text === address.text);
}

function parsePort(value: unknown): number | undefined {
  if (typeof value !== 'number' && typeof value !== 'string') return undefined;
  const text = String(value).trim();
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= MAX_PORT ? port : undefined;
}

/** An address whose text cannot be anything but one for socat. */
export function parseAddress(value: unknown): IpAddress | undefined {
  if (typeof value !== 'string') return undefined;
  const ipv4 = parseIpv4(value);
  if (ipv4 !== null) return { version: 4, text: renderIpv4(ipv4) };
  const ipv6 = parseIpv6(value);
  return ipv6 === null ? undefined : { version: 6, text: renderIpv6(ipv6) };
}

export function redirectionName({ sourcePort, type }: Redirection): string {
  return `socat-${type}-${sourcePort}`;
}

/** Ports below 1024 are root's to listen on. */
export function needsRoot({ sourcePort }: Redirection): boolean {
  return sourcePort < FIRST_FREE_PORT;
}

/**
 * The command line: socat(1) with two addresses. What listens as root connects as the partition's
 * user (`su`): a destination on this machine, whoever listens there, must not take it for root.
 */
export function renderRedirection(socat: string, redirection: Redirection, user: string): string {
  const { destinationAddress, destinationPort, sourceAddress, sourcePort } = redirection;
  const type = redirection.type.toUpperCase();
  const bind = sourceAddress === undefined ? '' : `,bind=${bracketed(sourceAddress)}`;
  const drop = needsRoot(redirection) ? `,su=${user}` : '';
  const source = `${type}${sourceAddress?.version ?? 4}-LISTEN:${sourcePort}${bind},fork${drop}`;
  const address = bracketed(destinationAddress);
  return `${socat} ${source} ${type}${destinationAddress.version}:${address}:${destinationPort}`;
}

function bracketed({ text, version }: IpAddress): string {
  return version === 6 ? `[${text}]` : text;
}
