import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HashSearch } from '../../../src/prune/hash-search.ts';
import { type ObservedPart, planPrune, sharedRootOf } from '../../../src/prune/plan.ts';

const hash = (number: number) => number.toString(16).padStart(32, '0');
const part = (number: number, ...uses: string[]): ObservedPart => ({
  path: `part/${hash(number)}`,
  hash: hash(number),
  uses: new Set(uses),
});
const paths = (parts: readonly ObservedPart[]) => parts.map(({ path }) => path);

describe('HashSearch', () => {
  const digits = fc.stringMatching(/^[0-9a-f]{16,20}$/);
  const word = fc.oneof(digits, fc.stringMatching(/^[a-z.-]{1,4}$/));
  test('finds exactly what is a substring of a text', () => {
    fc.assert(
      fc.property(
        fc.array(word),
        fc.array(fc.array(fc.oneof(word, fc.string()))),
        (names, lists) => {
          const texts = lists.map((list) => list.join(''));
          const search = new HashSearch(names);
          const found = new Set<string>();
          for (const text of texts) search.scan(text, found);
          for (const name of names) {
            expect(found.has(name)).toBe(texts.some((text) => text.includes(name)));
          }
        },
      ),
    );
  });
});

describe('planPrune', () => {
  const nothing = new Set<string>();
  test('keeps what software names, and what that was built with', () => {
    const parts = [part(1, hash(2)), part(2, hash(3)), part(3), part(4)];
    expect(paths(planPrune(parts, new Set([hash(1)])))).toEqual(paths([part(4)]));
  });
  test('deletes a chain from its end, in rounds', () => {
    const parts = [part(3), part(2, hash(3)), part(1, hash(2))];
    expect(paths(planPrune(parts, nothing))).toEqual(paths([part(1), part(2), part(3)]));
  });
  test('keeps a part that names itself', () => {
    expect(planPrune([part(1, hash(1))], nothing)).toEqual([]);
  });
  test('has nothing left to do the second time', () => {
    const parts = fc.array(
      fc.record({ number: fc.nat(20), names: fc.array(fc.nat(20), { maxLength: 3 }) }),
    );
    fc.assert(
      fc.property(parts, fc.nat(20), (list, used) => {
        const all = list.map(({ number, names }) => part(number, ...names.map(hash)));
        const isUsed = new Set([hash(used)]);
        const gone = new Set(planPrune(all, isUsed));
        const stay = all.filter((one) => !gone.has(one));
        expect(planPrune(stay, isUsed)).toEqual([]);
        expect(all.filter((one) => isUsed.has(one.hash)).every((one) => !gone.has(one))).toBe(true);
      }),
    );
  });
});

test.each([
  [undefined, undefined],
  ['', undefined],
  ['/one', '/one'],
  ['\n  /one\n  /two  \n', '/two'],
])('sharedRootOf(%j) is %s', (list, root) => {
  expect(sharedRootOf(list)).toBe(root);
});
