/** A real disk below /srv, where scenes have what they work on: filled up, or turned read-only. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/host/package/package-files.ts';

const DISK = '/srv';
const FILLER = join(DISK, 'filler');
const SIZE_BYTES = 64 * 1024 * 1024;
const PAGE_BYTES = 4096;

export interface SmallDisk {
  /** Leaves so many pages, each enough for a small file. */
  fill(pages: number): void;
  empty(): void;
  setReadOnly(isReadOnly: boolean): void;
  remove(): void;
}

/** Mounts it; the package stays where it is. */
export function mountSmallDisk(): SmallDisk {
  const root = packageRoot();
  const mount = (...words: readonly string[]) => execFileSync('mount', words, { cwd: root });
  const kept = '/mnt/package';
  mkdirSync(kept, { recursive: true });
  mount('--bind', root, kept);
  mount('-t', 'tmpfs', '-o', `mode=0755,size=${SIZE_BYTES}`, 'small-disk', DISK);
  mkdirSync(root, { recursive: true });
  mount('--bind', kept, root);
  return {
    fill(pages) {
      const { bavail, bsize } = statfsSync(DISK);
      writeFileSync(FILLER, Buffer.alloc(bavail * bsize - pages * PAGE_BYTES));
    },
    empty: () => rmSync(FILLER, { force: true }),
    setReadOnly: (isReadOnly) => void mount('-o', `remount,${isReadOnly ? 'ro' : 'rw'}`, DISK),
    remove() {
      for (const path of [root, DISK, kept]) execFileSync('umount', ['--lazy', path]);
    },
  };
}
