import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listFolderOwners } from '../../../../src/host/folder/folder-owners.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-owners-'));
  chmodSync(folder, 0o755);
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the owners of folders', () => {
  it('are told by name, without files and links', () => {
    const root = join(folder, 'instance');
    mkdirSync(join(root, 'slappart0'), { recursive: true });
    writeFileSync(join(root, 'slappart1'), '');
    symlinkSync('/', join(root, 'slappart2'));
    chmodSync(root, 0o755);
    const uid = process.geteuid?.() ?? 0;
    expect([...listFolderOwners(root)]).toEqual([['slappart0', uid]]);
    symlinkSync(root, join(folder, 'link'));
    expect([...listFolderOwners(join(folder, 'link'))]).toEqual([['slappart0', uid]]);
  });

  it('are none where there is no folder', () => {
    expect(listFolderOwners(join(folder, 'missing')).size).toBe(0);
  });

  it.each([0o775, 0o757, 0o1777])('mean nothing where others may make folders: %o', (mode) => {
    chmodSync(folder, mode);
    expect(() => listFolderOwners(folder)).toThrow(
      expect.objectContaining({ code: 'SLAPOS_ERR_UNSAFE_PATH' }),
    );
  });
});
