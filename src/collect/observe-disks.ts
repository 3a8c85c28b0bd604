/** Looks at the mounted disks (spec/collect.md 5.4). */
import type { CollectHost } from './collect-host.ts';
import {
  diskMounts,
  diskRow,
  findPartitionDevice,
  type Mount,
  parseDiskTypes,
  parseMounts,
  parseUeventDevice,
} from './disk-values.ts';
import type { DiskRow } from './sample.ts';

type DiskHost = Pick<CollectHost, 'files' | 'realpath' | 'deviceOf' | 'diskSpace'>;

/** The space of each disk, once; one that cannot be asked (unmounted meanwhile) is left out. */
export async function observeDisks(
  host: DiskHost,
  onFailure: (mount: Mount, error: unknown) => void,
): Promise<DiskRow[]> {
  const types = parseDiskTypes((await host.files.readText('/proc/filesystems')) ?? '');
  const mounts = parseMounts(await readMountTable(host));
  const isNamed = !mounts.some(({ device }) => device === '/dev/root' || device === 'rootfs');
  const rootDevice = isNamed ? '' : await findRootDevice(host);
  const rows: DiskRow[] = [];
  for (const mount of diskMounts(mounts, types, rootDevice)) {
    try {
      rows.push(diskRow(mount, encodeSpace(await host.diskSpace(mount.mountpoint))));
    } catch (error) {
      onFailure(mount, error);
    }
  }
  return rows;
}

function encodeSpace(space: Awaited<ReturnType<DiskHost['diskSpace']>>) {
  return {
    fragmentBytes: BigInt(space.fragmentBytes),
    blocks: BigInt(space.blocks),
    freeBlocks: BigInt(space.freeBlocks),
    availableBlocks: BigInt(space.availableBlocks),
  };
}

async function readMountTable(host: DiskHost): Promise<string> {
  const mtab = await host.realpath('/etc/mtab');
  const status = mtab === undefined ? undefined : await host.files.stat(mtab);
  const path = mtab !== undefined && status?.kind === 'file' ? mtab : '/proc/self/mounts';
  return (await host.files.readText(path)) ?? '';
}

/** The device of `/` where the mount table only says `/dev/root`, '' when nothing tells it. */
async function findRootDevice(host: DiskHost): Promise<string> {
  const { major, minor } = await host.deviceOf('/');
  const partitions = (await host.files.readText('/proc/partitions')) ?? '';
  const listed = findPartitionDevice(partitions, major, minor);
  if (listed !== '') return listed;
  const uevent = await host.files.readText(`/sys/dev/block/${major}:${minor}/uevent`);
  const named = parseUeventDevice(uevent ?? '');
  return named === '' ? findBlockDevice(host, `${major}:${minor}`) : named;
}

async function findBlockDevice(host: DiskHost, numbers: string): Promise<string> {
  for (const name of (await host.files.list('/sys/class/block')) ?? []) {
    const found = await host.files.readText(`/sys/class/block/${name}/dev`);
    if (found?.trim() === numbers) return `/dev/${name}`;
  }
  return '';
}
