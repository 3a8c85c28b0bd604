/** Users and groups that exist already, here or in a name service (spec/format.md 7). */
import { describe, expect, it } from 'vitest';
import { prepare } from '../../../src/format/format.ts';
import { FIRST_ID } from '../../../src/format/id-pool.ts';
import type { GroupEntry, PasswdEntry } from '../../../src/host/host.ts';
import { FakeHost } from '../../support/fake-host.ts';
import { formatInput, formatOptions, plannedKinds, runFormat } from '../../support/format-run.ts';

const HOME = '/srv/slapgrid/slappart0';

function bridgeHost(): FakeHost {
  const host = new FakeHost();
  host.addLink('br0', { kind: 'bridge' });
  host.addAddress('br0', '2001:db8:aaaa::1', 48);
  return host;
}

function user(name: string, uid: number, changes: Partial<PasswdEntry> = {}): PasswdEntry {
  const home = HOME.replace(/0$/, name.replace(/\D/g, ''));
  return { name, password: 'x', uid, gid: uid, gecos: '', home, shell: '/bin/sh', ...changes };
}

function group(name: string, gid: number, members: readonly string[] = []): GroupEntry {
  return { name, password: 'x', gid, members };
}

function addUser(host: FakeHost, entry: PasswdEntry, password = '!'): void {
  host.users.set(entry.name, entry);
  host.passwords.set(entry.name, password);
}

const input = (host: FakeHost, changes = {}) => formatInput(host, formatOptions(changes));

async function transactionOf(host: FakeHost, changes = {}) {
  const { steps } = await prepare(input(host, changes));
  return steps.find((step) => step.kind === 'accounts')?.transaction;
}

describe('an existing user', () => {
  const prepared = async () => {
    const host = bridgeHost();
    await runFormat(input(host));
    return host;
  };
  const nothing = {
    addGroups: [],
    addUsers: [],
    changeUsers: [],
    lockUsers: [],
    addMembers: [],
    removeUsers: [],
    removeGroups: [],
  };

  it.each<[string, Partial<PasswdEntry>]>([
    ['home', { home: '/elsewhere' }],
    ['shell', { shell: '/bin/bash' }],
    ['primary group', { gid: 1 }],
  ])('gets its %s back, and nothing else is changed', async (_, wrong) => {
    const host = await prepared();
    const before = host.users.get('slapuser1') as PasswdEntry;
    host.users.set('slapuser1', { ...before, ...wrong });
    const [key] = Object.keys(wrong) as ['home' | 'shell' | 'gid'];
    expect(await transactionOf(host)).toEqual({
      ...nothing,
      changeUsers: [{ name: 'slapuser1', [key]: before[key] }],
    });
    await runFormat(input(host));
    expect(host.users.get('slapuser1')).toEqual(before);
    expect(await plannedKinds(input(host))).toEqual([]);
  });

  it('is locked again, and joins the group of the software user again', async () => {
    const host = await prepared();
    host.passwords.set('slapuser2', '$y$j9T$secret');
    const soft = host.groups.get('slapsoft') as GroupEntry;
    host.groups.set('slapsoft', { ...soft, members: ['slapuser0', 'slapuser2'] });
    expect(await transactionOf(host)).toEqual({
      ...nothing,
      lockUsers: ['slapuser2'],
      addMembers: [{ group: 'slapsoft', user: 'slapuser1' }],
    });
    await runFormat(input(host));
    expect(await plannedKinds(input(host))).toEqual([]);
  });

  it('keeps its uid, its other groups and its comment', async () => {
    const host = bridgeHost();
    addUser(host, user('slapuser0', 995, { gid: 1002, gecos: 'made by upstream' }));
    host.groups.set('slapuser0', group('slapuser0', 1002));
    host.groups.set('video', group('video', 44, ['slapuser0']));
    const { computer } = await runFormat(input(host));
    expect(computer.partitions[0]?.user.name).toBe('slapuser0');
    expect(host.users.get('slapuser0')).toMatchObject({
      uid: 995,
      gid: 1002,
      gecos: 'made by upstream',
    });
    expect(host.groups.get('video')?.members).toEqual(['slapuser0']);
    expect(host.folders.get(HOME)).toMatchObject({ uid: 995, gid: 1002 });
  });

  it('that several partitions of a definition share lives in the home of the first', async () => {
    const host = bridgeHost();
    const section = (index: number) => [
      `partition_${index}`,
      new Map([
        ['address', ''],
        ['user', 'shared'],
        ['network_interface', `tap${index}`],
        ['pathname', `part${index}`],
      ]),
    ];
    const options = formatOptions({ input_definition_file: '/etc/def', partition_amount: '2' });
    const definition = new Map([['computer', new Map()], section(0), section(1)] as Array<
      [string, Map<string, string>]
    >);
    await runFormat(formatInput(host, options, definition));
    expect(host.users.get('shared')?.home).toBe('/srv/slapgrid/part0');
    expect(await plannedKinds(formatInput(host, options, definition))).toEqual([]);
  });
});

describe('an id that somebody has', () => {
  it('is not given to a new user or group', async () => {
    const host = bridgeHost();
    addUser(host, user('ann', FIRST_ID));
    host.groups.set('staff', group('staff', FIRST_ID + 1));
    await runFormat(input(host));
    const ids = [...host.users.values()].map(({ uid }) => uid);
    expect(new Set(ids).size).toBe(ids.length);
    const given = host.users.get('slapsoft')?.uid;
    expect(given).toBe(FIRST_ID + 2);
    expect(host.groups.get('slapsoft')?.gid).toBe(given);
  });

  it('is found in the gaps when the end of the block is taken', async () => {
    const host = bridgeHost();
    addUser(host, user('last', 59999));
    addUser(host, user('first', 20000));
    await runFormat(input(host));
    expect(host.users.get('slapsoft')?.uid).toBe(20001);
  });

  it.each<[string, (host: FakeHost) => void, string]>([
    [
      'the uid of another user',
      (host) => {
        addUser(host, user('ann', 1000));
        addUser(host, user('slapuser1', 1000));
      },
      'User slapuser1 has uid 1000, which ann has too.',
    ],
    [
      'the uid of another partition',
      (host) => {
        addUser(host, user('slapuser2', 1000));
        addUser(host, user('slapuser1', 1000));
      },
      'User slapuser1 has uid 1000, which slapuser2 has too.',
    ],
    [
      'the uid of root',
      (host) => addUser(host, user('slapuser1', 0)),
      "User slapuser1 has uid 0, the administrator's.",
    ],
    [
      'the gid of another group',
      (host) => {
        host.groups.set('slapuser1', group('slapuser1', 50));
        host.groups.set('staff', group('staff', 50));
      },
      'Group slapuser1 has gid 50, which staff has too.',
    ],
    [
      'the gid of root',
      (host) => host.groups.set('slapsoft', group('slapsoft', 0)),
      "Group slapsoft has gid 0, the administrator's.",
    ],
  ])('is refused in a user of ours before anything is written: %s', async (_, set, message) => {
    const host = bridgeHost();
    set(host);
    const before = host.snapshot();
    await expect(prepare(input(host))).rejects.toMatchObject({
      code: 'SLAPOS_ERR_PLAN_CONFLICT',
      exitCode: 1,
      message,
    });
    expect(host.snapshot()).toEqual(before);
  });

  it('is nobody’s business among users that are not ours', async () => {
    const host = bridgeHost();
    addUser(host, user('toor', 0));
    addUser(host, user('ann', 1000));
    addUser(host, user('bob', 1000));
    await runFormat(input(host));
    expect(await plannedKinds(input(host))).toEqual([]);
  });

  it('is refused in a software user that is root, whose password would be locked', async () => {
    await expect(prepare(input(bridgeHost(), { software_user: 'root' }))).rejects.toMatchObject({
      message: "User root has uid 0, the administrator's.",
    });
  });
});

describe('a name service', () => {
  it('gives users that are used as they are and not made again', async () => {
    const host = bridgeHost();
    const outside = user('slapuser1', 5001, { gid: 100, home: '/home/1', shell: '/bin/bash' });
    host.outside.users.push(outside);
    const { warnings } = await runFormat(input(host));
    expect(warnings).toEqual([
      'Left as the name service has them: user slapuser1 (home /home/1), group slapsoft (without slapuser1).',
    ]);
    expect(host.users.has('slapuser1')).toBe(false);
    expect(host.groups.has('slapuser1')).toBe(false);
    expect(host.groups.get('slapsoft')?.members).toEqual(['slapuser0', 'slapuser2']);
    expect(host.folders.get('/srv/slapgrid/slappart1')).toMatchObject({ uid: 5001, gid: 100 });
    expect(host.links.find(({ name }) => name === 'slaptap1')?.tunOwner).toBe(5001);
    expect(await plannedKinds(input(host))).toEqual([]);
  });

  it('gives the software user; the files get its group where there is none', async () => {
    const host = bridgeHost();
    host.outside.users.push(user('slapsoft', 5000, { home: '/opt/slapgrid' }));
    const { warnings } = await runFormat(input(host));
    expect(warnings).toEqual([]);
    expect(host.users.has('slapsoft')).toBe(false);
    expect(host.groups.get('slapsoft')?.members).toHaveLength(3);
    expect(host.folders.get('/opt/slapgrid')).toMatchObject({ uid: 5000, gid: 5000 });
    expect(await plannedKinds(input(host))).toEqual([]);
  });

  it('has ids of its own, which are not given, however many', async () => {
    const host = bridgeHost();
    for (let id = FIRST_ID; id < FIRST_ID + 50; id += 1) {
      if (id % 2 === 0) host.outside.users.push(user(`ldap${id}`, id));
      else host.outside.groups.push(group(`ldap${id}`, id));
    }
    await runFormat(input(host));
    expect(host.users.get('slapsoft')?.uid).toBe(FIRST_ID + 50);
    expect(host.users.get('slapuser2')?.uid).toBe(FIRST_ID + 53);
  });

  it('has the number of a group that was left alone: its user gets another', async () => {
    const host = bridgeHost();
    host.groups.set('slapuser0', group('slapuser0', 20007));
    host.outside.users.push(user('ldap', 20007));
    await runFormat(input(host));
    expect(host.users.get('slapuser0')).toMatchObject({ gid: 20007 });
    expect(host.users.get('slapuser0')?.uid).not.toBe(20007);
  });

  it.each([
    ['a user with the uid of one of ours', 'slapuser1', 20001, /^User slapuser\d has uid 20001/],
    ['a user that is root', 'slapuser1', 0, /^User slapuser1 has uid 0/],
  ])('is refused %s', async (_, name, uid, message) => {
    const host = bridgeHost();
    addUser(host, user('slapuser0', 20001));
    host.outside.users.push(user(name, uid));
    await expect(prepare(input(host))).rejects.toMatchObject({
      code: 'SLAPOS_ERR_PLAN_CONFLICT',
      message: expect.stringMatching(message),
    });
  });

  it('cannot give a group without its user', async () => {
    const host = bridgeHost();
    host.outside.groups.push(group('slapuser1', 5001));
    await expect(prepare(input(host))).rejects.toMatchObject({
      message: 'Group slapuser1 comes from the name service, but user slapuser1 does not.',
      context: { account: 'slapuser1' },
    });
  });

  it('is waited for at a start where users are not altered', async () => {
    const host = bridgeHost();
    await expect(prepare(input(host, { alter_user: 'false' }))).rejects.toMatchObject({
      message: 'User slapuser0 of slappart0 does not exist and alter_user is false.',
      context: { account: 'slapuser0' },
    });
  });

  it('counts when users are not altered', async () => {
    const host = bridgeHost();
    const settings = { alter_user: 'false', partition_amount: '1' };
    host.outside.users.push(user('slapuser0', 5000));
    await runFormat(input(host, settings));
    expect(host.links.find(({ name }) => name === 'slaptap0')?.tunOwner).toBe(5000);
  });

  it('is asked for nothing when the files know everybody', async () => {
    const host = bridgeHost();
    await runFormat(input(host));
    const asked: unknown[] = [];
    host.accounts.lookUp = async ({ users, groups }) => {
      asked.push(...users, ...groups);
      return { users: [], groups: [] };
    };
    await plannedKinds(input(host));
    expect(asked).toEqual([]);
  });

  it('that does not answer ends the run before anything is written', async () => {
    const host = bridgeHost();
    host.accounts.lookUp = () => Promise.reject(new Error('no answer'));
    const before = host.snapshot();
    await expect(prepare(input(host))).rejects.toThrow('no answer');
    expect(host.snapshot()).toEqual(before);
  });
});
