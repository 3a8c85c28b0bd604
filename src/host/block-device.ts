/** Block devices by paths that others name; nothing outside of /dev is ever changed. */
import { lchown, lstat, realpath } from 'node:fs/promises';
import { errorMessage, HostError } from '../errors/slapos-error.ts';

export interface BlockDevice {
  /** In /dev, without a link on the way. */
  readonly path: string;
  readonly uid: number;
}

const DEVICES = '/dev/';

/** The device that a path leads to; undefined when it is none. */
export async function findBlockDevice(path: string): Promise<BlockDevice | undefined> {
  try {
    const target = await realpath(path);
    if (!target.startsWith(DEVICES)) return undefined;
    const status = await lstat(target);
    return status.isBlockDevice() ? { path: target, uid: status.uid } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Only root changes names in /dev, so that what {@link findBlockDevice} saw is still there.
 * @throws HostError SLAPOS_ERR_HOST
 */
export async function giveBlockDevice(
  { path }: BlockDevice,
  uid: number,
  gid: number,
): Promise<void> {
  try {
    await lchown(path, uid, gid);
  } catch (cause) {
    const { errno = 0 } = cause as NodeJS.ErrnoException;
    const kernel = { errno: Math.abs(errno), syscall: 'lchown' };
    const message = `Cannot give ${path} to uid ${uid}: ${errorMessage(cause)}.`;
    throw new HostError('SLAPOS_ERR_HOST', message, kernel, { cause });
  }
}
