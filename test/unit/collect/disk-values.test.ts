import { describe, expect, test } from 'vitest';
import {
  computerRow,
  diskMounts,
  diskRow,
  findPartitionDevice,
  parseDiskTypes,
  parseMounts,
  parseUeventDevice,
} from '../../../src/collect/disk-values.ts';

const MOUNTS = `none /none ext4 rw 0 0
/dev/root / ext4 rw 0 0
tmpfs /tmp tmpfs rw 0 0
/dev/vdb /srv/with\\040blank xfs rw 0 0
/dev/vdb /srv/again xfs rw 0 0
pool/data /pool zfs rw 0 0
`;
const types = parseDiskTypes('nodev\tsysfs\nnodev\ttmpfs\n\text4\n\txfs\nnodev\tzfs\n');

describe('which mounts count', () => {
  test('types on a device, and zfs', () => {
    expect([...types]).toEqual(['ext4', 'xfs', 'zfs']);
  });
  test('one mount a device, the root device by its real name', () => {
    expect(diskMounts(parseMounts(MOUNTS), types, '/dev/vda1')).toEqual([
      { device: '/dev/vda1', mountpoint: '/', type: 'ext4' },
      { device: '/dev/vdb', mountpoint: '/srv/with blank', type: 'xfs' },
      { device: 'pool/data', mountpoint: '/pool', type: 'zfs' },
    ]);
  });
  test('the root device stays as it is when nothing names it', () => {
    expect(diskMounts(parseMounts(MOUNTS), types, '')[0]?.device).toBe('/dev/root');
  });
});

test('the root device by its numbers', () => {
  const partitions = 'major minor  #blocks  name\n\n 254        0   1000 vda\n 254  1  900 vda1\n';
  expect(findPartitionDevice(partitions, 254, 1)).toBe('/dev/vda1');
  expect(findPartitionDevice(partitions, 8, 1)).toBe('');
  expect(parseUeventDevice('MAJOR=254\nMINOR=1\nDEVNAME=vda1\n')).toBe('/dev/vda1');
  expect(parseUeventDevice('MAJOR=254\n')).toBe('');
});

test('sizes count in fragments, and root keeps a reserve', () => {
  const mount = { device: '/dev/vda', mountpoint: '/', type: 'ext4' };
  const row = diskRow(mount, {
    fragmentBytes: 4096n,
    blocks: 1000n,
    freeBlocks: 400n,
    availableBlocks: 350n,
  });
  expect(row).toMatchObject({ usedBytes: 2457600n, freeBytes: 1433600n, totalBytes: 4096000n });
  expect(computerRow(2, 1024, [row, { ...row, device: '/dev/vdb' }]).diskList).toBe(
    '/dev/vda=4096000;/dev/vdb=4096000',
  );
});
