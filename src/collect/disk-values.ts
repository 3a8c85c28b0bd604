/** Which disks count, from the text of /proc (spec/collect.md 5.4). */
import type { ComputerRow, DiskRow } from './sample.ts';

export interface Mount {
  readonly device: string;
  readonly mountpoint: string;
  readonly type: string;
}

/** File system types on a device, from /proc/filesystems; zfs although it has none. */
export function parseDiskTypes(text: string): ReadonlySet<string> {
  const types = new Set<string>();
  for (const line of text.split('\n')) {
    const [flag, name] = line.split('\t');
    if (name !== undefined && name !== '' && (flag !== 'nodev' || name === 'zfs')) types.add(name);
  }
  return types;
}

/** The mount table of fstab(5) format: blanks and backslashes stand as octal escapes. */
export function parseMounts(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [device, mountpoint, type] = line.split(' ').map(decodeOctal);
    return device === undefined || mountpoint === undefined || type === undefined
      ? []
      : [{ device, mountpoint, type }];
  });
}

/** Escapes are bytes: a name beyond ASCII comes as it is, so only single characters are met here. */
function decodeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/**
 * The first mount of each device with an accepted type.
 * @param rootDevice what stands for `/dev/root` and `rootfs`, '' when unknown
 */
export function diskMounts(
  mounts: readonly Mount[],
  types: ReadonlySet<string>,
  rootDevice: string,
): Mount[] {
  const found = new Map<string, Mount>();
  for (const mount of mounts) {
    const isRoot = mount.device === '/dev/root' || mount.device === 'rootfs';
    const device = isRoot && rootDevice !== '' ? rootDevice : mount.device;
    if (device === 'none' || device === '' || !types.has(mount.type) || found.has(device)) continue;
    found.set(device, { ...mount, device });
  }
  return [...found.values()];
}

/** The device of a major:minor pair in /proc/partitions, '' when it is not there. */
export function findPartitionDevice(partitions: string, major: number, minor: number): string {
  for (const line of partitions.split('\n').slice(2)) {
    const [lineMajor, lineMinor, , name] = line.trim().split(/\s+/);
    if (Number(lineMajor) === major && Number(lineMinor) === minor && name !== undefined) {
      return `/dev/${name}`;
    }
  }
  return '';
}

/** The device that an uevent file of sysfs names, '' when it names none. */
export function parseUeventDevice(uevent: string): string {
  const name = /^DEVNAME=(.+)$/m.exec(uevent)?.[1];
  return name === undefined ? '' : `/dev/${name}`;
}

/** The numbers of statvfs(3). */
export interface FileSystemSpace {
  /** Unit of the three counts, bytes (`f_frsize`). */
  readonly fragmentBytes: bigint;
  readonly blocks: bigint;
  readonly freeBlocks: bigint;
  /** Free for ordinary users. */
  readonly availableBlocks: bigint;
}

export function diskRow(mount: Mount, space: FileSystemSpace): DiskRow {
  return {
    device: mount.device,
    mountpoint: mount.mountpoint,
    totalBytes: space.blocks * space.fragmentBytes,
    usedBytes: (space.blocks - space.freeBlocks) * space.fragmentBytes,
    freeBytes: space.availableBlocks * space.fragmentBytes,
  };
}

export function computerRow(
  coreCount: number,
  memoryBytes: number,
  disks: readonly DiskRow[],
): ComputerRow {
  const diskList = disks.map((disk) => `${disk.device}=${disk.totalBytes}`).join(';');
  return { coreCount, memoryBytes, diskList };
}
