/** Keeps a text from commanding the terminal that shows it. */

/** Controls but tab and newline, and marks that end lines or change the direction of text. */
const COMMANDING = /(?![\t\n])[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** How a character is written in a JSON string. */
const jsonEscape = (char: string) =>
  `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;

function visible(char: string): string {
  if (char === '\r') return '\\r';
  const code = char.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : jsonEscape(char);
}

/**
 * A text with every character that a terminal would obey made visible, as `\x1b`; names of files and
 * output of programs come from users who are not trusted.
 */
export function makePrintable(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(COMMANDING, visible);
}

/** The same for JSON text on one line: it means what it meant. */
export function makeJsonPrintable(json: string): string {
  return json.replace(COMMANDING, jsonEscape);
}

/** The name of a file for a message of one line. */
export function printableName(name: string): string {
  return makePrintable(name).replaceAll('\n', '\\n').replaceAll('\t', '\\t');
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: this is what is looked for.
const COLOUR = /(\x1b\[[\d;:]{0,40}m)/;
const PLAIN = '\x1b[0m';

/** The log of a program for a terminal: colours are let through, and end with it. */
export function makeLogPrintable(text: string): string {
  const pieces = text.split(COLOUR);
  if (pieces.length === 1) return makePrintable(text);
  const shown = pieces.map((piece, index) => (index % 2 === 1 ? piece : makePrintable(piece)));
  return `${shown.join('')}${PLAIN}`;
}
