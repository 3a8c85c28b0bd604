/**
 * What alone writes to the terminal: the alternate screen (xterm control sequences, DEC private
 * modes 1049, 25, 7) and, in one write a frame, the lines that differ from those that are there.
 * Mode 2026 has terminals that know it show a frame at once; others ignore it.
 */
import { cellWidth, toAscii } from '../log/cell-width.ts';
import type { Line, Span, Style } from './line.ts';

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J';
const LEAVE = '\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l';
const BEGIN = '\x1b[?2026h';
const END = '\x1b[?2026l';
const ERASE_LINE = '\x1b[2K';
const PLAIN = '\x1b[0m';
const CHOSEN = '7';

/** Bold and the like are no colours, which `NO_COLOR` is about. */
const CODES: Readonly<Record<Style, string>> = {
  plain: '',
  bold: '1',
  dim: '2',
  bad: '1;31',
  good: '32',
  accent: '36',
};
const COLOURLESS: Readonly<Record<Style, string>> = {
  plain: '',
  bold: '1',
  dim: '',
  bad: '1',
  good: '',
  accent: '',
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: the rest of ASCII is left.
const ASCII = /^[\x00-\x7f]*$/;

export interface ScreenOptions {
  readonly hasColors: boolean;
  /** Only these characters are sent. */
  readonly isAscii: boolean;
}

/** A line as it is sent; terminals disagree about widths, so each text says where it starts. */
export function encodeLine(
  { isChosen = false, spans }: Line,
  { hasColors, isAscii }: ScreenOptions,
): string {
  const codes = hasColors ? CODES : COLOURLESS;
  // At the last column the cursor stays on what was written: it is erased before.
  let text = `${ERASE_LINE}${isChosen ? `\x1b[${CHOSEN}m` : ''}`;
  let column = 1;
  let isSure = true;
  for (const piece of spans) {
    if (!isSure) text += `\x1b[${column}G`;
    text += encodeSpan(isAscii ? toAsciiSpan(piece) : piece, codes, isChosen);
    column += cellWidth(piece.text);
    isSure = isAscii || ASCII.test(piece.text);
  }
  if (!isSure) text += `\x1b[${column}G`;
  return isChosen ? `${text}${PLAIN}` : text;
}

function toAsciiSpan({ style, text }: Span): Span {
  return { style, text: toAscii(text) };
}

function encodeSpan({ style, text }: Span, codes: typeof CODES, isChosen: boolean): string {
  const code = codes[style];
  if (code === '') return text;
  return `\x1b[${code}m${text}${PLAIN}${isChosen ? `\x1b[${CHOSEN}m` : ''}`;
}

export class Screen {
  readonly #write: (text: string) => void;
  readonly #options: ScreenOptions;
  #shown: readonly string[] = [];
  #isEntered = false;

  constructor(write: (text: string) => void, options: ScreenOptions) {
    this.#write = write;
    this.#options = options;
  }

  enter(): void {
    if (this.#isEntered) return;
    this.#isEntered = true;
    this.#shown = [];
    this.#write(ENTER);
  }

  /** Gives the terminal back as it was. May be called at any time, and more than once. */
  leave(): void {
    if (!this.#isEntered) return;
    this.#isEntered = false;
    this.#write(LEAVE);
  }

  /** Nothing of what is there counts: another size, or somebody else wrote. */
  forget(): void {
    this.#shown = [];
  }

  show(lines: readonly Line[]): void {
    if (!this.#isEntered) return;
    const encoded = lines.map((each) => encodeLine(each, this.#options));
    const isNew = this.#shown.length !== encoded.length;
    const changed = encoded.flatMap((text, row) =>
      !isNew && text === this.#shown[row] ? [] : [`\x1b[${row + 1};1H${text}`],
    );
    this.#shown = encoded;
    if (changed.length === 0) return;
    this.#write(`${BEGIN}${isNew ? '\x1b[2J' : ''}${changed.join('')}${END}`);
  }
}
