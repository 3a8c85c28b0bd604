import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createBeneathFiles } from '../../src/host/file.ts';
import { loadNative } from '../../src/host/native.ts';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { spawnCommand } from '../../src/host/spawn.ts';
import { requires } from '../support/requires.ts';

const USER = 40123;
/** The addon where every user can reach it. */
const ADDON = join(
  process.env['SLAPOS_PACKAGE'] ?? packageRoot(),
  'build',
  'Release',
  'slapos_native.node',
);
const files = createBeneathFiles();

let base: string;
let root: string;
let outside: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'slapos-file-'));
  root = join(base, 'slappart0');
  outside = join(base, 'outside');
  chmodSync(base, 0o755);
  mkdirSync(root);
  mkdirSync(outside);
  writeFileSync(join(outside, 'secret'), 'secret');
});

afterEach(() => {
  execFileSync('chmod', ['-R', 'u+rwx', base]);
  rmSync(base, { recursive: true, force: true });
});

const at = (path: string) => join(root, path);
const UNSAFE = { code: 'SLAPOS_ERR_UNSAFE_PATH' };
const REFUSED = { code: 'SLAPOS_ERR_FILE' };

requires('root', 'netns')('files beneath a folder of somebody else', () => {
  beforeEach(() => chownSync(root, USER, USER));

  it('are written with owner and mode, atomically and whatever the umask', async () => {
    await files.write(root, 'a', 'one', { mode: 0o4666, uid: USER, gid: USER });
    const before = lstatSync(at('a')).ino;
    await files.write(root, 'a', 'two', { mode: 0o640 });
    const status = await files.stat(root, 'a');
    expect(status).toMatchObject({ kind: 'file', mode: 0o640, uid: 0, gid: 0, sizeBytes: 3 });
    expect(lstatSync(at('a')).ino).not.toBe(before);
    expect((await files.read(root, 'a'))?.toString()).toBe('two');
    expect(readdirSync(root)).toEqual(['a']);
  });

  it('are not read, written, listed or created through a link', async () => {
    symlinkSync(outside, at('link'));
    symlinkSync(join(outside, 'secret'), at('file'));
    await expect(files.read(root, 'link/secret')).rejects.toMatchObject(UNSAFE);
    await expect(files.read(root, 'file')).rejects.toMatchObject(UNSAFE);
    await expect(files.list(root, 'link')).rejects.toMatchObject(UNSAFE);
    await expect(files.write(root, 'link/x', 'x', { mode: 0o600 })).rejects.toMatchObject(UNSAFE);
    await expect(files.mkdir(root, 'link/x', { mode: 0o700 })).rejects.toMatchObject(UNSAFE);
    await expect(files.mkdir(root, 'link', { mode: 0o700 })).rejects.toMatchObject(UNSAFE);
    await expect(files.symlink(root, 'link/x', '/')).rejects.toMatchObject(UNSAFE);
    await expect(files.remove(root, 'link/secret')).rejects.toMatchObject(UNSAFE);
    expect(readdirSync(outside)).toEqual(['secret']);
    expect(lstatSync(outside).mode & 0o777).not.toBe(0o700);
  });

  it('replace a link of their name, and remove it, not its target', async () => {
    symlinkSync(join(outside, 'secret'), at('a'));
    symlinkSync(outside, at('b'));
    await files.write(root, 'a', 'mine', { mode: 0o600 });
    await files.remove(root, 'b');
    expect(readFileSync(at('a'), 'utf8')).toBe('mine');
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret');
    expect(existsSync(at('b'))).toBe(false);
  });

  it.each(['../outside/secret', '/etc/passwd', 'a/../../outside/secret', 'a//b', './a', 'a/.'])(
    'have plain relative paths: %s is refused',
    async (path) => {
      await expect(files.read(root, path)).rejects.toMatchObject(REFUSED);
      await expect(files.remove(root, path)).rejects.toMatchObject(REFUSED);
    },
  );

  it('are walked the same way without openat2', async () => {
    const open = (path: string, isByComponent: boolean) =>
      loadNative()
        .openBeneath({ root, path, flags: 0, isByComponent })
        .then(
          (fd) => {
            const target = readlinkSync(`/proc/self/fd/${fd}`);
            closeSync(fd);
            return target;
          },
          (error: { code: string }) => error.code,
        );
    mkdirSync(at('d/e'), { recursive: true });
    writeFileSync(at('d/e/f'), '');
    symlinkSync('d', at('l'));
    symlinkSync('e', at('d/m'));
    for (const path of [
      '',
      '.',
      'd',
      'd/e/f',
      'l',
      'l/e',
      'd/m/f',
      'd/e/f/g',
      'no',
      'no/x',
      '..',
    ]) {
      expect([path, await open(path, true)]).toEqual([path, await open(path, false)]);
    }
  });

  it('that are fifos, devices or too large are not read', async () => {
    execFileSync('mkfifo', [at('fifo')]);
    writeFileSync(at('big'), Buffer.alloc(2000));
    await expect(files.read(root, 'fifo')).rejects.toMatchObject(UNSAFE);
    await expect(files.read(root, 'big', { maxBytes: 1999 })).rejects.toMatchObject(REFUSED);
    expect(await files.read(root, 'big', { maxBytes: 2000 })).toHaveLength(2000);
    expect(await files.read(root, 'none')).toBeUndefined();
    expect(await files.read(root, 'none/x')).toBeUndefined();
  });

  it('are listed with their kinds, links being links', async () => {
    symlinkSync('/', at('link'));
    writeFileSync(at('file'), '');
    mkdirSync(at('folder'));
    expect(await files.list(root, '')).toEqual([
      { name: 'file', kind: 'file' },
      { name: 'folder', kind: 'directory' },
      { name: 'link', kind: 'link' },
    ]);
    expect(await files.stat(root, 'link')).toMatchObject({ kind: 'link' });
    expect(await files.readlink(root, 'link')).toBe('/');
    expect(await files.readlink(root, 'none')).toBeUndefined();
    expect(await files.list(root, 'none')).toBeUndefined();
  });

  it('can be links of ours, created and replaced', async () => {
    await files.symlink(root, 'software_release', '/opt/a');
    await files.symlink(root, 'software_release', '/opt/b');
    expect(readlinkSync(at('software_release'))).toBe('/opt/b');
    expect(readdirSync(root)).toEqual(['software_release']);
    await expect(files.symlink(root, 'none/x', '/')).rejects.toMatchObject(REFUSED);
  });

  it('leave no descriptor open, whether they succeed or fail', async () => {
    const countFds = () => readdirSync('/proc/self/fd').length;
    const useAll = async () => {
      await files.write(root, 'a', 'x', { mode: 0o600 });
      await files.mkdir(root, 'b', { mode: 0o700 });
      await files.symlink(root, 'c', 'a');
      await Promise.all([files.read(root, 'a'), files.list(root, ''), files.stat(root, 'a')]);
      await Promise.allSettled([files.read(root, 'c'), files.mkdir(root, 'a', { mode: 0o700 })]);
      await Promise.allSettled([
        files.write(root, 'b', '', { mode: 0o600 }),
        files.list(root, 'a'),
      ]);
      for (const name of ['a', 'b', 'c']) await files.remove(root, name);
      const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;
      closeSync(await loadNative().logOpen({ path: at('log'), flags }));
      await loadNative()
        .logOpen({ path: at('none/log'), flags })
        .catch(() => {});
      await loadNative().logRotate({ path: at('log'), maxBytes: 0, backups: 1 });
      await loadNative()
        .logRotate({ path: at('none/log'), maxBytes: 0, backups: 1 })
        .catch(() => {});
    };
    await useAll();
    const before = countFds();
    for (let round = 0; round < 50; round += 1) await useAll();
    expect(countFds()).toBeLessThanOrEqual(before);
  });

  it('stay inside while the owner exchanges folders and links all the time', async () => {
    mkdirSync(at('real'));
    symlinkSync(outside, at('evil'));
    const swap = `import os, ctypes
libc = ctypes.CDLL(None)
os.chdir("${root}")
while True:
    libc.renameat2(-100, b"real", -100, b"evil", 2)
`;
    const abort = new AbortController();
    const attack = spawnCommand({
      argv: ['/usr/bin/python3', '-c', swap],
      env: {},
      cwd: '/',
      user: { uid: USER, gid: USER, groups: [USER] },
      signal: abort.signal,
    });
    let refused = 0;
    for (let round = 0; round < 500; round += 1) {
      const path = round % 2 === 0 ? 'real/x' : 'evil/x';
      await files.write(root, path, 'x', { mode: 0o600 }).catch(() => {
        refused += 1;
      });
      await files.remove(root, path).catch(() => {});
    }
    abort.abort();
    await attack;
    expect(refused).toBeGreaterThan(0);
    expect(readdirSync(outside)).toEqual(['secret']);
  });
});

requires('root', 'netns')('a folder created beneath another', () => {
  it('has its mode and owner, and gets them again when it exists', async () => {
    await files.mkdir(root, 'd', { mode: 0o750, uid: USER, gid: USER });
    chmodSync(at('d'), 0o700);
    await files.mkdir(root, 'd', { mode: 0o750, uid: USER, gid: USER });
    expect(await files.stat(root, 'd')).toMatchObject({
      kind: 'directory',
      mode: 0o750,
      uid: USER,
    });
    expect(readdirSync(root)).toEqual(['d']);
  });

  it('changes owner only where nobody else could have put it', async () => {
    mkdirSync(at('ours'));
    await files.mkdir(root, 'ours', { mode: 0o700, uid: USER });
    expect((await files.stat(root, 'ours'))?.uid).toBe(USER);
    chownSync(root, USER, USER);
    mkdirSync(at('rootly'));
    const taking = files.mkdir(root, 'rootly', { mode: 0o777, uid: USER });
    await expect(taking).rejects.toMatchObject(REFUSED);
    expect(await files.stat(root, 'rootly')).toMatchObject({ uid: 0, mode: 0o755 });
  });
});

requires('root', 'netns')('removing a tree', () => {
  const asUser = (script: string) =>
    spawnCommand({
      argv: ['/bin/sh', '-c', script],
      env: { PATH: '/usr/bin:/bin' },
      cwd: root,
      user: { uid: USER, gid: USER, groups: [USER] },
    });

  it('takes everything and follows nothing', async () => {
    mkdirSync(at('t/a/b/c'), { recursive: true });
    writeFileSync(at('t/a/file'), 'x');
    symlinkSync(outside, at('t/a/link'));
    linkSync(join(outside, 'secret'), at('t/hard'));
    execFileSync('mkfifo', [at('t/fifo')]);
    await files.remove(root, 't');
    expect(readdirSync(root)).toEqual([]);
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret');
    await files.remove(root, 't');
  });

  it('copes with folders that forbid reading and writing, also without root', async () => {
    chownSync(root, USER, USER);
    await asUser('mkdir -p t/a/b t/c && touch t/a/b/f t/c/f && chmod 0 t/a/b t/c t/a');
    const program = `require(${JSON.stringify(ADDON)})
      .removeBeneath({ root: ${JSON.stringify(root)}, path: 't' })
      .catch((error) => { console.log(error.message); process.exitCode = 1; })`;
    const result = await spawnCommand({
      argv: [process.execPath, '-e', program],
      env: {},
      cwd: '/',
      user: { uid: USER, gid: USER, groups: [USER] },
    });
    expect([result.status, result.output.toString()]).toEqual([0, '']);
    expect(existsSync(at('t'))).toBe(false);
  });

  it('uses few descriptors for a very deep tree', async () => {
    chownSync(root, USER, USER);
    const deep = 'import os\nfor i in range(3000): os.mkdir("d"); os.chdir("d")';
    await spawnCommand({
      argv: ['/usr/bin/python3', '-c', deep],
      env: {},
      cwd: root,
      user: { uid: USER, gid: USER, groups: [USER] },
    });
    await files.remove(root, 'd');
    expect(readdirSync(root)).toEqual([]);
  });

  it('does not enter what is mounted in it', async () => {
    mkdirSync(at('t/mount'), { recursive: true });
    execFileSync('mount', ['--bind', outside, at('t/mount')]);
    try {
      await expect(files.remove(root, 't')).rejects.toMatchObject({ ...REFUSED, errno: 16 });
    } finally {
      execFileSync('umount', [at('t/mount')]);
    }
    expect(readdirSync(outside)).toEqual(['secret']);
  });

  it('never leaves it while the owner exchanges folders and links', async () => {
    chownSync(root, USER, USER);
    const swap = `import os
os.chdir("${root}")
while True:
    try:
        os.makedirs("t/a/b/c", exist_ok=True)
        os.rename("t/a/b", "t/a/x")
        os.symlink("${outside}", "t/a/b")
        os.unlink("t/a/b")
    except OSError:
        pass
`;
    chmodSync(outside, 0o777);
    const abort = new AbortController();
    const attack = spawnCommand({
      argv: ['/usr/bin/python3', '-c', swap],
      env: {},
      cwd: '/',
      user: { uid: USER, gid: USER, groups: [USER] },
      signal: abort.signal,
    });
    for (let round = 0; round < 300; round += 1) await files.remove(root, 't').catch(() => {});
    abort.abort();
    await attack;
    await files.remove(root, 't');
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret');
  });

  it('removes a name that stands for a folder in one moment and a file in the next', async () => {
    writeFileSync(at('f'), '');
    mkdirSync(at('d'));
    renameSync(at('f'), at('d/f'));
    await files.remove(root, 'd/f');
    await files.remove(root, 'd');
    expect(readdirSync(root)).toEqual([]);
  });

  it('takes away what a killed run left of a link, and leaves what is in its way', async () => {
    symlinkSync('/old', at('.new.slapos-new'));
    await files.symlink(root, 'new', '/target');
    expect([readlinkSync(at('new')), existsSync(at('.new.slapos-new'))]).toEqual([
      '/target',
      false,
    ]);
    mkdirSync(at('.other.slapos-new'));
    await files.symlink(root, 'other', '/target');
    expect(readlinkSync(at('other'))).toBe('/target');
    expect(readdirSync(root).filter((name) => name.startsWith('.'))).toEqual(['.other.slapos-new']);
  });
});
