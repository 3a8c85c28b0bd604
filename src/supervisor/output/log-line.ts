/** The last line of a log, fit to be shown on a terminal. Pure. */

const MAX_LENGTH = 200;

/** Sequences that move the cursor, colour or name the window. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])/g;

/** Controls, and marks that change the direction of text or end lines. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Text without what a terminal would obey; a replacement character stands for each such one. */
export function makeHarmless(text: string): string {
  return text.replace(ESCAPES, '').replaceAll('\t', ' ').replace(UNPRINTABLE, '\ufffd');
}

/**
 * The last line with something on it, at most 200 characters; '' when there is none.
 * @param isWhole false when the text is the end of a longer one: its first line may be half of one
 */
export function lastLine(text: string, isWhole: boolean): string {
  const lines = text
    .split(/[\r\n]+/)
    .map((line) => makeHarmless(line).trim())
    .slice(isWhole ? 0 : 1);
  const last = [...(lines.findLast((line) => line !== '') ?? '')];
  return last.length > MAX_LENGTH ? `${last.slice(0, MAX_LENGTH - 1).join('')}…` : last.join('');
}
