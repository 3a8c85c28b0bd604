/**
 * The IPv4 address that the world sees (spec/format.md 18): asked of three services at once, and
 * believed when two of them agree. Nothing else may depend on it, so it never fails and never takes
 * longer than its deadline.
 */
import { parseIpv4 } from '../model/ip-address.ts';

export interface PublicAddressService {
  readonly url: string;
  /** Key of its JSON answer. */
  readonly key: string;
}

export const PUBLIC_ADDRESS_SERVICES: readonly PublicAddressService[] = [
  { url: 'https://api.ipify.org/?format=json', key: 'ip' },
  { url: 'http://httpbin.org/ip', key: 'origin' },
  { url: 'http://jsonip.com', key: 'ip' },
];

/** Fetches a URL as text; rejects when it cannot, or when the signal is aborted. */
export type FetchText = (url: string, signal: AbortSignal) => Promise<string>;

/** @returns the address that two services agree on, null when there is none in time. */
export async function readPublicIpv4(
  fetchText: FetchText,
  deadlineMs: number,
  services: readonly PublicAddressService[] = PUBLIC_ADDRESS_SERVICES,
): Promise<string | null> {
  const signal = AbortSignal.timeout(deadlineMs);
  const heard = new Map<string, number>();
  return new Promise((resolve) => {
    let waiting = services.length;
    signal.addEventListener('abort', () => resolve(null));
    for (const service of services) {
      void ask(service, fetchText, signal).then((address) => {
        waiting -= 1;
        if (address !== null && vote(heard, address) === 2) resolve(address);
        if (waiting === 0) resolve(null);
      });
    }
  });
}

function vote(heard: Map<string, number>, address: string): number {
  const votes = (heard.get(address) ?? 0) + 1;
  heard.set(address, votes);
  return votes;
}

async function ask(
  { url, key }: PublicAddressService,
  fetchText: FetchText,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    const answer = JSON.parse(await fetchText(url, signal)) as Record<string, unknown>;
    const address = answer[key];
    return typeof address === 'string' && parseIpv4(address) !== null ? address : null;
  } catch {
    return null;
  }
}
