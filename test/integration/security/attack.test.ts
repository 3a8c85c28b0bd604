/**
 * What a service of a partition can do, tried from inside real services of two partitions under the
 * real supervisor (docs/security.md).
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AttackReport, AttackSite } from '../../support/attack-site.ts';
import { requires } from '../../support/requires.ts';

requires('root', 'netns')('a service of a partition', () => {
  let site: AttackSite;
  const reports: AttackReport[] = [];

  beforeAll(async () => {
    site = new AttackSite();
    await site.launch();
    for (const index of [0, 1]) site.addService(index, 'attack', site.attackScript(index));
    expect(await site.pass()).toBe(0);
    for (const index of [0, 1]) reports.push(await site.report(index));
  });
  afterAll(() => site.remove());

  const each = (check: (report: AttackReport, index: number) => void) => reports.forEach(check);

  it('cannot read or change the other partition', () => {
    each(({ tries }) => {
      expect(tries).toMatchObject({
        'read-other': 'EACCES',
        'list-other': 'EACCES',
        'write-other': 'EACCES',
      });
    });
  });

  it('cannot write the software root, and can read it', () => {
    each(({ tries }) => {
      expect(tries).toMatchObject({
        'write-software': 'EACCES',
        'remove-software': 'EACCES',
        'change-software': 'EACCES',
        'read-software': 'ok',
      });
    });
  });

  it('cannot talk to the supervisor nor read its files', () => {
    each(({ tries }) => {
      expect(tries).toMatchObject({
        'connect-socket': 'EACCES',
        'remove-socket': 'EACCES',
        'read-configuration': 'EACCES',
        'read-journal': 'EACCES',
        'read-main-log': 'EACCES',
        'write-instance-root': 'EACCES',
        'read-shadow': 'EACCES',
      });
    });
  });

  it('cannot gain an identity, a capability or a hold on its keeper', () => {
    each(({ tries, facts }) => {
      expect(tries).toMatchObject({
        setuid: 'EPERM',
        setgid: 'EPERM',
        setgroups: 'EPERM',
        capset: 'EPERM',
        'raise-nofile': 'EPERM',
        chroot: 'EPERM',
        mount: 'EPERM',
        'packet-socket': 'EPERM',
        'signal-keeper': 'EPERM',
        'trace-keeper': 'EPERM',
        'keeper-memory': 'EACCES',
      });
      expect(facts).toMatchObject({
        CapInh: '0000000000000000',
        CapPrm: '0000000000000000',
        CapEff: '0000000000000000',
        CapAmb: '0000000000000000',
      });
    });
  });

  it('runs with exactly the ids of its partition', () => {
    each(({ facts }, index) => {
      const uid = site.uid(index);
      const four = Array(4).fill(uid).join(' ');
      expect(facts).toMatchObject({ Uid: four, Gid: four });
      // The group of the software, by which it reads releases, and its own.
      expect(facts['Groups']?.split(' ').map(Number).sort()).toEqual([site.softwareGid, uid]);
    });
  });

  it('inherits no descriptor, terminal, signal disposition or mask', () => {
    each(({ tries, facts }) => {
      expect(facts['descriptors']).toBe('0 1 2');
      expect(tries['terminal']).toBe('ENXIO');
      expect(facts).toMatchObject({
        SigBlk: '0000000000000000',
        SigIgn: '0000000000000000',
        SigCgt: '0000000000000000',
        'group-leader': '1',
      });
    });
  });

  it('has the limits, the mask and the folder that it should', () => {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const own = (name: string) => {
      const [, soft, hard] = new RegExp(`^Max ${name} +(\\S+) +(\\S+)`, 'm').exec(limits) ?? [];
      return [soft, hard].map((word) => (word === 'unlimited' ? '-1' : word)).join(':');
    };
    each(({ facts }, index) => {
      expect(facts).toMatchObject({
        'limit-core': own('core file size'),
        'limit-nofile': own('open files'),
        'limit-nproc': own('processes'),
        umask: '22',
        cwd: site.site.path(`slappart${index}`),
      });
    });
  });

  it("has upstream's environment", () => {
    each(({ env }, index) => {
      const partition = `slappart${index}`;
      expect([...env].filter((line) => !/^(PWD|OLDPWD|SHLVL|_)=/.test(line)).sort()).toEqual([
        'HOME=/srv',
        'LC_CTYPE=C.UTF-8',
        `LOGNAME=siteuser${index}`,
        'SUPERVISOR_ENABLED=1',
        `SUPERVISOR_GROUP_NAME=${partition}`,
        'SUPERVISOR_PROCESS_NAME=attack-on-watch',
        `SUPERVISOR_SERVER_URL=unix://${site.paths.socket}`,
        `USER=siteuser${index}`,
      ]);
    });
  });

  it('can only append to its log, and its standard input never ends', () => {
    each(({ tries }) => {
      expect(tries).toMatchObject({
        'reopen-log': 'EACCES',
        'chmod-log': 'EPERM',
        'chown-log': 'EPERM',
        'read-stdin': 'EAGAIN',
      });
    });
  });

  it('keeps setuid programs and its own files in the default profile', () => {
    each(({ tries, setuidUser, facts }) => {
      expect(setuidUser).toBe(0);
      expect(facts['NoNewPrivs']).toBe('0');
      expect(tries).toMatchObject({
        'write-own': 'ok',
        'write-open-folder': 'ok',
        'write-shm': 'ok',
        'write-null': 'ok',
      });
    });
  });
});
