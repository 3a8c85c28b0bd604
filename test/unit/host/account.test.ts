import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createAccounts,
  parseGroup,
  parseGshadow,
  parsePasswd,
  parseShadow,
} from '../../../src/host/account.ts';
import type { AccountTransaction } from '../../../src/host/native.ts';

describe('account file parsers', () => {
  it('read the fields of passwd', () => {
    expect(parsePasswd('slapuser0:x:995:1002:a,b:/srv/slappart0:/bin/sh\n')).toEqual([
      {
        name: 'slapuser0',
        password: 'x',
        uid: 995,
        gid: 1002,
        gecos: 'a,b',
        home: '/srv/slappart0',
        shell: '/bin/sh',
      },
    ]);
  });

  it('read members of group and gshadow', () => {
    expect(parseGroup('g:x:7:a,b\nempty:x:8:')).toEqual([
      { name: 'g', password: 'x', gid: 7, members: ['a', 'b'] },
      { name: 'empty', password: 'x', gid: 8, members: [] },
    ]);
    expect(parseGshadow('g:!:root:a\n')).toEqual([
      { name: 'g', password: '!', administrators: ['root'], members: ['a'] },
    ]);
  });

  it('read the password of shadow', () => {
    expect(parseShadow('slapuser0:!:20413::::::\n')).toEqual([
      { name: 'slapuser0', password: '!' },
    ]);
  });

  it('leave out NIS lines, comments and broken lines', () => {
    const text = '+::::::\n-bad::::::\n# no\n:x:1:1:::\nshort:x:1\nnan:x:a:1:::\nok:x:1:1:::\n\n';
    expect(parsePasswd(text).map((user) => user.name)).toEqual(['ok']);
  });
});

describe('the accounts of a folder', () => {
  let etc = '';
  const accounts = createAccounts();
  const change = (part: Partial<AccountTransaction>): AccountTransaction => ({
    etc,
    addGroups: [],
    addUsers: [],
    changeUsers: [],
    lockUsers: [],
    addMembers: [],
    removeUsers: [],
    removeGroups: [],
    ...part,
  });
  beforeEach(() => {
    etc = mkdtempSync(join(tmpdir(), 'slapos-etc-'));
    writeFileSync(join(etc, 'passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
    writeFileSync(join(etc, 'group'), 'root:x:0:\n');
  });
  afterEach(() => rmSync(etc, { recursive: true, force: true }));

  it('are read back as they were applied', async () => {
    writeFileSync(join(etc, 'shadow'), 'root:*:1::::::\n');
    const home = '/srv/slappart0';
    const user = { name: 'slapuser0', uid: 31000, gid: 31000, gecos: '', home, shell: '/bin/sh' };
    await accounts.apply(
      change({ addGroups: [{ name: 'slapuser0', gid: 31000 }], addUsers: [user] }),
    );
    const state = await accounts.read(etc);
    expect(state.users.at(-1)).toEqual({ ...user, password: 'x' });
    expect(state.groups.at(-1)).toMatchObject({ name: 'slapuser0', gid: 31000, members: [] });
    expect(state.shadow?.at(-1)).toEqual({ name: 'slapuser0', password: '!' });
    expect(state.gshadow).toBeUndefined();
  });

  it('report a clash with both sides and what to do', async () => {
    const transaction = change({ addGroups: [{ name: 'slapsoft', gid: 0 }] });
    await expect(accounts.apply(transaction)).rejects.toMatchObject({
      code: 'SLAPOS_ERR_ACCOUNT',
      message: `Cannot change users and groups in ${etc}: gid 0 belongs to group 'root' (account: EEXIST).`,
      hint: expect.stringContaining('user_base_name'),
    });
  });

  it('report a folder without account files', async () => {
    const missing = join(etc, 'none');
    await expect(accounts.read(missing)).rejects.toMatchObject({ code: 'SLAPOS_ERR_ACCOUNT' });
    await expect(accounts.apply({ ...change({}), etc: missing })).rejects.toMatchObject({
      code: 'SLAPOS_ERR_ACCOUNT',
      errno: 2,
    });
  });

  it('report a shadow file that is a folder instead of leaving it out', async () => {
    mkdirSync(join(etc, 'shadow'));
    await expect(accounts.read(etc)).rejects.toMatchObject({ code: 'SLAPOS_ERR_ACCOUNT' });
  });
});
