/** Files, locks and folders: `native/binding/file.cc` and `look.cc`. */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LeakCase, plain, type World } from '../leak-case.ts';

const close = (fd: number) => closeSync(fd);

/** A folder with a file, a link out of it, and folders below each other. */
function plant({ folder }: World): string {
  mkdirSync(join(folder, 'deep', 'er'), { recursive: true });
  writeFileSync(join(folder, 'file'), 'text\n');
  writeFileSync(join(folder, 'large'), Buffer.alloc(10_000, 'x'));
  symlinkSync('/etc/passwd', join(folder, 'link'));
  return folder;
}

const opening = (path: string) => (world: World) => ({
  root: plant(world),
  path,
  flags: constants.O_RDONLY,
  mode: 0o600,
  isByComponent: false,
});
const PATHS = ['file', 'missing', 'large', 'link', 'deep'];
const files = [
  { path: 'file', data: 'text', mode: 0o600 },
  { path: 'deep/bytes', data: Buffer.alloc(5000, 'y'), mode: 0o640, uid: process.getuid?.() ?? 0 },
  { path: 'missing/file', data: 'text', mode: 0o600 },
];

const opens: LeakCase[] = [
  plain('openBeneath', 'a file', opening('file'), { release: close }),
  plain(
    'openBeneath',
    'a file, by component',
    (world) => ({ ...opening('deep/er/../../file')(world), path: 'deep/er', isByComponent: true }),
    { release: close },
  ),
  plain('openBeneath', 'nothing', opening('deep/missing'), { fails: 'ENOENT' }),
  plain('openBeneath', 'a link', opening('link'), { fails: 'ELOOP' }),
  plain('openBeneath', 'without a root', () => ({ root: '/no/such', path: 'a', flags: 0 }), {
    fails: 'ENOENT',
  }),
  plain(
    'openBeneath',
    'nothing, by component',
    (world) => ({ ...opening('deep/missing/x')(world), isByComponent: true }),
    { fails: 'ENOENT' },
  ),
  plain('readTextsBeneath', 'of all kinds', (world) => ({
    root: plant(world),
    paths: PATHS,
    maxBytes: 1000,
  })),
  plain('readTextsBeneath', 'without a root', () => ({ root: '/no', paths: ['a'], maxBytes: 9 })),
  plain('lookBeneath', 'at all kinds', (world) => ({
    root: plant(world),
    texts: PATHS,
    maxBytes: 1000,
    folders: ['.', 'deep', 'missing', 'link', 'file'],
    maxNames: 3,
    targets: PATHS,
  })),
  plain('lookAtCommands', 'there and missing', (world) => ({
    paths: [join(plant(world), 'file'), '/bin/sh', '/no/such'],
  })),
];

const writes: LeakCase[] = [
  plain('writeAllBeneath', 'some that can be and one that cannot', (world) => ({
    root: plant(world),
    files,
  })),
  plain('foldersCreate', 'there, missing parents, a link', (world) => ({
    folders: ['deep', 'none/at/all', 'link'].map((name) => ({
      path: join(plant({ ...world, folder: join(world.folder, name) }), name),
      mode: 0o750,
    })),
  })),
  plain('mkdirBeneath', 'there already', (w) => ({ root: plant(w), path: 'deep', mode: 0o750 })),
  plain('mkdirBeneath', 'over a file', (w) => ({ root: plant(w), path: 'file', mode: 0o750 }), {
    fails: 'ENOTDIR',
  }),
  plain('removeBeneath', 'what is gone', (world) => ({ root: plant(world), path: 'gone' })),
  plain('removeBeneath', 'out of the root', (w) => ({ root: plant(w), path: '../x' }), {
    fails: 'EXDEV|EINVAL',
  }),
  {
    of: 'removeBeneath',
    what: 'a tree',
    isAlone: true,
    prepare: (world) => ({
      call: async () => {
        plantTree(world.folder);
        await world.addon.removeBeneath({ root: world.folder, path: 'tree' });
      },
    }),
  },
  {
    of: 'emptyBeneath',
    what: 'a tree but one name',
    isAlone: true,
    prepare: (world) => ({
      request: { root: world.folder, path: 'tree', kept: ['kept'] },
      call: async () => {
        plantTree(world.folder);
        await world.addon.emptyBeneath({ root: world.folder, path: 'tree', kept: ['kept'] });
      },
    }),
  },
  plain('emptyBeneath', 'of a link', (w) => ({ root: plant(w), path: 'link', kept: [] }), {
    fails: 'ENOTDIR',
  }),
];

/** A folder with a folder and two files. */
function plantTree(folder: string): void {
  mkdirSync(join(folder, 'tree', 'branch'), { recursive: true });
  writeFileSync(join(folder, 'tree', 'branch', 'leaf'), '');
  writeFileSync(join(folder, 'tree', 'kept'), '');
}

const others: LeakCase[] = [
  {
    of: 'removeOwned',
    what: 'what a user left',
    isAlone: true,
    share: 0.5,
    prepare: (world) => {
      const request = { folder: world.folder, uid: process.getuid?.() ?? 0 };
      const call = async () => {
        plantTree(world.folder);
        await world.addon.removeOwned(request);
      };
      return { request, call };
    },
  },
  plain('removeOwned', 'without a folder', () => ({ folder: '/no/such', uid: 64_123 }), {
    share: 0.5,
  }),
  plain('fileSystemSync', 'of a folder', () => ({ folder: '/dev/shm' }), { share: 0.5 }),
  plain('fileSystemSync', 'of nothing', () => ({ folder: '/no/such' }), {
    share: 0.5,
    fails: 'ENOENT',
  }),
  plain('mountDetach', 'no descriptor', () => ({ fd: 999_999 }), {
    fails: process.getuid?.() === 0 ? 'ENOENT' : 'EPERM',
  }),
  {
    of: 'mountDetach',
    what: 'a mount',
    share: 0.1,
    isAlone: true,
    isNeverStarved: true,
    needs: ['namespace'],
    prepare: ({ addon, folder }) => ({
      call: () => {
        spawnSync('mount', ['-t', 'tmpfs', 'leak', folder]);
        const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
        addon.mountDetach({ fd });
        closeSync(fd);
      },
    }),
  },
  {
    of: 'lockTry',
    what: 'a file that nobody else has',
    prepare: ({ addon, folder }) => {
      const fd = openSync(join(folder, 'lock'), 'w');
      const request = { fd, isExclusive: true };
      return { request, call: () => addon.lockTry(request), end: () => closeSync(fd) };
    },
  },
  plain('lockTry', 'no descriptor', () => ({ fd: 999_999, isExclusive: false }), {
    fails: 'EBADF',
  }),
];

export const cases: readonly LeakCase[] = [...opens, ...writes, ...others];
