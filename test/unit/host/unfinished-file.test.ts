import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openOwnedFolder } from '../../../src/host/folder/owned-folder.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'unfinished-'));
});
afterEach(() => rmSync(root, { recursive: true }));

/** Below `var`, as a writer of `a` leaves it that is killed before it renames. */
function leave(): void {
  mkdirSync(join(root, 'var'));
  writeFileSync(join(root, 'var', '.a.slapos-new'), 'half');
  writeFileSync(join(root, 'var', '.b.slapos-new'), 'of another file');
}

it.each([['there'], ['not there']])('goes with its file that is %s', async (kind) => {
  leave();
  if (kind === 'there') writeFileSync(join(root, 'var', 'a'), '');
  await openOwnedFolder(root).remove('var/a');
  expect(readdirSync(join(root, 'var'))).toEqual(['.b.slapos-new']);
});

it('goes with the next write of its file', async () => {
  leave();
  await openOwnedFolder(root, 'var').write('a', 'whole', { mode: 0o600 });
  expect(readdirSync(join(root, 'var')).sort()).toEqual(['.b.slapos-new', 'a']);
});
