/**
 * The `environment` value: `KEY=value,KEY2="quoted"` (spec/supervisor.md 2.3). Quotes follow
 * version 4.3: they are stripped and a backslash has no meaning inside them.
 */
import { quote } from './ini.ts';
import { ValueError } from './value-types.ts';

const WORD = /[\p{L}\p{N}_/.+\-():]/u;

/** Splits into words, quoted texts and single other characters; `#` starts a comment. */
function tokens(text: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < text.length; ) {
    const character = text[at] as string;
    if (/\s/.test(character)) at += 1;
    else if (character === '#') at = endOf(text, at, '\n');
    else if (character === '"' || character === "'") {
      const close = text.indexOf(character, at + 1);
      if (close < 0) throw new ValueError('No closing quotation');
      found.push(text.slice(at, close + 1));
      at = close + 1;
    } else {
      let end = at + 1;
      if (WORD.test(character))
        while (end < text.length && WORD.test(text[end] as string)) end += 1;
      found.push(text.slice(at, end));
      at = end;
    }
  }
  return found;
}

function endOf(text: string, from: number, mark: string): number {
  const end = text.indexOf(mark, from);
  return end < 0 ? text.length : end;
}

function unquote(token: string): string {
  return token.replace(/^["']+/, '').replace(/(?<!["'])["']+$/, '');
}

/**
 * Parses the key/value pairs; the token after each pair, normally a comma, is skipped unchecked.
 * @throws ValueError `Unexpected end of key/value pairs…`
 */
export function parseEnvironment(text: string): Map<string, string> {
  const result = new Map<string, string>();
  const words = tokens(text);
  for (let at = 0; at < words.length; at += 4) {
    const key = words[at];
    const value = words[at + 2];
    if (key === undefined || words[at + 1] !== '=' || value === undefined || value === ',') {
      throw new ValueError(`Unexpected end of key/value pairs in value ${quote(text)}`);
    }
    result.set(key, unquote(value));
  }
  return result;
}
