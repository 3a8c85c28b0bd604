/** A small HTTP GET without undici, which takes 100 ms to load. */
import { Resolver } from 'node:dns/promises';
import type { IncomingMessage } from 'node:http';
import { parseIpv4, parseIpv6 } from '../../model/ip-address.ts';

const MAX_ANSWER_CHARACTERS = 64 * 1024;

/**
 * Names are resolved first, to IPv4: without a network nothing else is loaded or set up. When the
 * signal is aborted nothing is left that could keep the process; getaddrinfo(3) could not be
 * cancelled and would hold the exit for seconds.
 * @returns the body of a 200 answer; anything else rejects, and so does a long answer.
 */
export async function fetchText(url: string, signal: AbortSignal): Promise<string> {
  const address = await resolveHost(new URL(url).hostname.replace(/^\[(.*)\]$/, '$1'), signal);
  const { get } = url.startsWith('https:') ? await import('node:https') : await import('node:http');
  const lookup: Lookup = (_name, { all }, callback) =>
    all === true ? callback(null, [{ address, family: 4 }]) : callback(null, address, 4);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { signal, agent: false, lookup }, resolve).on('error', reject);
  });
  if (answer.statusCode !== 200) {
    answer.destroy();
    throw new Error(`${url} answers ${answer.statusCode}`);
  }
  let text = '';
  for await (const piece of answer.setEncoding('utf8')) {
    text += piece;
    if (text.length > MAX_ANSWER_CHARACTERS) throw new Error(`${url} answers too much`);
  }
  return text;
}

type Lookup = (
  name: string,
  options: { readonly all?: boolean | undefined },
  callback: (
    error: null,
    address: string | Array<{ readonly address: string; readonly family: number }>,
    family?: number,
  ) => void,
) => void;

async function resolveHost(host: string, signal: AbortSignal): Promise<string> {
  // The patterns of net.isIP take 3 ms to compile.
  if (parseIpv4(host) !== null || parseIpv6(host) !== null) return host;
  const resolver = new Resolver();
  const cancel = () => resolver.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const [address] = await resolver.resolve4(host);
    if (address === undefined) throw new Error(`${host} has no IPv4 address`);
    return address;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
