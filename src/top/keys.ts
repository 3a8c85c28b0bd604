/** Keys from what a terminal sends: ECMA-48 control sequences as xterm and its kin write them. */

/** A named key, or the character that was typed. */
export type Key =
  | 'up'
  | 'down'
  | 'left'
  | 'right'
  | 'page-up'
  | 'page-down'
  | 'home'
  | 'end'
  | 'enter'
  | 'tab'
  | 'backspace'
  | 'escape'
  | 'interrupt'
  | 'suspend'
  | 'redraw'
  | 'erase-line'
  | { readonly typed: string };

const LETTERS: Readonly<Record<string, Key>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  H: 'home',
  F: 'end',
};
const NUMBERS: Readonly<Record<string, Key>> = {
  1: 'home',
  4: 'end',
  5: 'page-up',
  6: 'page-down',
  7: 'home',
  8: 'end',
};
const CONTROLS: Readonly<Record<string, Key>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\b': 'backspace',
  '\x7f': 'backspace',
  '\x1b': 'escape',
  '\x03': 'interrupt',
  '\x1a': 'suspend',
  '\x0c': 'redraw',
  '\x15': 'erase-line',
};

/** A sequence, an escape with what follows it, or one character. */
const TOKEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal sequences are meant.
  /\x1b\[([0-9;:<=>?]*)[ -/]*([@-~])|\x1bO([A-Za-z])|\x1b(?=[^[O]|$)|[\s\S]/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal sequences are meant.
const UNFINISHED = /\x1b(?:\[[0-9;:<=>?]*[ -/]*|O)?$/;
/** No key is longer: what goes on is no sequence of a terminal. */
const MAX_UNFINISHED = 32;

/**
 * Splits the beginning of a sequence off the end of what came: the rest of it may come later.
 */
export function splitUnfinished(text: string): { readonly ready: string; readonly rest: string } {
  const at = UNFINISHED.exec(text)?.index ?? text.length;
  if (text.length - at > MAX_UNFINISHED) return { ready: text, rest: '' };
  return { ready: text.slice(0, at), rest: text.slice(at) };
}

/** The keys of a text; sequences that are no key of ours are left out. */
export function parseKeys(text: string): Key[] {
  const keys: Key[] = [];
  for (const match of text.matchAll(TOKEN)) {
    const key = toKey(match);
    if (key !== undefined) keys.push(key);
  }
  return keys;
}

function toKey([token, parameters, final, letter]: RegExpMatchArray): Key | undefined {
  if (final === '~') return NUMBERS[(parameters ?? '').split(';')[0] ?? ''];
  if (final !== undefined) return LETTERS[final];
  if (letter !== undefined) return letter === 'M' ? 'enter' : LETTERS[letter];
  const control = CONTROLS[token ?? ''];
  if (control !== undefined) return control;
  return /\p{Cc}/u.test(token ?? '') ? undefined : { typed: token ?? '' };
}
