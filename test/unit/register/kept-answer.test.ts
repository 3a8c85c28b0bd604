import { expect, test } from 'vitest';
import { decodeNote, encodeNote } from '../../../src/register/kept-answer.ts';

test.each([
  ['-0', 0],
  ['17', 17],
  ['1e999', undefined],
  ['1.5', undefined],
])('a note of a request at %s', (text, sentAtMs) => {
  const note = decodeNote(`{"nodeName": "n", "site": "https://s/", "sentAtMs": ${text}}`);
  expect(note?.sentAtMs).toBe(sentAtMs);
  if (note !== undefined) expect(decodeNote(encodeNote(note))).toEqual(note);
});
