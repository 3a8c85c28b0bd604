/** A small HTTP GET without undici, which takes 100 ms to load. */
import type { LookupAddress, LookupOptions } from 'node:dns';
import { Resolver } from 'node:dns';
import type { IncomingMessage } from 'node:http';

const MAX_ANSWER_CHARACTERS = 64 * 1024;

/**
 * Names are resolved to IPv4. When the signal is aborted nothing is left that could keep the
 * process: getaddrinfo(3) could not be cancelled and would hold the exit for seconds.
 * @returns the body of a 200 answer; anything else rejects, and so does a long answer.
 */
export async function fetchText(url: string, signal: AbortSignal): Promise<string> {
  const { get } = url.startsWith('https:') ? await import('node:https') : await import('node:http');
  const resolver = new Resolver();
  signal.addEventListener('abort', () => resolver.cancel(), { once: true });
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { signal, agent: false, lookup: lookupWith(resolver) }, resolve).on('error', reject);
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

type LookupCallback = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

function lookupWith(resolver: Resolver) {
  return (name: string, options: LookupOptions, callback: LookupCallback) => {
    resolver.resolve4(name, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null || first === undefined) return callback(error, '', 4);
      const found = addresses.map((address) => ({ address, family: 4 }));
      return options.all === true ? callback(null, found) : callback(null, first, 4);
    });
  };
}
