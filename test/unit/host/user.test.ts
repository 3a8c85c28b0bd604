import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createUserReader } from '../../../src/host/user.ts';

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

const readUser = createUserReader(etc);

describe('the identity of a user', () => {
  it('has the primary group first and every other group once', () => {
    expect(readUser('slapuser0')).toEqual({
      uid: 1000,
      gid: 2000,
      groups: [2000, 7, 9],
      name: 'slapuser0',
      home: '/srv/slapgrid/slappart0',
    });
  });

  it('is found by uid too, the first line winning', () => {
    expect(readUser(1000)?.name).toBe('slapuser0');
    expect(readUser(0)?.groups).toEqual([0]);
  });

  it('is undefined for nobody and an error without files', () => {
    expect(readUser('nobody')).toBeUndefined();
    expect(() => createUserReader(join(etc, 'none'))('root')).toThrow(
      expect.objectContaining({ code: 'SLAPOS_ERR_ACCOUNT' }),
    );
  });

  it('is looked up again when the files changed', () => {
    const own = mkdtempSync(join(tmpdir(), 'slapos-etc-'));
    const write = (user: string, members: string) => {
      writeFileSync(join(own, 'passwd'), `${user}:x:1000:2000::/:/bin/false\n`);
      writeFileSync(join(own, 'group'), `one:x:7:${members}\n`);
    };
    write('first', 'first');
    const read = createUserReader(own);
    expect(read(1000)).toMatchObject({ name: 'first', groups: [2000, 7] });
    write('second', '');
    expect(read(1000)).toMatchObject({ name: 'second', groups: [2000] });
    rmSync(own, { recursive: true });
  });
});
