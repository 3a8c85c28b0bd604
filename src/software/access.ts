/** Whether a user can read a local profile (stat(2) permission bits; ACLs are not looked at). */
import { dirname } from 'node:path';
import { BuildError } from '../errors/slapos-error.ts';
import type { GridHost } from '../host/grid-host.ts';
import type { FileStatus } from '../host/host.ts';
import type { UserIdentity } from '../host/user/user.ts';

const READ = 4;
const SEARCH = 1;

/** The bits of `mode` that hold for a user: owner, group or others (path_resolution(7)). */
export function permissionBits(
  status: Pick<FileStatus, 'mode' | 'uid' | 'gid'>,
  user: Pick<UserIdentity, 'uid' | 'groups'>,
): number {
  if (status.uid === user.uid) return (status.mode >> 6) & 7;
  return user.groups.includes(status.gid) ? (status.mode >> 3) & 7 : status.mode & 7;
}

/**
 * Checks a software release whose URL is a path before buildout stumbles over it.
 * @throws BuildError naming the folder or file that is closed or missing, and the fix.
 */
export async function checkLocalProfile(
  host: GridHost,
  url: string,
  user: UserIdentity,
): Promise<void> {
  const folders = listAncestors(url);
  for (const [index, path] of [...folders, url].entries()) {
    const status = await host.stat(path);
    if (status === undefined) throw missingProfile(url, path);
    const wanted = index < folders.length ? SEARCH : READ;
    if ((permissionBits(status, user) & wanted) === 0) throw closedProfile(url, path, status, user);
  }
}

function listAncestors(path: string): readonly string[] {
  const folders: string[] = [];
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    folders.unshift(folder);
  }
  return folders;
}

function missingProfile(url: string, path: string): BuildError {
  const what = path === url ? 'there is no such file' : `${path} does not exist`;
  return new BuildError('SLAPOS_ERR_BUILD', `Software Release ${url} cannot be read: ${what}.`, {
    hint: 'Supply a URL, or the path of a software.cfg on this machine.',
  });
}

function closedProfile(
  url: string,
  path: string,
  status: FileStatus,
  user: UserIdentity,
): BuildError {
  const mode = status.mode.toString(8).padStart(4, '0');
  return new BuildError(
    'SLAPOS_ERR_BUILD',
    `Software Release ${url} cannot be read by user ${user.name}: ${path} has mode ${mode}.`,
    {
      hint: `Copy the release to a folder that every user can read (node scripts/install-example.mjs FOLDER does it for the example), or open this one: chmod o+rx ${path}.`,
    },
  );
}
