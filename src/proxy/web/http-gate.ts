/** Decides which addresses the HTTP proxy connects to, anew for every step of a redirection. */
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { parseAddress } from '../address-class.ts';
import { forbidden, HttpProblem } from '../http-problem.ts';
import { type AllowRule, allowsAddress, allowsAddressOfName, allowsName } from './allow-list.ts';
import { renderOrigin, type Target } from './http-target.ts';

export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

export interface HttpGateOptions {
  readonly allow: readonly AllowRule[];
  /** Whether this proxy itself listens there. */
  readonly isOwn: (address: bigint, port: number) => boolean;
  readonly resolve: Resolve;
  readonly timeoutMs: number;
}

export const resolveName: Resolve = (host) => lookup(host, { all: true, verbatim: true });

/** Lookups take threads that files need too: names that nobody answers for must not take all. */
export function atMost(limit: number, resolve: Resolve): Resolve {
  const waiting: Array<() => void> = [];
  let running = 0;
  return async (host) => {
    if (running < limit) running += 1;
    else await new Promise<void>((go) => waiting.push(go));
    try {
      return await resolve(host);
    } finally {
      // Whoever waits takes the place over.
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

/**
 * The addresses to connect to: exactly those that were looked at, so that a name which means
 * something else a moment later leads nowhere else.
 * @throws HttpProblem 403 when the list does not have it, 508 for ourselves, 523 for a name that
 * nobody knows.
 */
export async function findAddresses(
  target: Target,
  options: HttpGateOptions,
): Promise<readonly LookupAddress[]> {
  const { allow, isOwn } = options;
  const family = isIP(target.host);
  // A name that is not in the list is not even asked for.
  if (family === 0 && !allowsName(allow, target)) throw refused(target);
  const found =
    family === 0 ? await resolveInTime(target, options) : [{ address: target.host, family }];
  const isAllowed = family === 0 ? allowsAddressOfName : allowsAddress;
  const allowed = found.filter(({ address }) => {
    const value = parseAddress(address);
    if (value === null) return false;
    if (isOwn(value, target.port)) throw new HttpProblem(508, 'The proxy does not lead to itself.');
    return isAllowed(allow, target, value);
  });
  if (allowed.length === 0) throw refused(target, family === 0 ? found : []);
  return allowed;
}

async function resolveInTime(
  target: Target,
  { resolve, timeoutMs }: HttpGateOptions,
): Promise<readonly LookupAddress[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('late')), timeoutMs);
  });
  try {
    return await Promise.race([resolve(target.host), late]);
  } catch {
    throw new HttpProblem(523, `The name ${target.host} has no address.`);
  } finally {
    clearTimeout(timer);
  }
}

function refused(target: Target, found: readonly LookupAddress[] = []): HttpProblem {
  const place = renderOrigin(target);
  if (found.length === 0) return forbidden(`http_proxy_allow does not have ${place}.`);
  return forbidden(
    `http_proxy_allow has ${place}, but not its address, which is not a public one.`,
  );
}
