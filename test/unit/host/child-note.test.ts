import { describe, expect, it } from 'vitest';
import { parseChildNote, renderChildNote } from '../../../src/host/child-note.ts';

const NOTE = { bootId: '01234567-89ab-cdef-0123-456789abcdef', pid: 42, startTicks: 123456 };

describe('parseChildNote', () => {
  it('reads what was written', () => {
    expect(parseChildNote(renderChildNote(NOTE))).toEqual(NOTE);
  });

  it.each([
    '',
    '42 1\n',
    renderChildNote(NOTE).trim(),
    renderChildNote({ ...NOTE, pid: 0 }),
    renderChildNote({ ...NOTE, pid: -1 }),
  ])('takes %j for no note', (text) => {
    expect(parseChildNote(text)).toBeUndefined();
  });
});
