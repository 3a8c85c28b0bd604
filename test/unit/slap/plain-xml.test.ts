/** The quick reader against the thorough one, which a comment at the end of a document calls for. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeMarshal } from '../../../src/slap/marshal.ts';
import { readPlainXml } from '../../../src/slap/plain-xml.ts';
import { decodeMarshal } from '../../../src/slap/unmarshal.ts';
import { marshalValues } from '../../support/marshal-values.ts';

const COMMENT = '<!-- -->';
const silent = { open() {}, text() {}, close() {} };

/** A value, or that it is refused; what the refusals say is the thorough reader's either way. */
function outcome(text: string): unknown {
  try {
    return { value: decodeMarshal(text) };
  } catch (error) {
    return { code: (error as { code?: string }).code };
  }
}

function expectSame(text: string): void {
  expect(outcome(text)).toEqual(outcome(text + COMMENT));
}

/** Every way of one change at one place of a document. */
const PIECES = [
  ...[
    '<',
    '>',
    '/',
    '"',
    "'",
    '&',
    ';',
    '&#65;',
    '&amp;',
    '&lt',
    ']]>',
    '\r',
    '\n',
    ' ',
    '\t',
    '\0',
  ],
  ...['\ud83d\ude00', '\ud83d', '\u0085', '\ufffe', '\u2028', ' id="i2"', ' id="i>"', ' x="1"'],
  ...[
    '<none/>',
    '<NONE/>',
    '<p:none/>',
    '<none />',
    '<!---->',
    '<![CDATA[x]]>',
    '<?x?>',
    '</none>',
  ],
  ...['<?xml version="1.0"?>', '<int>1</int>', '<string>', '</string>', '<!DOCTYPE x>', 'i'],
];

describe('plain XML', () => {
  it('is what marshallers write', () => {
    fc.assert(
      fc.property(marshalValues(), fc.boolean(), (value, isDeclared) => {
        const text = `${isDeclared ? "<?xml version='1.0' encoding='UTF-8'?>\n" : ''}${encodeMarshal(value)}`;
        expectSame(text);
      }),
    );
  });

  it('is read in the quick way', () => {
    const text = encodeMarshal({ a: ['1', 'x & <y>\n', 'é😀'], b: null, c: { d: '' } });
    expect(readPlainXml(text, silent)).toBe(true);
    expect(readPlainXml(`<?xml version='1.0'?>\n${text}\n`, silent)).toBe(true);
  });

  it('is all that the quick way believes', () => {
    const document = encodeMarshal({ key: ['a&b', 7, null, true] });
    fc.assert(
      fc.property(
        fc.constantFrom(...PIECES),
        fc.nat(document.length),
        fc.nat(6),
        (piece, at, dropped) => {
          expectSame(document.slice(0, at) + piece + document.slice(at + dropped));
        },
      ),
      { numRuns: 5000 },
    );
  });

  it.each([
    '',
    '<',
    '<marshal>',
    '</marshal>',
    '<marshal></marshal>',
    '<marshal><none/></marshal><marshal><none/></marshal>',
    '<marshal><none/></marshal>x',
    'x<marshal><none/></marshal>',
    '<marshal><none/></marshal >',
    '<marshal><none/></ marshal>',
    '<marshal/><none/>',
    '<marshal><none/></marshal>&#10;',
    '&#10;<marshal><none/></marshal>',
    '</marshal/>',
    '<?xml vercion="1.0"?><marshal><none/></marshal>',
    '<?xml version="1.0" encoding=""?><marshal><none/></marshal>',
    '<?xml encoding="utf-8"?><marshal><none/></marshal>',
    '<?xml version="1.0" standalone="maybe"?><marshal><none/></marshal>',
    '<marshal><list id="1" id="2"></list></marshal>',
    '<marshal><list id="1"></list id="1"></marshal>',
    '<?xml version="1.0" encoding="latin1"?><marshal><string>é</string></marshal>',
    `<marshal>${'<tuple>'.repeat(400)}${'</tuple>'.repeat(400)}</marshal>`,
  ])('agrees with the thorough reader about %j', (text) => expectSame(text));
});
