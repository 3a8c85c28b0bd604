/** Changes of XML: of whole elements, of names and of attributes. */
import { type Mutation, ODD_TEXTS } from './mutation.ts';
import type { Random } from './random.ts';

interface Span {
  readonly start: number;
  readonly end: number;
}

/** From an opening tag to the closing one of its name, or to the end of the tag itself. */
function randomElement(text: string, random: Random): Span | undefined {
  const tags = [...text.matchAll(/<([\w:.-]+)[^<>]*>/g)];
  if (tags.length === 0) return undefined;
  const { index, 0: tag, 1: name } = random.pick(tags);
  const closing = `</${name}>`;
  const end = text.indexOf(closing, index);
  const isEmpty = tag.endsWith('/>') || end < 0;
  return { start: index, end: isEmpty ? index + tag.length : end + closing.length };
}

const ODD_XML: readonly string[] = [
  ...[
    '<!-- x -->',
    '<![CDATA[<a>]]>',
    ']]>',
    '&amp;',
    '&#10;',
    '&#x0;',
    '&#1114112;',
    '&unknown;',
    '<?pi x?>',
  ],
  ...[
    '<!DOCTYPE a [<!ENTITY b "c">]>',
    '<a xmlns="x"/>',
    '<a:b/>',
    '<',
    '>',
    '&',
    '"',
    ' id="i2"',
    ' a="b" a="c"',
  ],
  ...['<?xml version="1.0" encoding="utf-16"?>', '<string></string>', '<none/>', '<nil/>'],
];

type Change = (text: string, mutation: Mutation, span: Span) => string;

const cut = (text: string, { end, start }: Span, put: string) =>
  text.slice(0, start) + put + text.slice(end);

const CHANGES: readonly Change[] = [
  (text, _mutation, span) => cut(text, span, ''),
  (text, _mutation, span) => cut(text, span, text.slice(span.start, span.end).repeat(2)),
  (text, { random }, span) => {
    const other = randomElement(text, random) ?? span;
    return cut(text, span, text.slice(other.start, other.end));
  },
  (text, { other, random }, span) => {
    const taken = Buffer.from(other()).toString('latin1');
    const found = randomElement(taken, random);
    return found === undefined ? text : cut(text, span, taken.slice(found.start, found.end));
  },
  (text, { random, words }, span) => {
    const name = words.length > 0 && random.chance(0.7) ? random.pick(words) : 'a';
    return cut(text, span, `<${name}>${text.slice(span.start, span.end)}</${name}>`);
  },
  (text, { random, words }, span) => {
    const element = text.slice(span.start, span.end);
    const name = /^<([\w:.-]+)/.exec(element)?.[1] ?? '';
    const renamed = words.length > 0 ? random.pick(words) : 'a';
    const inner = element.slice(name.length + 1);
    const closing = `</${name}>`;
    return cut(
      text,
      span,
      `<${renamed}${inner.endsWith(closing) ? `${inner.slice(0, -closing.length)}</${renamed}>` : inner}`,
    );
  },
  (text, { random }, span) => {
    const at = text.indexOf('>', span.start) + 1;
    const put = random.chance(0.5) ? random.pick(ODD_XML) : escapeText(random.pick(ODD_TEXTS));
    return text.slice(0, at) + put + text.slice(at);
  },
  (text, { random, words }, span) => {
    const at = text.indexOf('>', span.start);
    const isEmpty = text[at - 1] === '/';
    const name = words.length > 0 ? random.pick(words) : 'id';
    const value = random.pick([...ODD_TEXTS, 'i2', 'i3']).replaceAll('"', '');
    return `${text.slice(0, isEmpty ? at - 1 : at)} ${name}="${escapeText(value)}"${text.slice(isEmpty ? at - 1 : at)}`;
  },
];

/** As `latin1`, so that the bytes of UTF-8 stay what they are. */
function escapeText(text: string): string {
  return Buffer.from(text).toString('latin1').replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

export function mutateXml(bytes: Buffer, mutation: Mutation): Buffer {
  const text = bytes.toString('latin1');
  const span = randomElement(text, mutation.random);
  if (span === undefined) return bytes;
  return Buffer.from(mutation.random.pick(CHANGES)(text, mutation, span), 'latin1');
}
