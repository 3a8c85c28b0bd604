import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGridHost } from '../../../../src/host/create-grid-host.ts';
import { partitionNoteFile } from '../../../../src/host/grid-host.ts';
import {
  noteChild,
  parseChildNote,
  renderChildNote,
} from '../../../../src/host/keeper/child-note.ts';
import { tryLock } from '../../../../src/host/lock.ts';

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

describe('a note that cannot be opened', () => {
  let root: string;
  let note: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'child-note-'));
    note = partitionNoteFile(root, 'slappart0');
    // A folder in its place is neither read, written nor removed: EISDIR, whoever asks.
    mkdirSync(note, { recursive: true });
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it('gives the lock of the partition back to whoever wants it next', async () => {
    const locked = createGridHost().lockPartition(root, 'slappart0', () => {});
    await expect(locked).rejects.toThrow(/slappart0\.child: EISDIR/);
    const { lock } = tryLock(note.replace(/child$/, 'lock'));
    expect(lock).toBeDefined();
    lock?.release();
  });

  it('does not keep its child from being waited for', () => {
    expect(() => noteChild(note, process.pid)).not.toThrow();
  });
});
