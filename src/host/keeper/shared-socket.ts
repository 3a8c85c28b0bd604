/** Listening sockets that several processes accept from as descriptor 0 (FastCGI). */
import { chownSync, lstatSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { loadNative, type NativeAddon } from '../native.ts';

/** Where such a socket listens. */
export type SharedSocketAddress =
  | {
      readonly kind: 'unix';
      readonly path: string;
      readonly mode: number;
      readonly owner?: { readonly uid: number; readonly gid: number };
    }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

const GROUP_OR_OTHER_WRITABLE = 0o022;
const STICKY = 0o1000;

/** Nobody but us can put something else at a path below such a folder. */
function isSafeFolder(folder: string): boolean {
  const { uid, mode } = lstatSync(folder);
  const isOurs = uid === 0 || uid === process.geteuid?.();
  return isOurs && ((mode & GROUP_OR_OTHER_WRITABLE) === 0 || (mode & STICKY) !== 0);
}

function requireSafePath(path: string): void {
  let folder = path;
  do {
    folder = dirname(folder);
    if (!isSafeFolder(folder)) {
      const message = `others can replace what is in ${folder}`;
      throw Object.assign(new Error(message), { code: 'EPERM' });
    }
  } while (folder !== '/');
}

/** A socket that an earlier daemon left; anything else stays and makes the bind fail. */
function removeStale(path: string): void {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status?.isSocket() === true) unlinkSync(path);
}

/**
 * Opens a socket.
 * @returns its descriptor; the caller closes it
 * @throws the system's error; EPERM for a path in a folder of somebody else, where a name could be
 * made to point at any file while we change its mode.
 */
export function openSharedSocket(
  address: SharedSocketAddress,
  backlog: number,
  addon: Pick<NativeAddon, 'socketListen'> = loadNative(),
): number {
  if (address.kind === 'tcp') {
    return addon.socketListen({ host: address.host, port: address.port, backlog });
  }
  const { path, mode, owner } = address;
  requireSafePath(path);
  removeStale(path);
  const fd = addon.socketListen({ path, mode, backlog });
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
  return fd;
}

/** Takes the name of a socket away. */
export function removeSharedSocket(address: SharedSocketAddress): void {
  if (address.kind === 'unix') removeStale(address.path);
}
