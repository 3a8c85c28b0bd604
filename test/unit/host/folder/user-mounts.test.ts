import { expect, test } from 'vitest';
import { isMountOverHome, parseUserMounts } from '../../../../src/host/folder/user-mounts.ts';

const LINES = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
230 22 0:76 / /srv/h/m rw,nosuid - fuse /dev/fuse rw,user_id=1001,group_id=1001
231 22 0:77 / /srv/h/with\\040space rw,nosuid shared:7 - fuse.sshfs host: rw,user_id=1002,group_id=5
232 22 0:78 / /mnt/of-root rw - fuse.glusterfs server:/v rw,user_id=0,group_id=0,allow_other
233 22 0:79 / /mnt/user_id=1003 rw - tmpfs user_id=1003 rw,size=1k
234 22 0:80 / /dev/conn rw - fusectl fusectl rw
`;

test('mounts of users are found by what the kernel says of them, the last one first', () => {
  expect(parseUserMounts(LINES)).toEqual([
    { id: 231, path: '/srv/h/with space', uid: 1002 },
    { id: 230, path: '/srv/h/m', uid: 1001 },
  ]);
  expect(parseUserMounts('')).toEqual([]);
});

test('only the mount of a user over its own home is meant', () => {
  const users = new Map([
    [1001, { home: '/srv/slappart1' }],
    [1002, { home: '/srv/slappart2' }],
  ]);
  const isMeant = (path: string, uid: number, ...folder: readonly string[]) =>
    isMountOverHome({ id: 1, path, uid }, folder, { findUser: (each) => users.get(each) });
  expect(isMeant('/srv/slappart1', 1001, '/srv/slappart1')).toBe(true);
  // The instance root is a link, which the kernel does not name.
  expect(isMeant('/disk/slappart1', 1001, '/srv/slappart1', '/disk/slappart1')).toBe(true);
  // Of another user, of nobody that is known, elsewhere, and where somebody wants to have it gone.
  expect(isMeant('/srv/slappart1', 1002, '/srv/slappart1')).toBe(false);
  expect(isMeant('/srv/slappart1', 1003, '/srv/slappart1')).toBe(false);
  expect(isMeant('/srv/slappart1/etc', 1001, '/srv/slappart1')).toBe(false);
  expect(isMeant('/home/user/remote', 1002, '/home/user/remote')).toBe(false);
});
