import { expect, test } from 'vitest';
import { parsePartition } from '../../../src/slap/answers.ts';
import { MarshalObject, type MarshalValue } from '../../../src/slap/marshal-value.ts';
import { decodeMarshal } from '../../../src/slap/unmarshal.ts';

test.each<[string, boolean]>([
  ['<int>0</int>', false],
  ['<int>1</int>', true],
  ['<bool>0</bool>', false],
  ['<none/>', false],
  ['<string>1</string>', true],
  // No number, and nothing to make one of.
  ['<dictionary id="i2"/>', true],
  ['<tuple/>', true],
])('a flag of %s', (xml, wanted) => {
  const flag: MarshalValue = decodeMarshal(`<marshal>${xml}</marshal>`);
  const value = new MarshalObject('ComputerPartition', ['C', 'p'], { _need_modification: flag });
  expect(parsePartition(value).needsModification).toBe(wanted);
});
