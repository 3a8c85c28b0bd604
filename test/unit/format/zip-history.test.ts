import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { appendZipEntry, historyStamp } from '../../../src/format/zip-history.ts';

const folder = mkdtempSync(join(tmpdir(), 'zip-history-'));
afterAll(() => rmSync(folder, { recursive: true }));

const WHEN = new Date(2026, 10, 21, 2, 8, 31);

function archiveOf(...contents: readonly string[]): Buffer {
  let archive: Buffer | undefined;
  for (const [index, content] of contents.entries()) {
    archive = appendZipEntry(archive, { name: `entry.${index}`, content, modified: WHEN });
  }
  return archive as Buffer;
}

function hasPython(): boolean {
  try {
    execFileSync('python3', ['-c', 'import zipfile']);
    return true;
  } catch {
    return false;
  }
}

describe('the history archive', () => {
  it('holds the deflated contents', () => {
    const content = 'x'.repeat(1000);
    const archive = archiveOf(content);
    expect(archive.length).toBeLessThan(300);
    const deflatedBytes = archive.readUInt32LE(18);
    const start = 30 + archive.readUInt16LE(26);
    expect(inflateRawSync(archive.subarray(start, start + deflatedBytes)).toString()).toBe(content);
  });

  it.skipIf(!hasPython())('is read back by an independent reader', () => {
    const path = join(folder, 'history.zip');
    writeFileSync(path, archiveOf('first', 'sécond', ''));
    const script = [
      'import json, sys, zipfile',
      'z = zipfile.ZipFile(sys.argv[1])',
      'assert z.testzip() is None',
      'print(json.dumps([[i.filename, z.read(i).decode(), list(i.date_time)] for i in z.infolist()]))',
    ].join('\n');
    const entries = JSON.parse(execFileSync('python3', ['-c', script, path]).toString());
    const modified = [2026, 11, 21, 2, 8, 30];
    expect(entries).toEqual([
      ['entry.0', 'first', modified],
      ['entry.1', 'sécond', modified],
      ['entry.2', '', modified],
    ]);
  });

  it.skipIf(!hasPython())('goes on with an archive that another program began', () => {
    const path = join(folder, 'other.zip');
    const script =
      'import sys, zipfile\n' +
      'z = zipfile.ZipFile(sys.argv[1], "a", zipfile.ZIP_DEFLATED)\n' +
      'z.comment = b"kept by nobody"\nz.writestr("old", "former")\nz.close()';
    execFileSync('python3', ['-c', script, path]);
    const read = 'import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).namelist())';
    const fs = execFileSync('cat', [path]);
    writeFileSync(path, appendZipEntry(fs, { name: 'new', content: 'n', modified: WHEN }));
    expect(execFileSync('python3', ['-c', read, path]).toString().trim()).toBe("['old', 'new']");
  });

  it.each([
    ['nothing', ''],
    ['text', 'this is no archive at all, whatever its name says'],
    ['a directory that lies elsewhere', `PK\x05\x06${'\x01'.repeat(18)}`],
  ])('refuses %s', (_name, content) => {
    const entry = { name: 'x', content: 'x', modified: WHEN };
    expect(() => appendZipEntry(Buffer.from(content, 'latin1'), entry)).toThrow(RangeError);
  });

  it('stamps its entries in local time', () => {
    expect(historyStamp(WHEN)).toBe('20261121-02:08');
  });
});
