/** Regular expressions of schemas: written for Python as often as for ECMAScript. Pure. */

const PYTHON_FLAGS = /^\(\?([aiLmsux]+)\)/;

/**
 * A pattern as it is meant: ECMAScript's with Unicode, else without, with Python's own spellings
 * of groups and ends.
 * @throws SyntaxError for what is no pattern in either language.
 */
export function parsePattern(source: string): RegExp {
  const named = PYTHON_FLAGS.exec(source)?.[1] ?? '';
  const flags = [...'ims'].filter((flag) => named.includes(flag)).join('');
  const text = translate(source.replace(PYTHON_FLAGS, ''));
  try {
    return new RegExp(text, `${flags}u`);
  } catch {
    // Escapes that mean nothing, such as \- and \_, are refused only with Unicode.
    return new RegExp(text, flags);
  }
}

/** An escape as a whole, so that `\\A` stays a backslash and a letter, or the start of a group. */
const SPELLING = /\\[\s\S]|\(\?P<|\(\?P=(\w+)\)/g;

function translate(source: string): string {
  return source.replace(SPELLING, (token, name?: string) => {
    if (name !== undefined) return `\\k<${name}>`;
    if (token === '(?P<') return '(?<';
    if (token === '\\A') return '^';
    return token === '\\Z' ? '$' : token;
  });
}
