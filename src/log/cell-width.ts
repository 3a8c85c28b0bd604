/**
 * How many columns of a terminal a text takes: 0, 1 or 2 a character, as wcwidth(3) counts.
 * Unicode Standard Annex 11 (East Asian Width) and the properties that the engine knows.
 */

/** Wide and fullwidth characters of EastAsianWidth.txt that are no emoji; gaps are unassigned. */
const WIDE_RANGES: ReadonlyArray<readonly [first: number, last: number]> = [
  [0x1100, 0x115f],
  [0x2329, 0x232a],
  [0x2e80, 0x303e],
  [0x3041, 0x3247],
  [0x3250, 0xa4c6],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfad9],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6b],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x1b2fb],
  [0x1f200, 0x1f265],
  [0x20000, 0x3fffd],
];
/** Shown in colour and two columns wide; halves of flags are one column each. */
const EMOJI = /(?![\u{1f1e6}-\u{1f1ff}])\p{Emoji_Presentation}/u;
/** Marks that stand on the character before, marks of format, and later parts of a Korean syllable. */
const MARK = /(?!\u00ad)[\p{Mn}\p{Me}\p{Cf}\u1160-\u11ff]/u;
const PLAIN = /^[\x20-\x7e]*$/;
/** More marks on one character are left out: they grow into the lines around. */
const MAX_MARKS = 3;

function characterWidth(character: string): 0 | 1 | 2 {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (MARK.test(character)) return 0;
  if (code < 0x1100) return 1;
  const isWide = WIDE_RANGES.some(([first, last]) => code >= first && code <= last);
  return isWide || EMOJI.test(character) ? 2 : 1;
}

/** Columns that a text of printable characters takes. */
export function cellWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

export interface TakenCells {
  readonly text: string;
  readonly width: number;
  /** Units of the whole text that this is made of, with the marks that were left out. */
  readonly length: number;
}

/** The longest beginning of a text that takes no more columns than this. */
export function takeCells(text: string, columns: number): TakenCells {
  let [taken, width, length, marks] = ['', 0, 0, 0];
  for (const character of text) {
    const own = characterWidth(character);
    if (width + own > columns) break;
    length += character.length;
    marks = own === 0 ? marks + 1 : 0;
    if (marks > MAX_MARKS) continue;
    taken += character;
    width += own;
  }
  return { text: taken, width, length };
}

/** A text in exactly so many columns: filled with blanks, or cut, which `mark` shows. */
export function fitCells(
  text: string,
  columns: number,
  { align = 'left', mark = '…' }: { align?: 'left' | 'right'; mark?: string } = {},
): string {
  if (columns <= 0) return '';
  const whole = takeCells(text, columns);
  const isCut = whole.length < text.length;
  const { text: kept, width } = isCut ? takeCells(text, columns - mark.length) : whole;
  const blanks = ' '.repeat(Math.max(0, columns - width - (isCut ? mark.length : 0)));
  if (isCut) return `${kept}${mark}${blanks}`;
  return align === 'left' ? kept + blanks : blanks + kept;
}

/** A text of the same width for terminals that show ASCII only. */
export function toAscii(text: string): string {
  if (PLAIN.test(text)) return text;
  let plain = '';
  for (const character of text) {
    const isPlain = PLAIN.test(character);
    const stand = character === '…' ? '~' : '?';
    plain += isPlain ? character : stand.repeat(characterWidth(character));
  }
  return plain;
}

/**
 * A text in lines of at most so many columns, two at least, broken at a blank where that leaves
 * half a line; an empty text is one empty line.
 */
export function wrapCells(text: string, columns: number): string[] {
  const lines: string[] = [];
  let rest = text;
  do {
    const whole = takeCells(rest, Math.max(2, columns));
    const blank = whole.length < rest.length ? rest.lastIndexOf(' ', whole.length) : -1;
    const isBroken = blank > whole.length / 2;
    lines.push(isBroken ? takeCells(rest.slice(0, blank), columns).text : whole.text);
    rest = rest.slice(isBroken ? blank + 1 : whole.length);
  } while (rest !== '');
  return lines;
}
