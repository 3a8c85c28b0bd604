import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TextBytes } from '../../../../src/collect/daemon/text-bytes.ts';

const piece = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 1e21, 5e-324),
);

it('bytes are those of the text, however it grows', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.array(piece), (capacity, pieces) => {
      const text = new TextBytes(capacity);
      text.appendText('gone');
      text.clear();
      for (const each of pieces) {
        if (typeof each === 'number') text.appendNumber(each);
        else text.appendText(each);
        text.appendLineEnd();
      }
      const wanted = pieces.map((each) => `${each}\n`).join('');
      expect(text.toBytes()).toEqual(Buffer.from(wanted));
    }),
  );
});
