import fc from 'fast-check';
import { MarshalFloat, MarshalTuple, type MarshalValue } from '../../src/slap/marshal-value.ts';

/** Code point ranges of the samples, old enough that every Unicode table agrees on them. */
const RANGES = [
  [0x20, 0x7e],
  [0xa0, 0x17f],
  [0x2000, 0x202f],
  [0x4e00, 0x9fa5],
  [0xe000, 0xe00f],
  [0xfff9, 0xfffd],
  [0x1f300, 0x1f5ff],
  [0x20000, 0x2a6d6],
  [0xf0000, 0xf000f],
] as const;

/** Text that XML 1.0 can carry. */
export function xmlTexts(): fc.Arbitrary<string> {
  const characters = fc.oneof(
    fc.constantFrom('&', '<', '>', '"', "'", ' ', '\n', '\t', '\r', '\\', '\u0085', '\u2028'),
    ...RANGES.map(([min, max]) => {
      return fc.integer({ min, max }).map((code) => String.fromCodePoint(code));
    }),
  );
  return fc.array(characters, { maxLength: 20 }).map((parts) => parts.join(''));
}

/** Any value that SLAP can carry, without shared containers. */
export function marshalValues(): fc.Arbitrary<MarshalValue> {
  const scalars: fc.Arbitrary<MarshalValue> = fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.bigInt().filter((value) => !Number.isSafeInteger(Number(value))),
    fc.double({ noNaN: true }).map((value) => new MarshalFloat(value)),
    xmlTexts(),
  );
  return fc.letrec<{ value: MarshalValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      scalars,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.array(tie('value'), { maxLength: 4 }).map((items) => new MarshalTuple(items)),
      fc.dictionary(xmlTexts(), tie('value'), { maxKeys: 4 }),
    ),
  })).value;
}
