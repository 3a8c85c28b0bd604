import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeStateLines } from '../../../src/format/state-lines.ts';
import { encodeMarshal } from '../../../src/slap/marshal.ts';
import { decodeMarshal } from '../../../src/slap/unmarshal.ts';
import { marshalValues } from '../../support/marshal-values.ts';

const text = fc.string({ unit: fc.constantFrom(...'ab/:. &<>é\n\t1'), maxLength: 8 });
const { state } = fc.letrec((tie) => ({
  state: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.boolean(),
    fc.constant(null),
    fc.integer(),
    fc.array(tie('state'), { maxLength: 4 }),
    fc.dictionary(text, tie('state'), { maxKeys: 4 }),
  ),
}));

describe('the fast reader of slapos.xml', () => {
  it('reads what the general reader reads, or gives up', () => {
    let read = 0;
    fc.assert(
      fc.property(state as fc.Arbitrary<Parameters<typeof encodeMarshal>[0]>, (value) => {
        const document = encodeMarshal(value, { indent: true });
        const fast = decodeStateLines(document);
        if (fast === undefined) return;
        read += 1;
        expect(fast).toEqual(decodeMarshal(document));
      }),
      { numRuns: 1000 },
    );
    expect(read).toBeGreaterThan(300);
  });

  it('gives up on every other kind of value rather than misread it', () => {
    fc.assert(
      fc.property(marshalValues(), (value) => {
        for (const indent of [true, false]) {
          const document = encodeMarshal(value, { indent });
          const fast = decodeStateLines(document);
          if (fast !== undefined) expect(fast).toEqual(decodeMarshal(document));
        }
      }),
    );
  });

  it.each([
    ['', 'nothing'],
    ['<list id="i1"/>\n', 'a value without a root'],
    ['<marshal>\n<none/>\n', 'a root without an end'],
    ['<marshal>\n<none/>\n</marshal>\n</marshal>\n', 'two ends'],
    ['<marshal>\n', 'no value'],
    ['<marshal>\n<list id="i2">\n</dictionary>\n</marshal>\n', 'a wrong end'],
    [
      '<marshal>\n<dictionary id="i2">\n<string>a</string>\n</dictionary>\n</marshal>',
      'a lone key',
    ],
    ['<marshal>\n<string>a\nb</string>\n</marshal>\n', 'a text of two lines'],
    ['<marshal>\n<string>a\rb</string>\n</marshal>\n', 'what XML makes the end of a line'],
    ['<marshal>\n<none/>\n<none/>\n</marshal>\n', 'two values'],
  ])('gives up on %j: %s', (document) => {
    expect(decodeStateLines(document)).toBeUndefined();
  });
});
