import { describe, expect, it } from 'vitest';
import type { GridHost } from '../../../src/host/grid-host.ts';
import type { FileStatus } from '../../../src/host/host.ts';
import { checkLocalProfile, permissionBits } from '../../../src/software/access.ts';

const USER = { uid: 1000, gid: 1000, groups: [1000, 50], name: 'slapsoft', home: '/' };

function status(mode: number, uid = 0, gid = 0): FileStatus {
  return { kind: 'file', mode, uid, gid, sizeBytes: 0, modifiedMs: 0 };
}

function hostWith(files: Readonly<Record<string, FileStatus>>): GridHost {
  return { stat: async (path: string) => files[path] } as unknown as GridHost;
}

describe('permissionBits', () => {
  it.each([
    [status(0o750, 1000), 7],
    [status(0o750, 0, 50), 5],
    [status(0o751), 1],
    [status(0o077, 1000, 50), 0],
  ])('of %j', (file, bits) => {
    expect(permissionBits(file, USER)).toBe(bits);
  });
});

describe('checkLocalProfile', () => {
  const open = { '/root': status(0o755), '/root/x': status(0o711), '/root/x/s.cfg': status(0o644) };

  it('accepts what the user can reach and read', async () => {
    await checkLocalProfile(hostWith(open), '/root/x/s.cfg', USER);
  });

  it('names the closed folder and the fix', async () => {
    const closed = hostWith({ ...open, '/root': status(0o700) });
    await expect(checkLocalProfile(closed, '/root/x/s.cfg', USER)).rejects.toMatchObject({
      message:
        'Software Release /root/x/s.cfg cannot be read by user slapsoft: /root has mode 0700.',
      hint: expect.stringContaining('chmod o+rx /root'),
    });
  });

  it('tells a missing file from a missing folder', async () => {
    await expect(checkLocalProfile(hostWith(open), '/root/x/no.cfg', USER)).rejects.toThrow(
      'Software Release /root/x/no.cfg cannot be read: there is no such file.',
    );
    await expect(checkLocalProfile(hostWith(open), '/root/y/s.cfg', USER)).rejects.toThrow(
      '/root/y does not exist',
    );
  });
});
