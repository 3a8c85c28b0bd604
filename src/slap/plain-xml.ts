/**
 * Reads the XML that marshallers write (elements with plain names, text and entities and
 * nothing else) ten times faster than a parser of all of XML: the document of a computer with
 * hundreds of partitions is a megabyte. Whatever is not plain is left to `xml-events.ts`.
 */
import { MAX_DEPTH, type XmlHandler } from './xml-events.ts';

const DECLARATION =
  /^<\?xml version=(?:'1\.0'|"1\.0")(?: encoding=(?:'[A-Za-z][\w.-]*'|"[A-Za-z][\w.-]*"))? ?\?>/;
/** What stands between `<` and `>`; the names are those of the format. */
const TAG = /^(\/?)([a-z]+)((?: [a-z]+="[^"<&\t\n]*")*)(\/?)$/;
const ATTRIBUTE = / ([a-z]+)="([^"]*)"/g;
/** Characters that XML has not, or that it changes; entities but the five and
 * numbers; the end of CDATA. */
const UNUSUAL =
  /[^\t\n\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]|&(?!(?:lt|gt|amp|quot|apos|#\d{2,7});)|\]\]>/u;

const NUMBERED = /^[\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]$/u;

const ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&amp;': '&',
  '&quot;': '"',
  '&apos;': "'",
};

interface Tag {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly opens: boolean;
  readonly closes: boolean;
}

/**
 * Tells a handler what a document holds.
 * @returns false when the document is not plain or not well formed; the handler has heard part of
 *   it then.
 */
export function readPlainXml(text: string, handler: XmlHandler): boolean {
  if (UNUSUAL.test(text)) return false;
  const known = new Map<string, Tag>();
  const open: string[] = [];
  let at = DECLARATION.exec(text)?.[0].length ?? 0;
  while (text[at] === '\n') at += 1;
  do {
    const end = text.indexOf('>', at);
    if (text[at] !== '<' || end < 0) return false;
    const tag = readTag(text.slice(at + 1, end), known);
    if (tag === undefined || !tell(tag, open, handler)) return false;
    const next = text.indexOf('<', end);
    at = next < 0 ? text.length : next;
    if (at > end + 1) {
      const raw = text.slice(end + 1, at);
      const content = open.length > 0 || !/[^\t\n ]/.test(raw) ? decodeEntities(raw) : undefined;
      if (content === undefined) return false;
      handler.text(content);
    }
  } while (open.length > 0);
  return at === text.length;
}

/** False when it does not fit to the elements that are open. */
function tell({ attributes, closes, name, opens }: Tag, open: string[], handler: XmlHandler) {
  if (opens) {
    if (open.push(name) > MAX_DEPTH) return false;
    handler.open(name, attributes, name);
  }
  if (closes) {
    if (open.pop() !== name) return false;
    handler.close();
  }
  return true;
}

const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();

/** Most tags have no attributes and come again; undefined for what is not plain. */
function readTag(text: string, known: Map<string, Tag>): Tag | undefined {
  const found = known.get(text);
  if (found !== undefined) return found;
  const match = TAG.exec(text);
  if (match === null) return undefined;
  const [, end = '', name = '', list = '', slash = ''] = match;
  if (end !== '' && list + slash !== '') return undefined;
  const attributes = readAttributes(list);
  if (attributes === undefined) return undefined;
  const tag = { name, attributes, opens: end === '', closes: end + slash !== '' };
  if (list === '') known.set(text, tag);
  return tag;
}

/** undefined for a name that comes twice. */
function readAttributes(list: string): ReadonlyMap<string, string> | undefined {
  if (list === '') return NO_ATTRIBUTES;
  const found = new Map<string, string>();
  let count = 0;
  for (const [, name = '', value = ''] of list.matchAll(ATTRIBUTE)) {
    found.set(name, value);
    count += 1;
  }
  return found.size === count ? found : undefined;
}

/** undefined for the number of no character of XML. */
function decodeEntities(text: string): string | undefined {
  if (!text.includes('&')) return text;
  let isPlain = true;
  const decoded = text.replace(/&(?:[a-z]+|#(\d+));/g, (entity, digits: string | undefined) => {
    if (digits === undefined) return ENTITIES[entity] ?? '';
    const character = Number(digits) > 0x10ffff ? '\0' : String.fromCodePoint(Number(digits));
    isPlain &&= NUMBERED.test(character);
    return character;
  });
  return isPlain ? decoded : undefined;
}
