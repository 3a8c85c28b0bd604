import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { renewalName, renewFolder } from '../../../src/host/renew-folder.ts';

let root: string;
let path: string;
let fresh: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slapos-renew-'));
  path = join(root, 'slappart0');
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
  expect(await renewFolder(path, 'none')).toBe(true);
});

test('a file that is to stay is copied', async () => {
  write(path, 'kept', 'text');
  const before = [statSync(path).ino, statSync(join(path, 'kept')).ino];
  expect(await renewFolder(path, 'kept')).toBe(true);
  expectRenewed(before[0] ?? 0, ['kept']);
  const status = statSync(join(path, 'kept'));
  expect([status.mode & 0o777, status.ino === before[1]]).toEqual([0o640, false]);
  expect(readFileSync(join(path, 'kept'), 'utf8')).toBe('text');
});

test.each([
  ['when the new folder was begun', () => write(fresh, 'half', ''), true],
  ['when both had the file', () => write(fresh, 'kept', 'text'), true],
  ['when the file had moved', () => write(fresh, 'kept', 'text'), false],
])('one that was killed is done again: %s', async (_, leave, isStillThere) => {
  if (isStillThere) write(path, 'kept', 'text');
  leave();
  const { ino } = statSync(path);
  expect(await renewFolder(path, 'kept')).toBe(true);
  expectRenewed(ino, ['kept']);
  expect(readFileSync(join(path, 'kept'), 'utf8')).toBe('text');
});

test('what somebody puts into it meanwhile is an error, and is lost by nobody', async () => {
  write(path, 'kept', 'text');
  write(path, 'planted', '');
  await expect(renewFolder(path, 'kept')).rejects.toMatchObject({ code: 'SLAPOS_ERR_FILE' });
  rmSync(join(path, 'planted'));
  expect(await renewFolder(path, 'kept')).toBe(true);
  expect(readFileSync(join(path, 'kept'), 'utf8')).toBe('text');
});
