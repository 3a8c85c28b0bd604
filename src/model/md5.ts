import { createHash } from 'node:crypto';

/** In hexadecimal: upstream names releases, keys of caches and rows by it. Nothing relies on it. */
export function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
