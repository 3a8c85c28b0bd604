/** Folders that groups of services see as `/tmp`, below a folder that only root can enter. */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../../errors/slapos-error.ts';
import { createBeneathFiles } from '../file.ts';

const OLD = 'old-';

/** A name of a folder, whatever the group is called. */
function folderName(group: string): string {
  return `tmp-${encodeURIComponent(group)}`;
}

export class PrivateTmpFolders {
  readonly #root: string;

  /** @param root created 0700; its parent must be ours alone */
  constructor(root: string) {
    this.#root = root;
  }

  /** The folder of a group, made when there is none: writable by all who can reach it. */
  ensure(group: string): string {
    mkdirSync(this.#root, { recursive: true, mode: 0o700 });
    const path = join(this.#root, folderName(group));
    try {
      mkdirSync(path);
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return path;
      throw error;
    }
    // Not by the mode of mkdir, from which the umask is taken.
    chmodSync(path, 0o1777);
    return path;
  }

  /** Removes the folder of a group. At once another one may take its place. */
  async remove(group: string): Promise<void> {
    const old = `${OLD}${randomBytes(6).toString('hex')}`;
    try {
      renameSync(join(this.#root, folderName(group)), join(this.#root, old));
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return;
      throw error;
    }
    await createBeneathFiles().remove(this.#root, old);
  }

  /** Removes what an earlier run left; nothing may use it any more. */
  async removeAll(): Promise<void> {
    let names: readonly string[];
    try {
      names = readdirSync(this.#root);
    } catch {
      return; // There is none.
    }
    for (const name of names) await createBeneathFiles().remove(this.#root, name);
  }
}
