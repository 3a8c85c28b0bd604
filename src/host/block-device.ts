/** Block devices by paths that others name; nothing outside of /dev is ever changed. */
import { lchown, lstat, realpath } from 'node:fs/promises';

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

/** Only root changes names in /dev, so that what {@link findBlockDevice} saw is still there. */
export async function giveBlockDevice(device: BlockDevice, uid: number, gid: number) {
  await lchown(device.path, uid, gid);
}
