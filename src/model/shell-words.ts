/** Splits a line as a POSIX shell does. Pure. */

interface Splitter {
  readonly text: string;
  at: number;
}

/** Reads up to the closing quote, which `splitter.at` has just passed. */
function quoted(splitter: Splitter, mark: string): string {
  let word = '';
  while (splitter.at < splitter.text.length) {
    const character = splitter.text[splitter.at++] as string;
    if (character === mark) return word;
    const next = splitter.text[splitter.at];
    if (mark === '"' && character === '\\' && (next === '"' || next === '\\')) {
      word += next;
      splitter.at += 1;
    } else word += character;
  }
  throw new SyntaxError('No closing quotation');
}

/** Reads one word; undefined at the end of the text. */
function nextWord(splitter: Splitter): string | undefined {
  let word: string | undefined;
  while (splitter.at < splitter.text.length) {
    const character = splitter.text[splitter.at++] as string;
    if (/\s/.test(character)) {
      if (word !== undefined) return word;
    } else if (character === '"' || character === "'") {
      word = (word ?? '') + quoted(splitter, character);
    } else if (character === '\\') {
      const next = splitter.text[splitter.at++];
      if (next === undefined) throw new SyntaxError('No escaped character');
      word = (word ?? '') + next;
    } else word = (word ?? '') + character;
  }
  return word;
}

/**
 * Quotes and backslashes count; there are no variables, globs or pipes.
 * @throws SyntaxError `No closing quotation`, `No escaped character`
 */
export function splitShellWords(text: string): string[] {
  const splitter: Splitter = { text, at: 0 };
  const words: string[] = [];
  for (let word = nextWord(splitter); word !== undefined; word = nextWord(splitter)) {
    words.push(word);
  }
  return words;
}
