/** Entity tags of documents (RFC 9110 8.8.3). */
import { createHash } from 'node:crypto';

/**
 * The same for the same content: a client keeps it over a restart of the proxy, and whichever of
 * several proxies of one database it asks.
 */
export function entityTagOf(body: Buffer): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 24)}"`;
}

/**
 * Whether `If-None-Match` has the tag: in a list, and weakly, since a server between makes
 * `"a"` `W/"a"` when it compresses; `*` is any (RFC 9110 13.1.2). Tags of ours hold no comma.
 */
export function matchesTag(ifNoneMatch: string, tag: string): boolean {
  const list = ifNoneMatch.split(',').map((item) => item.trim().replace(/^W\//, ''));
  return list.includes('*') || list.includes(tag);
}
