import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeInstanceXml, encodeInstanceXml } from '../../../src/slap/instance-xml.ts';
import { xmlTexts } from '../../support/marshal-values.ts';

const DECLARATION = "<?xml version='1.0' encoding='utf-8'?>\n";

test('no parameter', () => {
  expect(encodeInstanceXml({})).toBe(`${DECLARATION}<instance/>\n`);
});

test('values become the text that Python gives them, keys are sorted', () => {
  expect(encodeInstanceXml({ c: ['one', 2], b: true, a: null, 'é"<': 'é & \r<>\n' })).toBe(
    `${DECLARATION}<instance>
  <parameter id="a">None</parameter>
  <parameter id="b">True</parameter>
  <parameter id="c">['one', 2]</parameter>
  <parameter id="é&quot;&lt;">é &amp; &#13;&lt;&gt;
</parameter>
</instance>
`,
  );
});

test('an empty string is read back as null', () => {
  const text = encodeInstanceXml({ k: '' });
  expect(text).toContain('<parameter id="k"></parameter>');
  expect(decodeInstanceXml(text)).toEqual({ k: null });
});

test.each([null, undefined, ''])('nothing at all: %j', (text) => {
  expect(decodeInstanceXml(text)).toEqual({});
});

test.each<[string, Record<string, string | null>]>([
  ['<parameter id="a">x</parameter><parameter id="a">y</parameter>', { a: 'x y' }],
  ['<parameter id="a"/><parameter id="a">y</parameter>', { a: 'y' }],
  ['<parameter id="a">x</parameter><parameter id="a"/>', { a: 'x' }],
  ['<parameter>x</parameter>', {}],
  ['<other id="a">x</other>', {}],
  ['<group><parameter id="a">x</parameter></group>', {}],
  ['<parameter id="a">x<!-- c -->y</parameter>', { a: 'x' }],
  ['<parameter id="a">x<b>y</b>z</parameter>', { a: 'x' }],
  ['<parameter id="a"><![CDATA[<x>]]></parameter>', { a: '<x>' }],
  ['<parameter id="__proto__">x</parameter>', { ['__proto__']: 'x' }],
])('%s', (inner, expected) => {
  expect({ ...decodeInstanceXml(`<whatever>${inner}</whatever>`) }).toEqual({ ...expected });
});

test.each(['<instance>', 'text', '<!DOCTYPE x><instance/>'])('refuses %s', (text) => {
  expect(() => decodeInstanceXml(text)).toThrow(
    expect.objectContaining({ code: 'SLAPOS_ERR_SLAP_XML' }),
  );
});

test('what is written is read back, empty strings apart', () => {
  fc.assert(
    fc.property(fc.dictionary(xmlTexts(), xmlTexts()), (parameters) => {
      const read = decodeInstanceXml(encodeInstanceXml(parameters));
      const expected = Object.entries(parameters).map(([key, value]) => [key, value || null]);
      expect(Object.entries(read).sort()).toEqual(expected.sort());
    }),
  );
});
