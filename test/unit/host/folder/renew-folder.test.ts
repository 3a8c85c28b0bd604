import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { renewalName, renewFolder } from '../../../../src/host/folder/renew-folder.ts';

let root: string;
let path: string;
let fresh: string;
let warnings: string[];
const keep = (name: string) => ({ name, warn: (text: string) => void warnings.push(text) });

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slapos-renew-'));
  path = join(root, 'slappart0');
  warnings = [];
  fresh = join(root, renewalName('slappart0'));
  mkdirSync(path, { mode: 0o750 });
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

function write(folder: string, name: string, text: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), text, { mode: 0o640 });
}

function expectRenewed(inode: number, names: readonly string[]): void {
  expect(statSync(path).ino).not.toBe(inode);
  expect(statSync(path).mode & 0o7777).toBe(0o750);
  expect(readdirSync(path)).toEqual(names);
  expect(existsSync(fresh)).toBe(false);
}

test('an empty folder becomes another one of the same mode', async () => {
  const { ino } = statSync(path);
  expect(await renewFolder(path)).toBe(true);
  expectRenewed(ino, []);
  expect(await renewFolder(path, keep('none'))).toBe(true);
});

test('a file that is to stay is copied', async () => {
  write(path, 'kept', 'text');
  const before = [statSync(path).ino, statSync(join(path, 'kept')).ino];
  expect(await renewFolder(path, keep('kept'))).toBe(true);
  expectRenewed(before[0] ?? 0, ['kept']);
  const status = statSync(join(path, 'kept'));
  expect([status.mode & 0o777, status.ino === before[1]]).toEqual([0o640, false]);
  expect(readFileSync(join(path, 'kept'), 'utf8')).toBe('text');
});

test('bits of its mode that give its owner to others are not copied', async () => {
  write(path, 'kept', 'text');
  chmodSync(join(path, 'kept'), 0o6755);
  expect(await renewFolder(path, keep('kept'))).toBe(true);
  expect(statSync(join(path, 'kept')).mode & 0o7777).toBe(0o755);
});

test.each([
  ['when the new folder was begun', () => write(fresh, 'half', ''), true],
  ['when both had the file', () => write(fresh, 'kept', 'text'), true],
  ['when the file had moved', () => write(fresh, 'kept', 'text'), false],
])('one that was killed is done again: %s', async (_, leave, isStillThere) => {
  if (isStillThere) write(path, 'kept', 'text');
  leave();
  const { ino } = statSync(path);
  expect(await renewFolder(path, keep('kept'))).toBe(true);
  expectRenewed(ino, ['kept']);
  expect(readFileSync(join(path, 'kept'), 'utf8')).toBe('text');
});

test('what a killed run left is removed without names, however deep it is', async () => {
  write(join(root, 'deep'), 'last', '');
  // Each is put into the next one: the whole path is longer than any call takes (PATH_MAX).
  for (let level = 0; level < 30; level += 1) {
    mkdirSync(fresh);
    renameSync(join(root, 'deep'), join(fresh, 'x'.repeat(200)));
    renameSync(fresh, join(root, 'deep'));
  }
  renameSync(join(root, 'deep'), fresh);
  const { ino } = statSync(path);
  expect(await renewFolder(path)).toBe(true);
  expectRenewed(ino, []);
});

test.each([
  ['too large', () => write(path, 'kept', 'x'.repeat(2 * 1024 * 1024)), /kept is too large\./],
  [
    'of another name too',
    () => {
      write(path, 'kept', 'text');
      linkSync(join(path, 'kept'), join(root, 'outside'));
    },
    /kept: it has another name\./,
  ],
  ['a link', () => symlinkSync('/etc/passwd', join(path, 'kept')), /kept: ELOOP, /],
])('a file that is to stay goes with a warning where it is %s', async (_, plant, why) => {
  plant();
  const { ino } = statSync(path);
  expect(await renewFolder(path, keep('kept'))).toBe(true);
  expectRenewed(ino, []);
  expect(warnings).toEqual([expect.stringMatching(why)]);
});

test('the reason is told where the folder cannot be replaced', async () => {
  rmSync(path, { recursive: true });
  write(root, 'slappart0', 'a file');
  await expect(renewFolder(path)).rejects.toThrow(/slappart0 by a new folder: ENOTDIR\.$/);
});

test('it stays where its user may not write beside it', async () => {
  write(path, 'kept', 'text');
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) for (const each of [root, path, join(path, 'kept')]) chownSync(each, 65_534, 65_534);
  chmodSync(root, 0o555);
  try {
    if (isRoot) process.seteuid?.(65_534);
    expect(await renewFolder(path, keep('kept'))).toBe(false);
  } finally {
    if (isRoot) process.seteuid?.(0);
    chmodSync(root, 0o755);
  }
  expect(readFileSync(join(path, 'kept'), 'utf8')).toBe('text');
});

test('what somebody puts into it meanwhile is an error, and is lost by nobody', async () => {
  write(path, 'kept', 'text');
  write(path, 'planted', '');
  await expect(renewFolder(path, keep('kept'))).rejects.toMatchObject({ code: 'SLAPOS_ERR_FILE' });
  rmSync(join(path, 'planted'));
  expect(await renewFolder(path, keep('kept'))).toBe(true);
  expect(readFileSync(join(path, 'kept'), 'utf8')).toBe('text');
});
