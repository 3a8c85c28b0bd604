/**
 * Reads small XML documents of the SLAP protocol as events: no DTD, no entity but the five
 * predefined ones, nothing fetched, elements matched by their local name.
 */
import { SaxesParser } from 'saxes';
import { errorMessage, isSlaposError, SlaposError } from '../errors/slapos-error.ts';
import { boundedText } from './bounded-text.ts';

/** Deeper documents are refused: no peer writes them, and readers of values may recurse. */
export const MAX_DEPTH = 300;

export interface XmlOptions {
  /** Tells line and column of what is wrong; it costs time. */
  readonly hasPlaces?: boolean;
}

export interface XmlHandler {
  /** @param name without its prefix, `qualifiedName` with it */
  open(name: string, attributes: ReadonlyMap<string, string>, qualifiedName: string): void;
  text(text: string): void;
  close(): void;
  comment?(): void;
}

/**
 * Reads a whole document.
 * @param what Names the document in messages, such as `the answer of getRunId`.
 * @throws SlaposError SLAPOS_ERR_SLAP_XML when it is not well formed, has a DTD or is too deep.
 */
export function readXml(
  document: string | Uint8Array,
  what: string,
  handler: XmlHandler,
  options: XmlOptions = {},
): void {
  try {
    feed(decodeXmlText(document), handler, options);
  } catch (cause) {
    if (isSlaposError(cause)) throw cause;
    const reason = errorMessage(cause)
      .replace(/^undefined:/, 'line ')
      .replace(/^(\d+):(\d+): /, 'line $1, column $2: ');
    throw new SlaposError(
      'SLAPOS_ERR_SLAP_XML',
      `${what} is not valid XML: ${boundedText(reason)}`,
      { cause },
    );
  }
}

/** @throws TypeError or RangeError for bytes that are no text of their encoding. */
export function decodeXmlText(document: string | Uint8Array): string {
  return typeof document === 'string' ? stripMark(document) : decodeXmlBytes(document);
}

function feed(text: string, handler: XmlHandler, { hasPlaces = false }: XmlOptions): void {
  const parser = new SaxesParser({ xmlns: false as const, position: hasPlaces });
  let depth = 0;
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('doctype', () => {
    throw new Error('a document type declaration is not allowed');
  });
  parser.on('opentag', (tag) => {
    depth += 1;
    if (depth > MAX_DEPTH) throw new Error(`elements nested more than ${MAX_DEPTH} deep`);
    handler.open(localName(tag.name), localAttributes(tag.attributes), tag.name);
  });
  parser.on('closetag', () => {
    depth -= 1;
    handler.close();
  });
  parser.on('text', (content) => handler.text(content));
  parser.on('cdata', (content) => handler.text(content));
  parser.on('comment', () => handler.comment?.());
  parser.write(text).close();
}

const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();

function localAttributes(
  attributes: Readonly<Record<string, string>>,
): ReadonlyMap<string, string> {
  let found: Map<string, string> | undefined;
  for (const name in attributes) {
    found ??= new Map();
    found.set(localName(name), attributes[name] ?? '');
  }
  return found ?? NO_ATTRIBUTES;
}

/** Prefixes are only cut off: whatever namespace they stand for, the local name decides. */
function localName(name: string): string {
  const colon = name.indexOf(':');
  return colon < 0 ? name : name.slice(colon + 1);
}

/** Decodes by byte order mark, else by the declaration, else as UTF-8 (XML 1.0 appendix F). */
function decodeXmlBytes(bytes: Uint8Array): string {
  const label = byteOrderMark(bytes) ?? declaredEncoding(bytes) ?? 'utf-8';
  return new TextDecoder(label, { fatal: true }).decode(bytes);
}

function byteOrderMark(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 'utf-8' : undefined;
}

function declaredEncoding(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 200));
  return /^<\?xml\s[^>]*?\bencoding\s*=\s*["']([A-Za-z0-9._-]+)["']/.exec(
    head.toString('latin1'),
  )?.[1];
}

function stripMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}
