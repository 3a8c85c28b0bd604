// The machine of the scene `faults` without emulation (--native): namespaces and the kernel of this
// machine, and a disk whose power can be cut all the same. The disk is a file on a btrfs that is a file
// itself; a clone of the file (FICLONE, ioctl_ficlonerange(2)) is what the disk holds at one moment.
// What the page cache of its ext4 has not written is not in it, and is lost with the namespaces.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { inNamespaces } from './fault-boot.mjs';
import { folder, makeDisk, note, run } from './machine.mjs';

const SIZE = '8G';
/** Journals are replayed, errors are none: e2fsck(8). */
const CLEAN = [0, 1];

export class NamespaceMachine {
  #parts;
  #pool = join(folder, 'pool.img');
  #place = join(folder, 'pool');
  #disk = join(this.#place, 'disk.img');
  #cut = join(this.#place, 'cut.img');
  #root = join(this.#place, 'root');
  #machine;

  constructor(parts) {
    this.#parts = parts;
  }

  async make() {
    const image = makeDisk(this.#parts.system, this.#parts.diskSize);
    rmSync(this.#pool, { force: true });
    run('truncate', ['-s', SIZE, this.#pool]);
    run('mkfs.btrfs', ['-q', this.#pool]);
    mkdirSync(this.#place, { recursive: true });
    run('mount', ['-o', 'loop', this.#pool, this.#place]);
    run('cp', ['--sparse=always', image, this.#disk]);
    rmSync(image);
    mkdirSync(this.#root);
  }

  start(order) {
    run('mount', ['-o', 'loop', this.#disk, this.#root]);
    const words = inNamespaces(this.#root, this.#parts.guest, order);
    this.#machine = spawn('unshare', words, { stdio: ['ignore', 'pipe', 'inherit'] });
    return this.#machine;
  }

  cut() {
    run('cp', ['--reflink=always', this.#disk, this.#cut]);
    this.#machine.kill('SIGKILL');
  }

  ended() {
    this.#unmount(this.#root);
    if (!existsSync(this.#cut)) return;
    renameSync(this.#cut, this.#disk);
    const copy = join(this.#place, 'checked.img');
    run('cp', ['--reflink=always', this.#disk, copy]);
    const status = statusOf('e2fsck', ['-f', '-p', copy]);
    rmSync(copy);
    if (!CLEAN.includes(status)) throw new Error(`e2fsck ended with ${status}`);
    note('e2fsck is content');
  }

  /** Its last process may still be on the way out. */
  #unmount(path) {
    for (let times = 0; times < 100; times += 1) {
      if (statusOf('umount', [path]) === 0) return;
      run('sleep', ['0.2']);
    }
    throw new Error(`${path} stays busy`);
  }

  close() {
    if (statusOf('mountpoint', ['-q', this.#root]) === 0) this.#unmount(this.#root);
    this.#unmount(this.#place);
    rmSync(this.#pool);
  }
}

function statusOf(command, args) {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return 0;
  } catch (error) {
    return error.status;
  }
}
