import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHostFiles } from '../../../../src/host/folder/host-files.ts';

const files = createHostFiles();
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const modeOf = (path: string) => statSync(path).mode & 0o7777;

describe('write', () => {
  it('creates a file with exactly the mode asked for, whatever the umask', async () => {
    const before = process.umask(0o077);
    await files
      .write(join(folder, 'a'), 'text', { mode: 0o644 })
      .finally(() => process.umask(before));
    expect(await files.readText(join(folder, 'a'))).toBe('text');
    expect(modeOf(join(folder, 'a'))).toBe(0o644);
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it('replaces a file by a new one, so that an open reader keeps the old content', async () => {
    const path = join(folder, 'a');
    writeFileSync(path, 'old');
    const inode = statSync(path).ino;
    await files.write(path, Buffer.from([1, 2]), { mode: 0o600 });
    expect(await files.read(path)).toEqual(Buffer.from([1, 2]));
    expect(statSync(path).ino).not.toBe(inode);
  });

  it('replaces a symbolic link instead of writing through it', async () => {
    writeFileSync(join(folder, 'victim'), 'safe');
    symlinkSync('victim', join(folder, 'a'));
    await files.write(join(folder, 'a'), 'new', { mode: 0o600 });
    expect(await files.readText(join(folder, 'victim'))).toBe('safe');
    expect((await files.stat(join(folder, 'a')))?.kind).toBe('file');
  });

  it('clears what a killed write left behind, a planted link included', async () => {
    writeFileSync(join(folder, 'victim'), 'safe');
    symlinkSync('victim', join(folder, '.a.slapos-new'));
    await files.write(join(folder, 'a'), 'new', { mode: 0o600 });
    expect(await files.readText(join(folder, 'victim'))).toBe('safe');
    expect(readdirSync(folder).sort()).toEqual(['a', 'victim']);
  });

  it('names the path when the folder is missing', async () => {
    const path = join(folder, 'no', 'a');
    await expect(files.write(path, '', { mode: 0o600 })).rejects.toMatchObject({
      code: 'SLAPOS_ERR_FILE',
      message: `Cannot write ${path}: ENOENT.`,
      hint: 'Create the folder first.',
      errno: 2,
    });
  });
});

describe('looking', () => {
  it('gives undefined for what does not exist', async () => {
    const path = join(folder, 'none');
    expect(await files.read(path)).toBeUndefined();
    expect(await files.readText(path)).toBeUndefined();
    expect(await files.list(path)).toBeUndefined();
    expect(await files.stat(path)).toBeUndefined();
  });

  it('lists names in order and tells kinds without following links', async () => {
    for (const name of ['b', 'a']) writeFileSync(join(folder, name), '12345');
    symlinkSync('nowhere', join(folder, 'link'));
    expect(await files.list(folder)).toEqual(['a', 'b', 'link']);
    expect((await files.stat(join(folder, 'link')))?.kind).toBe('link');
    expect((await files.stat(folder))?.kind).toBe('directory');
    chmodSync(join(folder, 'a'), 0o640);
    expect(await files.stat(join(folder, 'a'))).toMatchObject({
      kind: 'file',
      mode: 0o640,
      sizeBytes: 5,
    });
  });

  it('reports a path that is not a folder', async () => {
    writeFileSync(join(folder, 'a'), '');
    await expect(files.list(join(folder, 'a'))).rejects.toMatchObject({ code: 'SLAPOS_ERR_FILE' });
  });
});

describe('mkdir and remove', () => {
  it('creates parents with the same mode and leaves existing folders alone', async () => {
    const path = join(folder, 'a', 'b', 'c');
    const before = process.umask(0o077);
    await files
      .mkdir(path, { mode: 0o755, isRecursive: true })
      .finally(() => process.umask(before));
    expect(['a', 'a/b', 'a/b/c'].map((name) => modeOf(join(folder, name)))).toEqual([
      0o755, 0o755, 0o755,
    ]);
    await files.mkdir(path, { mode: 0o700 });
    expect(modeOf(path)).toBe(0o755);
  });

  it('refuses a file or a link in the place of the folder', async () => {
    writeFileSync(join(folder, 'a'), '');
    symlinkSync(tmpdir(), join(folder, 'b'));
    for (const name of ['a', 'b']) {
      await expect(files.mkdir(join(folder, name), { mode: 0o755 })).rejects.toMatchObject({
        message: `Cannot create folder ${join(folder, name)}: EEXIST.`,
      });
    }
  });

  it('removes files, links, empty folders and, if asked, trees', async () => {
    await files.mkdir(join(folder, 'tree', 'sub'), { mode: 0o755, isRecursive: true });
    symlinkSync('tree', join(folder, 'link'));
    await files.remove(join(folder, 'link'));
    await expect(files.remove(join(folder, 'tree'))).rejects.toMatchObject({
      message: `Cannot remove ${join(folder, 'tree')}: ENOTEMPTY.`,
    });
    await files.remove(join(folder, 'tree', 'sub'));
    await files.remove(join(folder, 'tree'), { isRecursive: true });
    await files.remove(join(folder, 'tree'));
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('statAll', () => {
  it('finds nothing where nothing is, nor below a file, nor beyond a link that leads nowhere', async () => {
    writeFileSync(join(folder, 'file'), '');
    symlinkSync('nowhere', join(folder, 'link'));
    const paths = ['missing', 'missing/a', 'file', 'file/a', 'link', 'link/a'];
    const found = await files.statAll(paths.map((path) => join(folder, path)));
    expect(found.map((status) => status?.kind)).toEqual([
      undefined,
      undefined,
      'file',
      undefined,
      'link',
      undefined,
    ]);
  });
});
