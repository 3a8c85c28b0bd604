import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lookBeneath } from '../../../../src/host/folder/look.ts';

describe('many looks in one go', () => {
  let root = '';
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'slapos-look-'));
    mkdirSync(join(root, 'a/etc'), { recursive: true });
    writeFileSync(join(root, 'a/text'), 'é\xff');
    writeFileSync(join(root, 'a/long'), Buffer.alloc(128 * 1024 + 1));
    writeFileSync(join(root, 'a/etc/program'), '');
    chmodSync(join(root, 'a/etc/program'), 0o4751);
    symlinkSync('/etc/passwd', join(root, 'a/link'));
    symlinkSync('/etc', join(root, 'a/folder'));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  it('find, miss and refuse each for itself', async () => {
    const texts = ['a/text', 'a/none', 'none/none', 'a/link', 'a/folder/passwd', 'a/etc', 'a/long'];
    const looks = await lookBeneath(root, {
      texts,
      folders: ['a/etc', 'a', 'none', 'a/folder', 'a/text'],
      targets: ['a', 'a/etc/program', 'a/link', 'none'],
    });
    expect(looks.texts[0]).toMatchObject({ text: 'éÿ' });
    expect(looks.texts.slice(1)).toEqual([undefined, undefined, ...Array(4).fill('refused')]);
    const names = ['etc', 'folder', 'link', 'long', 'text'];
    expect(looks.folders).toEqual([['program'], names, undefined, 'refused', 'refused']);
    expect(looks.targets).toMatchObject([
      { kind: 'directory' },
      { kind: 'file', mode: 0o4751, uid: process.getuid?.() },
      { kind: 'file' },
      undefined,
    ]);
  });

  it('leave no descriptor open', async () => {
    const request = { texts: ['a/text', 'a/link'], folders: ['a', 'a/text'], targets: ['a'] };
    await lookBeneath(root, request);
    const countFds = () => readdirSync('/proc/self/fd').length;
    const before = countFds();
    for (let round = 0; round < 50; round += 1) await lookBeneath(root, request);
    expect(countFds()).toBe(before);
  });

  it('fail only without the folder itself', async () => {
    await expect(lookBeneath(join(root, 'none'), {})).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
