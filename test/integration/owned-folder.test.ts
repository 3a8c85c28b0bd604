/** What a partition may put into its folder against root's reading, listing and emptying of it. */
import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openOwnedFolder } from '../../src/host/folder/owned-folder.ts';

let base: string;
let root: string;
let secret: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'slapos-owned-'));
  root = join(base, 'slappart0');
  secret = join(base, 'secret');
  mkdirSync(root);
  writeFileSync(secret, 'secret');
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const at = (path: string) => join(root, path);
const UNSAFE = { code: 'SLAPOS_ERR_UNSAFE_PATH' };

/** Creates files of these numbers, faster than Node would. */
function fill(folder: string, count: number): void {
  mkdirSync(folder);
  const program = `import os\nfor i in range(${count}): os.close(os.open("entry-%d" % i, os.O_CREAT))`;
  execFileSync('/usr/bin/python3', ['-c', program], { cwd: folder });
}

describe('reading a file that is nobody else’s', () => {
  const read = (name: string) => openOwnedFolder(root).readSole(name, 100);

  it('gives the bytes, nothing for what is missing', async () => {
    writeFileSync(at('file'), Buffer.from([0xff, 0x61]));
    expect(await read('file')).toEqual(Buffer.from([0xff, 0x61]));
    expect(await read('none')).toBeUndefined();
  });

  it('refuses links, second names, fifos, folders and devices', async () => {
    symlinkSync(secret, at('link'));
    linkSync(secret, at('second'));
    execFileSync('mkfifo', [at('fifo')]);
    mkdirSync(at('folder'));
    for (const name of ['link', 'second', 'fifo', 'folder']) {
      await expect(read(name)).rejects.toMatchObject({
        ...UNSAFE,
        message: expect.stringContaining(at(name)),
      });
    }
  });

  it('refuses what is larger, without reading a hole of a terabyte', async () => {
    writeFileSync(at('exact'), 'x'.repeat(100));
    expect((await read('exact'))?.length).toBe(100);
    writeFileSync(at('large'), 'x'.repeat(101));
    await expect(read('large')).rejects.toThrow('is too large');
    writeFileSync(at('hole'), '');
    truncateSync(at('hole'), 2 ** 40);
    await expect(read('hole')).rejects.toThrow('is too large');
  });
});

it('refuses in the same words as a whole, as a tail and as a stream', async () => {
  const folder = openOwnedFolder(root);
  writeFileSync(at('file'), '');
  symlinkSync(secret, at('li\x1bnk'));
  const first = async (path: string) => {
    for await (const chunk of folder.readStream(path)) return chunk;
    return undefined;
  };
  const ways = [
    (path: string) => folder.readSole(path, 1),
    (path: string) => folder.readTail(path, 1),
    first,
  ];
  for (const read of ways) {
    const told = 'a symbolic link or another kind of file stands in the way.';
    await expect(read('file/below')).rejects.toMatchObject({
      ...UNSAFE,
      message: `Cannot use ${at('file/below')}: ENOTDIR, ${told}`,
    });
    await expect(read('li\x1bnk')).rejects.toMatchObject({
      ...UNSAFE,
      message: `Cannot use ${root}/li\\x1bnk: ELOOP, ${told}`,
    });
  }
});

it('lists ten thousand entries and not more', async () => {
  const folder = openOwnedFolder(root);
  fill(at('many'), 10_000);
  expect(await folder.list('many')).toHaveLength(10_000);
  writeFileSync(at('many/one-more'), '');
  await expect(folder.list('many')).rejects.toThrow(`${root}/many holds more than 10000 entries.`);
});

describe('emptying', () => {
  it('removes every name, whatever its bytes, and follows nothing', async () => {
    const names = [
      Buffer.from([0xff, 0xfe]),
      Buffer.from('\x1b[2J\n'),
      Buffer.from('x'.repeat(255)),
    ];
    for (const name of names) writeFileSync(Buffer.concat([Buffer.from(`${root}/`), name]), '');
    mkdirSync(Buffer.concat([Buffer.from(`${root}/folder-`), Buffer.from([0xff])]));
    symlinkSync(base, at('link'));
    linkSync(secret, at('second'));
    execFileSync('mkfifo', [at('fifo')]);
    writeFileSync(at('.slapos-resource'), '{}');
    await openOwnedFolder(root).empty(['.slapos-resource']);
    expect(readdirSync(root)).toEqual(['.slapos-resource']);
    expect(readFileSync(secret, 'utf8')).toBe('secret');
  });

  it('takes more entries than are looked at together', async () => {
    fill(at('many'), 70_000);
    await openOwnedFolder(at('many')).empty(['entry-7', 'entry-69999']);
    expect(readdirSync(at('many'))).toEqual(['entry-69999', 'entry-7']);
  });

  it('does not enter a folder that is a link by now', async () => {
    mkdirSync(join(base, 'data'));
    writeFileSync(join(base, 'data', 'precious'), '');
    symlinkSync(join(base, 'data'), at('disk'));
    await expect(openOwnedFolder(root, 'disk').empty()).rejects.toMatchObject(UNSAFE);
    expect(readdirSync(join(base, 'data'))).toEqual(['precious']);
    await openOwnedFolder(root, 'none').empty();
  });
});
