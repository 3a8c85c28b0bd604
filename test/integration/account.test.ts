import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { createHost } from '../../src/host/create-host.ts';
import type { AccountTransaction, AccountUser } from '../../src/host/native.ts';
import { requires } from '../support/requires.ts';

const { accounts } = createHost();
const FIRST_ID = 41_000;
const names = Array.from({ length: 20 }, (_, i) => `acctuser${i}`);

const change = (part: Partial<AccountTransaction>): AccountTransaction => ({
  etc: '/etc',
  addGroups: [],
  addUsers: [],
  changeUsers: [],
  lockUsers: [],
  addMembers: [],
  removeUsers: [],
  removeGroups: [],
  ...part,
});

const user = (name: string, id: number): AccountUser => ({
  name,
  uid: id,
  gid: id,
  gecos: '',
  home: `/srv/slapgrid/${name}`,
  shell: '/bin/sh',
});

const partitions = change({
  addGroups: names.map((name, i) => ({ name, gid: FIRST_ID + i })),
  addUsers: names.map((name, i) => user(name, FIRST_ID + i)),
  addMembers: names.slice(1).map((name) => ({ group: 'acctuser0', user: name })),
});

const run = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: 'utf8' }).trim();

/** Runs a shell line beside the test; resolves to its exit status. */
function inBackground(line: string): Promise<number | null> {
  const child = spawn('sh', ['-c', line], { stdio: 'inherit' });
  return new Promise((resolve) => child.once('exit', resolve));
}

requires('root', 'netns')('the accounts of the host', () => {
  afterEach(async () => {
    await accounts.apply(change({ removeUsers: names, removeGroups: names }));
  });

  it('are seen by the system: ids, groups, lock', async () => {
    await accounts.apply(partitions);
    expect(run('id', '-u', 'acctuser7')).toBe(String(FIRST_ID + 7));
    expect(run('id', '-Gn', 'acctuser7')).toBe('acctuser7 acctuser0');
    expect(run('passwd', '-S', 'acctuser7').split(' ').slice(0, 2)).toEqual(['acctuser7', 'L']);
    expect(run('getent', 'passwd', 'acctuser7')).toBe(
      `acctuser7:x:${FIRST_ID + 7}:${FIRST_ID + 7}::/srv/slapgrid/acctuser7:/bin/sh`,
    );
  });

  it('satisfy pwck and grpck as far as they did before', async () => {
    const findings = () =>
      [spawnSync('pwck', ['-r', '-q']), spawnSync('grpck', ['-r'])]
        .map((result) => `${result.stdout}${result.stderr}`)
        .join('')
        .split('\n')
        .filter((line) => /acctuser/.test(line) && !/directory/.test(line));
    await accounts.apply(partitions);
    expect(findings()).toEqual([]);
  });

  it('keep mode and owner of the files, with a backup of each', async () => {
    const before = statSync('/etc/shadow');
    const passwd = readFileSync('/etc/passwd', 'utf8');
    await accounts.apply(partitions);
    const after = statSync('/etc/shadow');
    expect([after.mode, after.uid, after.gid]).toEqual([before.mode, before.uid, before.gid]);
    expect(readFileSync('/etc/passwd-', 'utf8')).toBe(passwd);
    expect(existsSync('/etc/passwd+')).toBe(false);
  });

  it('keep useradd out while they change, and wait for it', async () => {
    const loop = inBackground('for i in 1 2 3 4 5 6; do useradd -r -g 0 -M acctuser1$i; done');
    for (const [i, name] of names.slice(0, 6).entries()) {
      await accounts.apply(
        change({
          addGroups: [{ name, gid: FIRST_ID + i }],
          addUsers: [user(name, FIRST_ID + i)],
        }),
      );
    }
    expect(await loop).toBe(0);
    const state = await accounts.read();
    const present = state.users.map((one) => one.name).filter((name) => names.includes(name));
    const wanted = [...names.slice(0, 6), ...names.slice(11, 17)];
    expect(present.sort()).toEqual(wanted.sort());
    expect(state.shadow?.filter((one) => wanted.includes(one.name))).toHaveLength(wanted.length);
  });

  it('are unchanged when one of them clashes', async () => {
    const before = readFileSync('/etc/passwd', 'utf8') + readFileSync('/etc/group', 'utf8');
    const clash = change({ ...partitions, addUsers: [...partitions.addUsers, user('root', 9)] });
    await expect(accounts.apply(clash)).rejects.toMatchObject({
      code: 'SLAPOS_ERR_ACCOUNT',
      message: expect.stringContaining("user 'root' exists already"),
    });
    expect(readFileSync('/etc/passwd', 'utf8') + readFileSync('/etc/group', 'utf8')).toBe(before);
  });

  it('go away with everything that belonged to them', async () => {
    const files = ['passwd', 'group', 'shadow', 'gshadow'].map((name) => `/etc/${name}`);
    const before = files.map((file) => readFileSync(file, 'utf8'));
    await accounts.apply(partitions);
    await accounts.apply(change({ removeUsers: names, removeGroups: names }));
    expect(files.map((file) => readFileSync(file, 'utf8'))).toEqual(before);
  });
});
