/** Warnings about what a partition wrote or named: neither their number nor their length is its choice. */
import type { Logger } from '../log/logger.ts';

const MOST_WARNINGS = 10;
const MOST_CHARACTERS = 80;

/**
 * Logs the first ten warnings, and how many there are beyond them.
 * @param describeRest the warning about that number of others
 */
export function warnOfFirst(
  log: Pick<Logger, 'warning'>,
  warnings: readonly string[],
  describeRest: (count: number) => string,
): void {
  for (const text of warnings.slice(0, MOST_WARNINGS)) log.warning(text);
  const rest = warnings.length - MOST_WARNINGS;
  if (rest > 0) log.warning(describeRest(rest));
}

/** An entry of a JSON file as JSON, cut at 80 characters. */
export function quoteEntry(entry: unknown): string {
  const text = renderEntry(entry);
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}

function renderEntry(entry: unknown): string {
  try {
    return JSON.stringify(entry) ?? String(entry);
  } catch {
    // V8 reads lists of any depth, but writes them by recursion.
    return 'a deep structure';
  }
}
