import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makePrivateFolder } from '../../../../src/host/folder/private-folder.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-private-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const modeOf = (path: string) => statSync(path).mode & 0o777;

test('is made with those above it, and left as it is', () => {
  const path = join(folder, 'a/b/c');
  makePrivateFolder(path, 'h');
  expect([path, join(folder, 'a')].map(modeOf)).toEqual([0o700, 0o700]);
  chmodSync(path, 0o750);
  makePrivateFolder(path, 'h');
  expect(modeOf(path)).toBe(0o750);
  symlinkSync(path, join(folder, 'link'));
  makePrivateFolder(join(folder, 'link/d'), 'h');
  expect(modeOf(join(path, 'd'))).toBe(0o700);
});

test.each([
  ['below a file', 'file/x/y', 'ENOTDIR'],
  ['a file', 'file', 'EEXIST'],
  ['below a link to nothing', 'dangling/x/y', 'EEXIST'],
  ['where the kernel makes none', '/proc/x/y', 'ENOENT'],
])('%s', (_what, path, code) => {
  writeFileSync(join(folder, 'file'), '');
  symlinkSync('nothing', join(folder, 'dangling'));
  expect(() => makePrivateFolder(path.startsWith('/') ? path : join(folder, path), 'h')).toThrow(
    expect.objectContaining({
      code: 'SLAPOS_ERR_FILE',
      message: expect.stringContaining(code),
      hint: 'h',
    }),
  );
});
