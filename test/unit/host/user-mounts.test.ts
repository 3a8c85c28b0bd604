import { expect, test } from 'vitest';
import { parseUserMounts } from '../../../src/host/user-mounts.ts';

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
