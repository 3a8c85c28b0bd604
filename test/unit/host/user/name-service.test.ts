import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { lookUpNames, parseNameSources } from '../../../../src/host/user/name-service.ts';

describe('the sources of nsswitch.conf', () => {
  it.each([
    ['passwd: files\n', []],
    ['passwd:         files systemd sss # both\n', ['systemd', 'sss']],
    ['#passwd: nis\npasswd:files [!NOTFOUND=return]\tldap\n', ['ldap']],
    ['passwd: nis\n passwd: files\n', []],
    ['group: files ldap\npasswd_compat: nis\n', []],
    ['', []],
  ])('%j', (text, sources) => {
    expect(parseNameSources(text, 'passwd')).toEqual(sources);
  });
});

describe('asking the name service', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'name-service-'));
    writeFileSync(join(folder, 'switch'), 'passwd: files test\ngroup: files test\n');
    writeFileSync(join(folder, 'local'), 'passwd: files\ngroup: files\n');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** A getent(1) of a few lines of shell. */
  const program = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
    return { switchPath: join(folder, 'switch'), getent: path };
  };
  const query = { users: ['slapuser0', 20000], groups: ['slapuser0'] };

  it('gives the users and groups that are found', async () => {
    const options = program(
      'some',
      `[ "$1 $3" = '-s --' ] || exit 9
      case $2 in "$4:"*) ;; *) exit 9 ;; esac
      shift 3
      echo "$*" >> ${folder}/asked
      case $1 in
        passwd) echo 'slapuser0:*:5000:5001:A,B:/home/0:/bin/bash' ;;
        group) echo 'slapuser0:*:5001:a,b' ;;
      esac
      exit 2`,
    );
    expect(await lookUpNames(query, options)).toEqual({
      users: [
        {
          name: 'slapuser0',
          password: '*',
          uid: 5000,
          gid: 5001,
          gecos: 'A,B',
          home: '/home/0',
          shell: '/bin/bash',
        },
      ],
      groups: [{ name: 'slapuser0', password: '*', gid: 5001, members: ['a', 'b'] }],
    });
  });

  it('lists what systemd knows and asks the others for each key', async () => {
    const switchPath = join(folder, 'listed');
    writeFileSync(switchPath, 'passwd: files systemd test\ngroup: files systemd\n');
    const { getent } = program(
      'lists',
      `case "$*" in
        '-s passwd:systemd -- passwd') echo 'slapuser0:*:5000:5001::/:'; echo 'other:*:1:1::/:' ;;
        '-s passwd:test -- passwd slapuser0 20000') echo 'guest:*:20000:20000::/:' ;;
        '-s group:systemd -- group') echo 'other:*:5001:' ;;
        *) exit 9 ;;
      esac`,
    );
    const { users, groups } = await lookUpNames(query, { getent, switchPath });
    expect(users.map(({ name }) => name)).toEqual(['slapuser0', 'guest']);
    expect(groups).toEqual([]);
  });

  it('asks nobody where there are only the local files, or no nsswitch.conf', async () => {
    const { getent } = program('never', 'exit 9');
    for (const switchPath of [join(folder, 'local'), join(folder, 'missing')]) {
      const nothing = { users: [], groups: [] };
      expect(await lookUpNames(query, { getent, switchPath })).toEqual(nothing);
    }
  });

  it('asks for many keys in several processes', async () => {
    const options = program('count', `echo "n$#:x:$#:1:::"; exit 2`);
    const users = Array.from({ length: 9000 }, (_, index) => index);
    const found = await lookUpNames({ users, groups: [] }, options);
    expect(found.users.map(({ uid }) => uid)).toEqual([4004, 4004, 1004]);
  });

  it('does not wait for one that does not answer', async () => {
    const options = { ...program('hangs', 'exec sleep 60'), timeoutMs: 200 };
    const start = performance.now();
    await expect(lookUpNames(query, options)).rejects.toMatchObject({
      code: 'SLAPOS_ERR_ACCOUNT',
      exitCode: 1,
      message: expect.stringContaining('does not answer'),
      hint: expect.stringContaining('/etc/nsswitch.conf'),
    });
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it('does not wait for a day when the clock is set back meanwhile', async () => {
    const options = { ...program('hangs', 'exec sleep 60'), timeoutMs: 200 };
    let now = Date.now();
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => {
      now -= 86_400_000;
      return now;
    });
    await expect(lookUpNames(query, options))
      .rejects.toMatchObject({ code: 'SLAPOS_ERR_ACCOUNT' })
      .finally(() => clock.mockRestore());
  });

  it.each([
    ['fails', 'exit 1', 'ended with 1'],
    ['is killed', 'kill -9 $$', 'ended with SIGKILL'],
    ['talks without end', 'exec yes', 'answers too much'],
  ])('refuses to guess when it %s', async (name, text, problem) => {
    await expect(lookUpNames(query, program(name, text))).rejects.toMatchObject({
      code: 'SLAPOS_ERR_ACCOUNT',
      message: expect.stringContaining(problem),
    });
  });

  it('says so when getent is missing', async () => {
    const options = { ...program('x', ''), getent: join(folder, 'no-getent') };
    await expect(lookUpNames(query, options)).rejects.toMatchObject({
      message: expect.stringContaining('no-getent cannot be run'),
    });
  });
});
