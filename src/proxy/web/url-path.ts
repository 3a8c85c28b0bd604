/** Parts of the path of a request as they came. Pure. */

/**
 * The decoded segments of a path after the first `skipped` ones; undefined when one of them cannot
 * be the name of a file: empty, `.`, `..`, with a slash or NUL, or no UTF-8.
 */
export function pathSegments(url: string, skipped: number): string[] | undefined {
  const raw = url.split('?', 1)[0] ?? '';
  const segments: string[] = [];
  for (const part of raw.split('/').slice(skipped + 1)) {
    const name = decodeSegment(part);
    if (name === undefined || name === '' || name === '.' || name === '..') return undefined;
    if (name.includes('/') || name.includes('\0')) return undefined;
    segments.push(name);
  }
  return segments.length === 0 ? undefined : segments;
}

export function decodeSegment(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}
