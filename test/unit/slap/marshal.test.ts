import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeMarshal } from '../../../src/slap/marshal.ts';
import {
  MarshalFloat,
  MarshalObject,
  MarshalTuple,
  type MarshalValue,
} from '../../../src/slap/marshal-value.ts';
import { decodeMarshal } from '../../../src/slap/unmarshal.ts';
import { marshalValues } from '../../support/marshal-values.ts';

function marshal(inner: string): string {
  return `<marshal>${inner}</marshal>`;
}

describe('the writer', () => {
  const big = 10n ** 24n;
  const cases: Array<[string, MarshalValue, string]> = [
    [
      'sorted keys, ids in document order',
      { b: 1, a: [] },
      '<dictionary id="i2"><string>a</string><list id="i3"/><string>b</string><int>1</int></dictionary>',
    ],
    ['text escaped twice', 'a & <b>', '<string>a &amp;amp; &amp;lt;b&amp;gt;</string>'],
    ['non-ASCII and CR as references', 'é🎉\r\n', '<string>&#233;&#127881;&#13;\n</string>'],
    ['quotes and tab stay', `'"\t`, `<string>'"\t</string>`],
    ['empty string', '', '<string></string>'],
    ['none', null, '<none/>'],
    ['booleans', [true, false], '<list id="i2"><bool>1</bool><bool>0</bool></list>'],
    ['empty tuple', new MarshalTuple([]), '<tuple/>'],
    ['empty dictionary', {}, '<dictionary id="i2"/>'],
    ['int below 10^24', big / 10n, `<int>${big / 10n}</int>`],
    ['long from 10^24', big, `<long>${big}</long>`],
    ['long from -10^24', -big, `<long>-${big}</long>`],
    ['minus zero', -0, '<int>0</int>'],
    ['float', new MarshalFloat(1), '<float>1.0</float>'],
    ['number with a fraction', 0.1, '<float>0.1</float>'],
    ['small float', new MarshalFloat(1e-7), '<float>1e-07</float>'],
    ['large float', new MarshalFloat(1e16), '<float>1e+16</float>'],
    ['infinity', new MarshalFloat(Number.POSITIVE_INFINITY), '<float>inf</float>'],
    ['not a number', new MarshalFloat(Number.NaN), '<float>nan</float>'],
    [
      'keys of several types by repr',
      new Map<string | number, MarshalValue>([
        [1, 'x'],
        ['a', 2],
      ]),
      '<dictionary id="i2"><string>a</string><int>2</int><int>1</int><string>x</string></dictionary>',
    ],
    [
      'keys by code point, not by UTF-16 unit',
      { '\u{10000}': 1, '\uff00': 2 },
      '<dictionary id="i2"><string>&#65280;</string><int>2</int><string>&#65536;</string><int>1</int></dictionary>',
    ],
    [
      'an object takes its id before its children',
      new MarshalObject('SoftwareRelease', ['u', 'c'], { _list: [] }),
      '<object id="i2" module="slapos.slap.slap" class="SoftwareRelease">' +
        '<tuple><string>u</string><string>c</string></tuple>' +
        '<dictionary id="i3"><string>_list</string><list id="i4"/></dictionary></object>',
    ],
  ];
  test.each(cases)('%s', (_name, value, expected) => {
    expect(encodeMarshal(value)).toBe(marshal(expected));
  });

  test('the same container again is a reference', () => {
    const shared = ['x'];
    expect(encodeMarshal({ a: shared, b: shared })).toBe(
      marshal(
        '<dictionary id="i2"><string>a</string><list id="i3"><string>x</string></list>' +
          '<string>b</string><reference id="i3"/></dictionary>',
      ),
    );
  });

  test('equal containers are not references', () => {
    expect(encodeMarshal([[], []])).toBe(
      marshal('<list id="i2"><list id="i3"/><list id="i4"/></list>'),
    );
  });

  test.each(['\u0001', '\ud800', '\ufffe', 'x\uffff', '\u000b'])('refuses %j', (text) => {
    expect(() => encodeMarshal(text)).toThrow(/which XML cannot carry/);
  });

  test('indented form of slapos.xml', () => {
    expect(encodeMarshal({ a: '', b: [new MarshalTuple([1])], c: null }, { indent: true })).toBe(
      `<marshal>
  <dictionary id="i2">
    <string>a</string>
    <string/>
    <string>b</string>
    <list id="i3">
      <tuple>
        <int>1</int>
      </tuple>
    </list>
    <string>c</string>
    <none/>
  </dictionary>
</marshal>
`,
    );
  });
});

describe('the reader', () => {
  test.each<[string, string, MarshalValue]>([
    ['singly escaped text', '<string>a &amp; b</string>', 'a & b'],
    ['doubly escaped text', '<string>a &amp;amp; b</string>', 'a & b'],
    ['each of the three sequences', '<string>&amp;lt;&amp;gt;&amp;amp;</string>', '<>&'],
    ['an escaped entity name', '<string>&amp;amp;lt;</string>', '&lt;'],
    ['unicode', '<unicode>é</unicode>', 'é'],
    ['CDATA', '<string><![CDATA[<x>]]></string>', '<x>'],
    ['blanks in a string', '<string> x </string>', ' x '],
    ['int with blanks', '<int> 12 </int>', 12],
    ['large int', '<int>123456789012345678901</int>', 123456789012345678901n],
    ['small long', '<long>5</long>', 5],
    ['bool other than 1', '<bool>2</bool>', true],
    ['negative infinity', '<float>-inf</float>', new MarshalFloat(Number.NEGATIVE_INFINITY)],
    ['comments between', '<list id="i2"><!-- x --><none/></list>', [null]],
  ])('%s', (_name, inner, expected) => {
    expect(decodeMarshal(marshal(inner))).toEqual(expected);
  });

  test('elements in a namespace', () => {
    const text =
      "<marshal:marshal xmlns:marshal='http://www.erp5.org/namespaces/marshaller'>" +
      '<marshal:unicode>é</marshal:unicode></marshal:marshal>';
    expect(decodeMarshal(Buffer.from(text))).toBe('é');
  });

  test('an indented tuple', () => {
    const text = marshal(
      '\n<tuple>\n <float> 1.0 </float>\n <string>abc</string>\n <list id="i2"/></tuple>\n',
    );
    expect(decodeMarshal(text)).toEqual(new MarshalTuple([new MarshalFloat(1), 'abc', []]));
  });

  test('a declared encoding and a byte order mark', () => {
    const latin = Buffer.from(
      '<?xml version="1.0" encoding="ISO-8859-1"?><marshal><string>é</string></marshal>',
      'latin1',
    );
    expect(decodeMarshal(latin)).toBe('é');
    const wide = Buffer.from(`\ufeff${marshal('<string>é</string>')}`, 'utf16le');
    expect(decodeMarshal(wide)).toBe('é');
  });

  test('references and cycles keep identity', () => {
    const list = decodeMarshal(
      marshal('<list id="i2"><list id="i3"/><reference id="i3"/><reference id="i2"/></list>'),
    ) as MarshalValue[];
    expect(list[0]).toBe(list[1]);
    expect(list[2]).toBe(list);
  });

  test('an object without attributes as Python 3.11 writes it', () => {
    const text =
      '<object id="i2" module="slapos.slap.slap" class="Computer"><tuple/><none/></object>';
    expect(decodeMarshal(marshal(text))).toEqual(new MarshalObject('Computer', [], {}));
  });

  test('a key named __proto__ is only a key', () => {
    const text =
      '<dictionary id="i2"><string>__proto__</string><dictionary id="i3"><string>x</string><int>1</int></dictionary></dictionary>';
    const value = decodeMarshal(marshal(text)) as Record<string, MarshalValue>;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(value['x']).toBeUndefined();
  });

  test.each<[string, string, RegExp]>([
    [
      'a foreign class',
      marshal('<object id="i2" module="os" class="system"><tuple/><dictionary id="i3"/></object>'),
      /Refusing to unmarshall os\.system/,
    ],
    [
      'a foreign class of our module',
      marshal('<object id="i2" module="slapos.slap.slap" class="slap"><tuple/><none/></object>'),
      /Refusing to unmarshall/,
    ],
    ['code', marshal('<code>x</code>'), /unknown element <code>/],
    ['prototype names', marshal('<constructor/>'), /unknown element/],
    ['another root', '<none/>', /misplaced <none>/],
    ['no value', '<marshal/>', /holds 0 values/],
    ['two values', marshal('<none/><none/>'), /holds 2 values/],
    [
      'a key without value',
      marshal('<dictionary id="i2"><string>a</string></dictionary>'),
      /key without a value/,
    ],
    [
      'a container key',
      marshal('<dictionary id="i2"><list id="i3"/><none/></dictionary>'),
      /container as a key/,
    ],
    ['an unknown reference', marshal('<reference id="i9"/>'), /unknown id "i9"/],
    ['text in a container', marshal('x<none/>'), /text directly inside/],
    ['an element in a scalar', marshal('<string><none/></string>'), /inside <string>/],
    ['a bad int', marshal('<int>1.5</int>'), /<int> holds "1\.5"/],
    ['an endless int', marshal(`<int>${'1'.repeat(500)}</int>`), /<int> holds/],
    ['a bad float', marshal('<float>one</float>'), /<float> holds/],
    ['a bad bool', marshal('<bool>yes</bool>'), /<bool> holds/],
    [
      'a DTD',
      '<!DOCTYPE marshal [<!ENTITY x "y">]><marshal><string>&x;</string></marshal>',
      /document type declaration/,
    ],
    ['an unknown entity', marshal('<string>&x;</string>'), /not valid XML/],
    ['broken XML', '<marshal><string>', /not valid XML/],
    ['nothing', '', /not valid XML/],
    ['endless nesting', `<marshal>${'<tuple>'.repeat(100_000)}`, /nested more than/],
  ])('refuses %s', (_name, text, reason) => {
    expect(() => decodeMarshal(text)).toThrow(reason);
    expect(() => decodeMarshal(text)).toThrow(
      expect.objectContaining({ code: 'SLAPOS_ERR_SLAP_XML' }),
    );
  });

  test('refuses bytes that are not what the declaration says', () => {
    expect(() => decodeMarshal(Buffer.from([0x3c, 0xff, 0xfe]))).toThrow(/not valid XML/);
  });
});

test('what is written is read back', () => {
  fc.assert(
    fc.property(marshalValues(), (value) => {
      expect(decodeMarshal(encodeMarshal(value))).toEqual(value);
      expect(decodeMarshal(encodeMarshal(value, { indent: true }))).toEqual(value);
    }),
    { numRuns: 500 },
  );
});

test('the reader never fails in another way than by its own error', () => {
  const fragments = fc.constantFrom(
    '<marshal>',
    '</marshal>',
    '<list id="i2">',
    '</list>',
    '<reference id="i2"/>',
    '<int>',
    '1',
    '</int>',
    '<dictionary id="i3">',
    '</dictionary>',
    '<string>',
    'x',
    '</string>',
    '<none/>',
    '<tuple>',
    '</tuple>',
    '<object id="i4" module="slapos.slap.slap" class="Computer">',
    '</object>',
    '&amp;',
    '&#0;',
    '<!--',
    '-->',
  );
  fc.assert(
    fc.property(fc.array(fragments, { maxLength: 14 }), (parts) => {
      try {
        decodeMarshal(parts.join(''));
      } catch (error) {
        expect((error as { code?: string }).code).toBe('SLAPOS_ERR_SLAP_XML');
      }
    }),
    { numRuns: 2000 },
  );
});
