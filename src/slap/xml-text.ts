/** Escaping for the XML that we write (XML 1.0, fifth edition). */
import { SlaposError } from '../errors/slapos-error.ts';

const FORBIDDEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML 1.0 forbids.
  /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

const TEXT_ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '\r': '&#13;',
};

const ATTRIBUTE_ESCAPES: Readonly<Record<string, string>> = {
  ...TEXT_ESCAPES,
  '"': '&quot;',
  '\n': '&#10;',
  '\t': '&#9;',
};

/**
 * Escapes the text of an element; other characters stay literal.
 * @throws SlaposError SLAPOS_ERR_SLAP_XML for a character that XML cannot hold.
 */
export function escapeXmlText(text: string): string {
  return checkXmlText(text).replace(/[&<>\r]/g, (char) => TEXT_ESCAPES[char] ?? char);
}

/**
 * Escapes the value of an attribute in double quotes.
 * @throws SlaposError SLAPOS_ERR_SLAP_XML for a character that XML cannot hold.
 */
export function escapeXmlAttribute(text: string): string {
  return checkXmlText(text).replace(/[&<>"\r\n\t]/g, (char) => ATTRIBUTE_ESCAPES[char] ?? char);
}

/** Writes every character above U+007F as a decimal reference. */
export function escapeNonAscii(text: string): string {
  return text.replace(/[^\0-\x7f]/gu, (char) => `&#${char.codePointAt(0)};`);
}

/**
 * Returns the text itself.
 * @throws SlaposError SLAPOS_ERR_SLAP_XML for a character that XML 1.0 cannot hold: most controls,
 *   half of a surrogate pair, U+FFFE and U+FFFF.
 */
export function checkXmlText(text: string): string {
  const match = FORBIDDEN.exec(text);
  if (match === null) return text;
  const code = match[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
  throw new SlaposError(
    'SLAPOS_ERR_SLAP_XML',
    `A text holds the character U+${code} at position ${match.index}, which XML cannot carry.`,
    { hint: 'Remove control characters from the value.' },
  );
}

/** Removes what XML 1.0 cannot hold: for logs and error reports, where text must get through. */
export function sanitizeXmlText(text: string): string {
  return text.replace(new RegExp(FORBIDDEN, 'g'), '');
}

const DOUBLE_ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;amp;',
  '<': '&amp;lt;',
  '>': '&amp;gt;',
  '\r': '&#13;',
};

/**
 * The text of a marshalled string, escaped once by that format and once more as XML (spec 1.2).
 * @throws SlaposError SLAPOS_ERR_SLAP_XML for a character that XML cannot hold.
 */
export function escapeTwice(text: string): string {
  // Most strings are plain names: one test instead of three passes.
  if (/^[\x20-\x25\x27-\x3b=\x3f-\x7e]*$/.test(text)) return text;
  return escapeNonAscii(
    checkXmlText(text).replace(/[&<>\r]/g, (char) => DOUBLE_ESCAPES[char] ?? char),
  );
}
