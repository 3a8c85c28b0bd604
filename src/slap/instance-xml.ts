/**
 * Instance XML (spec/slap-protocol.md 2): how parameters, connection parameters and filters are
 * stored. Every value is a string; an empty one is read back as null.
 */
import type { MarshalValue } from './marshal-value.ts';
import { comparePythonStrings, pythonStr } from './python-text.ts';
import { readXml, type XmlHandler } from './xml-events.ts';
import { escapeXmlAttribute, escapeXmlText } from './xml-text.ts';

/**
 * Writes parameters, sorted by key; values that are no strings become Python's `str()` of them.
 * @throws SlaposError SLAPOS_ERR_SLAP_XML for a character that XML cannot carry.
 */
export function encodeInstanceXml(parameters: Readonly<Record<string, MarshalValue>>): string {
  const lines = Object.entries(parameters)
    .sort((left, right) => comparePythonStrings(left[0], right[0]))
    .map(([key, value]) => {
      const text = escapeXmlText(pythonStr(value));
      return `  <parameter id="${escapeXmlAttribute(key)}">${text}</parameter>\n`;
    });
  const body = lines.length === 0 ? '<instance/>' : `<instance>\n${lines.join('')}</instance>`;
  return `<?xml version='1.0' encoding='utf-8'?>\n${body}\n`;
}

/**
 * Reads parameters. Absent or empty input is no parameter at all.
 * @throws SlaposError SLAPOS_ERR_SLAP_XML when the text is not well-formed XML.
 */
export function decodeInstanceXml(
  document: string | Uint8Array | null | undefined,
): Record<string, string | null> {
  const found: Record<string, string | null> = Object.create(null);
  if (document === null || document === undefined || document.length === 0) return found;
  readXml(document, 'The instance XML', new ParameterReader(found));
  return found;
}

class ParameterReader implements XmlHandler {
  readonly #found: Record<string, string | null>;
  #depth = 0;
  #id: string | undefined;
  #text = '';
  /** A comment or an element ends the value: what follows is not part of it. */
  #isCut = false;

  constructor(found: Record<string, string | null>) {
    this.#found = found;
  }

  open(name: string, attributes: ReadonlyMap<string, string>): void {
    this.#depth += 1;
    if (this.#depth > 2) this.#isCut = true;
    if (this.#depth !== 2) return;
    this.#id = name === 'parameter' ? attributes.get('id') : undefined;
    this.#text = '';
    this.#isCut = false;
  }

  text(text: string): void {
    if (this.#depth === 2 && !this.#isCut) this.#text += text;
  }

  comment(): void {
    this.#isCut = true;
  }

  close(): void {
    this.#depth -= 1;
    if (this.#depth !== 1 || this.#id === undefined) return;
    const text = this.#text === '' ? null : this.#text;
    const former = this.#found[this.#id] ?? null;
    const isBoth = former !== null && text !== null;
    this.#found[this.#id] = isBoth ? `${former} ${text}` : (text ?? former);
    this.#id = undefined;
  }
}
