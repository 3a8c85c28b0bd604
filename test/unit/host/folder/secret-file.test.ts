/** Secrets in files, and the files that somebody else put in their place. */
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readOrCreateSecret } from '../../../../src/host/folder/secret-file.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-secret-'));
  path = join(folder, 'token');
});
afterEach(() => rmSync(folder, { recursive: true }));

const never = () => {
  throw new Error('it was made again');
};

test('is made once, for its owner only', () => {
  const umask = process.umask(0);
  try {
    expect(readOrCreateSecret(path, () => 'secret')).toBe('secret');
  } finally {
    process.umask(umask);
  }
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(path, 'utf8')).toBe('secret\n');
  expect(readOrCreateSecret(path, never)).toBe('secret');
});

test('of somebody else is none', () => {
  writeFileSync(path, 'known', { mode: 0o600 });
  // Root gives it away; others are somebody else themselves.
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) chownSync(path, 12_345, 12_345);
  const geteuid = vi.spyOn(process, 'geteuid').mockReturnValue(54_321);
  try {
    expect(() => readOrCreateSecret(path, never)).toThrow(/is owned by uid/);
  } finally {
    geteuid.mockRestore();
  }
});

test.each([
  ['a link', () => symlinkSync(join(folder, 'other'), path), 'symbolic link'],
  [
    'a link to a secret',
    () => {
      writeFileSync(join(folder, 'other'), 'known', { mode: 0o600 });
      symlinkSync(join(folder, 'other'), path);
    },
    'symbolic link',
  ],
  ['a folder', () => mkdirSync(path), 'no regular file'],
  [
    'a file that others read',
    () => {
      writeFileSync(path, 'known');
      chmodSync(path, 0o640);
    },
    'others may read',
  ],
  [
    'a file with another name',
    () => {
      writeFileSync(path, 'known', { mode: 0o600 });
      linkSync(path, join(folder, 'other'));
    },
    'another name',
  ],
])('%s is none', (_, make, reason) => {
  make();
  expect(() => readOrCreateSecret(path, never)).toThrow(
    expect.objectContaining({
      code: 'SLAPOS_ERR_UNSAFE_PATH',
      message: expect.stringContaining(reason),
      hint: `Remove ${path}: a new one is made at the next start.`,
    }),
  );
  expect(
    existsSync(join(folder, 'other')) && readFileSync(join(folder, 'other'), 'utf8') !== 'known',
  ).toBe(false);
});

test('a folder that is not there is told', () => {
  expect(() => readOrCreateSecret(join(folder, 'none', 'token'), () => 'secret')).toThrow(
    expect.objectContaining({ code: 'SLAPOS_ERR_FILE' }),
  );
});
