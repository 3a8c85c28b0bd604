/**
 * Whether `If-None-Match` has the tag: in a list, and weakly, since a server between makes
 * `"a"` `W/"a"` when it compresses; `*` is any (RFC 9110 13.1.2). Tags of ours hold no comma.
 */
export function matchesTag(ifNoneMatch: string, tag: string): boolean {
  const list = ifNoneMatch.split(',').map((item) => item.trim().replace(/^W\//, ''));
  return list.includes('*') || list.includes(tag);
}
