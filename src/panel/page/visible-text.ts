/**
 * Texts come from whoever wrote a title, a parameter or a log line. The DOM takes them as text only;
 * what remains are characters that cannot be seen or that show others in another order. Pure.
 */

const OPEN = '⟨';
const CLOSE = '⟩';

/** Controls besides tab and line feed, what formats (bidi, zero width, tags), separators, lone halves. */
const UNSEEN =
  /(?![\t\n])(?:[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|[\u{e0100}-\u{e01ef}]|[\u{fe00}-\u{fe0f}])/gu;

/** Emoji join by U+200D and select their form by U+FE0F: harmless between pictures, and common. */
const JOINERS = new Set(['\u200d', '\ufe0f', '\ufe0e']);
const PICTURE_BEFORE = /\p{Extended_Pictographic}[\u{1f3fb}-\u{1f3ff}\ufe0f]?$/u;

/** @returns the text with every unseen character told as its code, such as `⟨U+202E⟩`. */
export function visibleText(text: string): string {
  return text.replace(UNSEEN, (character, index: number) => {
    const isJoiner = JOINERS.has(character);
    if (isJoiner && PICTURE_BEFORE.test(text.slice(Math.max(0, index - 8), index))) {
      return character;
    }
    return `${OPEN}${nameOf(character)}${CLOSE}`;
  });
}

function nameOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return KNOWN[code] ?? `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

const KNOWN: Readonly<Record<number, string>> = {
  0: 'NUL',
  7: 'BEL',
  8: 'BS',
  13: 'CR',
  27: 'ESC',
  127: 'DEL',
};
