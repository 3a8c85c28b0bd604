import { expect, it } from 'vitest';
import { parseBlockDevices, parseDiskRequests } from '../../../src/manager/disks.ts';

it('finds disks and the partitions directly on them', () => {
  const text = JSON.stringify({
    blockdevices: [
      {
        path: '/dev/sda',
        type: 'disk',
        children: [
          { path: '/dev/sda1', type: 'part', children: [{ path: '/dev/dm-0', type: 'part' }] },
          { path: '/dev/mapper/x', type: 'crypt' },
          null,
        ],
      },
      { path: '/dev/loop0', type: 'loop', children: [{ path: '/dev/loop0p1', type: 'part' }] },
      { name: 'sdb', type: 'disk' },
      'x',
    ],
  });
  expect([...parseBlockDevices(text)]).toEqual(['/dev/sda', '/dev/sda1', '/dev/loop0p1']);
  for (const other of ['{}', '[]', 'null', '{"blockdevices": 7}']) {
    expect(parseBlockDevices(other).size).toBe(0);
  }
  expect(() => parseBlockDevices('lsblk: no')).toThrow(SyntaxError);
});

it('reads what is asked for, and says what is no request', () => {
  const entries = [
    { disk: '/dev/sdb' },
    { disk: '/dev/sdb' },
    { disk: null },
    null,
    7,
    { disk: 'a' },
  ];
  const { paths, problems } = parseDiskRequests(entries);
  expect(paths).toEqual(['/dev/sdb']);
  expect(problems).toEqual([
    '{"disk":null} names no disk',
    'null names no disk',
    '7 names no disk',
    '{"disk":"a"} names no disk',
  ]);
  const many = Array.from({ length: 65 }, (_, index) => ({ disk: `/dev/${index}` }));
  expect(parseDiskRequests(many).paths).toHaveLength(64);
  expect(parseDiskRequests(many).problems).toEqual(['it has more than 64 entries']);
});
