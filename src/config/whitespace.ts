/**
 * White space as Python's `str` sees it (`str.isspace`, and `\s` in `re`): unlike JavaScript's it
 * includes U+001C to U+001F and U+0085, and not U+FEFF. The dialect of slapos.cfg depends on it.
 */
const SPACE =
  '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const LEADING = new RegExp(`^[${SPACE}]+`);
const NOT_SPACE = new RegExp(`[^${SPACE}]`);
const IS_SPACE = new RegExp(`[${SPACE}]`);

/** Python's `str.rstrip()`. */
export function stripEnd(text: string): string {
  let end = text.length;
  while (end > 0 && IS_SPACE.test(text[end - 1] as string)) end -= 1;
  return text.slice(0, end);
}

/** Python's `str.strip()`. */
export function strip(text: string): string {
  return stripEnd(text.replace(LEADING, ''));
}

/** How many characters of white space a line begins with; 0 for a blank line. */
export function indentOf(line: string): number {
  return Math.max(0, line.search(NOT_SPACE));
}
