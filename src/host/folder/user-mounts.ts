/**
 * File systems that users mount themselves, by the setuid helper of fuse(4). Root may not look into
 * them, and they outlive their processes and keep the folder below from being removed.
 */
import { closeSync, constants, readFileSync } from 'node:fs';
import { loadNative } from '../native.ts';
import { openEntry } from './beneath-refusal.ts';

export interface UserMount {
  /** As the kernel numbers mounts, proc_pid_mountinfo(5). */
  readonly id: number;
  readonly path: string;
  readonly uid: number;
}

/** O_PATH of open(2): missing from `fs.constants`. Nothing is asked of the file system itself. */
const O_PATH = 0o10000000;
/** One user has a thousand at most by default (`mount_max` of fuse.conf). */
const MAX_ROUNDS = 10;

/** Mounts of users other than root, the last one first. */
export function parseUserMounts(mountinfo: string): UserMount[] {
  const found = mountinfo.split('\n').flatMap((line): UserMount[] => {
    const [front = '', back = ''] = line.split(' - ');
    const [type = '', , options = ''] = back.split(' ');
    const [id, , , , path] = front.split(' ');
    const uid = Number(/(?:^|,)user_id=(\d+)(?:,|$)/.exec(options)?.[1] ?? 0);
    if (path === undefined || uid === 0 || !/^fuse(blk)?(\.|$)/.test(type)) return [];
    return [{ id: Number(id), path: unescapePath(path), uid }];
  });
  return found.reverse();
}

/**
 * Whether a user has covered its own home. Mounts of anybody else, and elsewhere, are theirs.
 * @param folder the same one by all its names: the kernel's has no links, passwd(5) may have
 */
export function isMountOverHome(
  { path, uid }: UserMount,
  folder: readonly string[],
  users: { findUser(uid: number): { readonly home: string } | undefined },
): boolean {
  return folder.includes(path) && folder.includes(users.findUser(uid)?.home ?? '');
}

function unescapePath(text: string): string {
  const decode = (_: string, octal: string) => String.fromCharCode(Number.parseInt(octal, 8));
  return Buffer.from(text.replace(/\\([0-7]{3})/g, decode), 'latin1').toString();
}

/**
 * Takes mounts of users away. No link is followed on the way, and what is taken away is the mount
 * that was chosen, whatever stands at its name by then.
 * @returns how many are gone
 */
export async function detachUserMounts(isMeant: (mount: UserMount) => boolean): Promise<number> {
  let count = 0;
  // One may hide another one, which shows in the next round.
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const mounts = parseUserMounts(readFileSync('/proc/self/mountinfo', 'latin1')).filter(isMeant);
    const before = count;
    for (const mount of mounts) if (await detach(mount)) count += 1;
    if (count === before) break;
  }
  return count;
}

async function detach({ id, path }: UserMount): Promise<boolean> {
  const fd = await openEntry('/', path.slice(1), O_PATH | constants.O_DIRECTORY).catch(() => -1);
  if (fd < 0) return false;
  try {
    const found = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
    if (Number(found) !== id) return false;
    loadNative().mountDetach({ fd });
    return true;
  } catch {
    return false;
  } finally {
    closeSync(fd);
  }
}
