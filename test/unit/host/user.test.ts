import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readUser } from '../../../src/host/user.ts';

const etc = mkdtempSync(join(tmpdir(), 'slapos-etc-'));
writeFileSync(
  join(etc, 'passwd'),
  'root:x:0:0:root:/root:/bin/sh\nslapuser0:x:1000:2000::/srv/slapgrid/slappart0:/bin/false\n' +
    'twin:x:1000:3000::/twin:/bin/false\n',
);
writeFileSync(
  join(etc, 'group'),
  'root:x:0:\nslapuser0:x:2000:slapuser0\na:x:7:x,slapuser0\nb:x:8:slapuser01\nc:x:9:slapuser0\n',
);
afterAll(() => rmSync(etc, { recursive: true }));

describe('the identity of a user', () => {
  it('has the primary group first and every other group once', () => {
    expect(readUser('slapuser0', etc)).toEqual({
      uid: 1000,
      gid: 2000,
      groups: [2000, 7, 9],
      name: 'slapuser0',
      home: '/srv/slapgrid/slappart0',
    });
  });

  it('is found by uid too, the first line winning', () => {
    expect(readUser(1000, etc)?.name).toBe('slapuser0');
    expect(readUser(0, etc)?.groups).toEqual([0]);
  });

  it('is undefined for nobody and an error without files', () => {
    expect(readUser('nobody', etc)).toBeUndefined();
    expect(() => readUser('root', join(etc, 'none'))).toThrow(
      expect.objectContaining({ code: 'SLAPOS_ERR_ACCOUNT' }),
    );
  });
});
