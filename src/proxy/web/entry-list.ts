/** The entries of a key: pairs of a text and its signature, both as they came. Pure. */
import { SHA512 } from '../../networkcache/entry.ts';

export type EntryPair = readonly [text: string, signature: string];

/** Far more machines than one release is built for; somebody is filling the disk. */
const MAX_ENTRIES = 100;

/** The pairs of a stored list; undefined for a text that is no list. */
export function parseEntryList(text: string): readonly EntryPair[] | undefined {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(list)) return undefined;
  return list.filter((pair: unknown): pair is EntryPair => {
    return Array.isArray(pair) && typeof pair[0] === 'string' && typeof pair[1] === 'string';
  });
}

/**
 * A list with one more entry, in front: clients take the first that fits, and the last build is
 * what upstream's server, which forgets all others, would give them. One that says the same is
 * replaced, the oldest of too many dropped.
 */
export function withEntry(known: readonly EntryPair[], entry: EntryPair): readonly EntryPair[] {
  const others = known.filter(([text]) => text !== entry[0]);
  return [entry, ...others].slice(0, MAX_ENTRIES);
}

/** Whether the content of an entry is in the cache. */
export async function isComplete(
  [text]: EntryPair,
  has: (sha512: string) => Promise<boolean>,
): Promise<boolean> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return false;
  }
  const { sha512 } = (value ?? {}) as { readonly sha512?: unknown };
  return typeof sha512 === 'string' && SHA512.test(sha512) && (await has(sha512));
}
