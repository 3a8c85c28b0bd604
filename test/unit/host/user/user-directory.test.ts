import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createOutsideUsers } from '../../../../src/host/user/outside-users.ts';
import { UserDirectory } from '../../../../src/host/user/user-directory.ts';
import { UserTable } from '../../../../src/supervisor/configuration/users.ts';

let etc: string;
beforeEach(() => {
  etc = mkdtempSync(join(tmpdir(), 'slapos-etc-'));
  writeFileSync(
    join(etc, 'passwd'),
    'root:x:0:0:root:/root:/bin/sh\nslapuser0:x:1000:2000::/srv/slapgrid/slappart0:/bin/false\n' +
      'twin:x:1000:3000::/twin:/bin/false\n',
  );
  writeFileSync(
    join(etc, 'group'),
    'root:x:0:\nslapuser0:x:2000:slapuser0\na:x:7:x,slapuser0,ann\nb:x:8:slapuser01\nc:x:9:slapuser0\n',
  );
});
afterEach(() => rmSync(etc, { recursive: true }));

describe('the identity of a user', () => {
  it('has the primary group first and every other group once', () => {
    expect(new UserDirectory(etc).identify('slapuser0')).toEqual({
      uid: 1000,
      gid: 2000,
      groups: [2000, 7, 9],
      name: 'slapuser0',
      home: '/srv/slapgrid/slappart0',
    });
  });

  it('is found by uid too, the first line winning', () => {
    const directory = new UserDirectory(etc);
    expect(directory.identify(1000)?.name).toBe('slapuser0');
    expect(directory.identify(0)?.groups).toEqual([0]);
  });

  it('is undefined for nobody, also without files, and changes with them', () => {
    const directory = new UserDirectory(etc);
    const before = directory.version();
    expect(directory.identify('new')).toBeUndefined();
    appendFileSync(join(etc, 'passwd'), 'new:x:5:5::/new:/bin/sh\n');
    expect(directory.version()).not.toBe(before);
    expect(directory.identify('new')?.home).toBe('/new');
    expect(new UserDirectory(join(etc, 'none')).identify('root')).toBeUndefined();
  });
});

it.each(['passwd', 'group'])('is not guessed while %s cannot be read', (name) => {
  const directory = new UserDirectory(etc);
  rmSync(join(etc, name));
  // proc_pid_mem(5): nothing is mapped at the start.
  symlinkSync('/proc/self/mem', join(etc, name));
  expect(() => directory.identify('slapuser0')).toThrow(
    `Cannot tell which users and groups exist: ${join(etc, name)}: EIO.`,
  );
});

describe('users of a name service', () => {
  const useService = (answers: string) => {
    writeFileSync(join(etc, 'nsswitch.conf'), 'passwd: files ldap\ngroup: files [x=y] ldap\n');
    const getent = join(etc, 'getent');
    writeFileSync(getent, `#!/bin/sh\necho "$*" >> ${etc}/asked\n${answers}\nexit 2\n`, {
      mode: 0o755,
    });
    let nowMs = 0;
    const switchPath = join(etc, 'nsswitch.conf');
    const outside = createOutsideUsers({ switchPath, getent, nowMs: () => nowMs, timeoutMs: 300 });
    return {
      directory: new UserDirectory(etc, outside),
      asked: () => readFileSync(join(etc, 'asked'), 'utf8').split('\n').slice(0, -1),
      pass: (ms: number) => {
        nowMs += ms;
      },
    };
  };
  const ANN = `case "$*" in
    *passwd\\ ann|*passwd\\ 31001) echo ann:x:31001:31002::/home/ann:/bin/sh; exit 0 ;;
    *initgroups\\ ann) echo "ann   31005 31002"; exit 0 ;;
    *group\\ team|*group\\ 31005) echo team:x:31005:ann; exit 0 ;;
  esac`;

  it('are asked for only when the files do not have them, and once', () => {
    const { asked, directory, pass } = useService(ANN);
    expect(directory.identify('slapuser0')?.uid).toBe(1000);
    const ann = {
      uid: 31001,
      gid: 31002,
      groups: [31002, 7, 31005],
      name: 'ann',
      home: '/home/ann',
    };
    expect(directory.identify(31001)).toEqual(ann);
    pass(599_000);
    expect(directory.identify(31001)).toEqual(ann);
    expect(asked()).toEqual([
      '-s passwd:ldap -- passwd 31001',
      '-s initgroups:ldap -- initgroups ann',
    ]);
    pass(2000);
    directory.identify(31001);
    expect(asked()).toHaveLength(4);
  });

  it('that are missing are asked for again, and the version says so', () => {
    const { asked, directory, pass } = useService('');
    expect(directory.findUser('bob')).toBeUndefined();
    const before = directory.version();
    expect(directory.findUser('bob')).toBeUndefined();
    expect(asked()).toHaveLength(1);
    pass(10_001);
    expect(directory.version()).not.toBe(before);
    directory.findUser('bob');
    expect(asked()).toHaveLength(2);
  });

  it('serve the supervisor by name and number', () => {
    const users = new UserTable(useService(ANN).directory);
    expect([users.findUid('ann'), users.findUid('31001'), users.findUid('bob')]).toEqual([
      31001,
      31001,
      undefined,
    ]);
    expect(users.findOwner('ann:team')).toEqual({ uid: 31001, gid: 31005 });
    expect(users.findOwner('31001:root')).toEqual({ uid: 31001, gid: 0 });
    expect(users.findOwner('ann')).toEqual({ uid: 31001, gid: 31002 });
    expect(users.findOwner('ann:nobodies')).toBeUndefined();
    expect(users.findAccount(31001)?.groups).toEqual([31002, 7, 31005]);
  });

  it('that hang, fail or do not exist count as missing', () => {
    expect(useService('echo ann:x:1:1::/:/; exit 1').directory.findUser('ann')).toBeUndefined();
    expect(useService('echo other:x:1:1::/:/; exit 0').directory.findUser('ann')).toBeUndefined();
    const switchPath = join(etc, 'nsswitch.conf');
    const none = createOutsideUsers({ switchPath, getent: join(etc, 'nothing') });
    expect(none.findUser('ann')).toBeUndefined();
    const start = performance.now();
    expect(useService('exec sleep 60').directory.findUser('ann')).toBeUndefined();
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  it('are not asked for where there are only files', () => {
    writeFileSync(join(etc, 'nsswitch.conf'), 'passwd: files\ngroup: files\n');
    const switchPath = join(etc, 'nsswitch.conf');
    const outside = createOutsideUsers({ switchPath, getent: '/nonexistent' });
    expect(new UserDirectory(etc, outside).findUser('ann')).toBeUndefined();
    expect(createOutsideUsers({ switchPath: `${etc}/x` }).findGroup(1)).toBeUndefined();
  });
});
