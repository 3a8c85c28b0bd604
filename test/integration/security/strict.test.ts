/** The strict profile of services, tried from inside (docs/security.md). */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DEFAULT_SERVICE_SETTINGS } from '../../../src/config/service-settings.ts';
import { type AttackReport, AttackSite } from '../../support/attack-site.ts';
import { requires } from '../../support/requires.ts';
import { until } from '../../support/supervisor-run.ts';

requires('root', 'netns')('a service of the strict profile', () => {
  let site: AttackSite;
  const reports: AttackReport[] = [];

  beforeAll(async () => {
    site = new AttackSite();
    const { softwareRoot } = site.site;
    const services = { ...DEFAULT_SERVICE_SETTINGS, profile: 'strict' as const, softwareRoot };
    await site.launch({ services });
    for (const index of [0, 1]) site.addService(index, 'attack', site.attackScript(index));
    expect(await site.pass()).toBe(0);
    for (const index of [0, 1]) reports.push(await site.report(index));
  });
  afterAll(() => site.remove());

  const each = (check: (report: AttackReport, index: number) => void) => reports.forEach(check);

  it('gains nothing from a program that is setuid root', () => {
    each(({ facts, setuidUser }, index) => {
      expect(setuidUser).toBe(site.uid(index));
      expect(facts['NoNewPrivs']).toBe('1');
    });
  });

  it('changes files in its partition and nowhere else', () => {
    each(({ tries }) => {
      expect(tries).toMatchObject({
        'write-own': 'ok',
        'write-open-folder': 'EACCES',
        'write-null': 'ok',
        'write-shm': 'ok',
        'write-proc': 'ok',
      });
    });
  });

  it('has a /tmp of its partition', () => {
    each(({ tries }, index) => {
      expect(tries).toMatchObject({ 'write-tmp': 'ok', 'write-var-tmp': 'ok' });
      const name = `kept-${site.uid(index)}`;
      expect(lstatSync(join('/tmp', name), { throwIfNoEntry: false })).toBeUndefined();
      const folder = join(dirname(site.paths.pidFile), 'private-tmp', `tmp-slappart${index}`);
      expect(readdirSync(folder)).toContain(name);
      expect(lstatSync(folder).mode & 0o7777).toBe(0o1777);
    });
  });

  it('sees the software root read-only', () => {
    each(({ tries }) => {
      expect(tries).toMatchObject({
        'write-software': 'EROFS',
        'change-software': 'EACCES',
        'read-software': 'ok',
      });
    });
  });

  it('is refused the system calls that no service needs', () => {
    each(({ tries }) => {
      expect(tries).toMatchObject({
        'user-namespace': 'EPERM',
        'clone-user-namespace': 'EPERM',
        'own-namespace': 'EPERM',
        mount: 'EPERM',
        chroot: 'EPERM',
        keyctl: 'EPERM',
        'add-key': 'EPERM',
        'io-uring': 'EPERM',
        userfaultfd: 'EPERM',
        bpf: 'EPERM',
        perf: 'EPERM',
        kexec: 'EPERM',
        module: 'EPERM',
        'push-input': 'EPERM',
        clone3: 'ENOSYS',
      });
    });
  });

  it('keeps everything that the default profile gives', () => {
    each(({ tries, facts }, index) => {
      expect(tries).toMatchObject({ 'read-other': 'EACCES', 'connect-socket': 'EACCES' });
      expect(facts).toMatchObject({
        descriptors: '0 1 2',
        Seccomp: '2',
        CapEff: '0000000000000000',
        SigBlk: '0000000000000000',
        SigIgn: '0000000000000000',
        'group-leader': '1',
        cwd: site.site.path(`slappart${index}`),
      });
    });
  });

  it('cannot look into another service of its partition', async () => {
    const pid = join(site.site.instanceRoot, 'slappart0', 'sibling');
    site.addService(0, 'first', `#!/bin/sh\necho $$ > ${pid}\nexec /bin/sleep 1000\n`);
    await site.pass();
    await until(() => (lstatSync(pid, { throwIfNoEntry: false }) ? true : undefined), 'the first');
    site.addService(0, 'second', site.attackScript(0));
    await site.pass();
    const { tries } = await site.report(0, 'second');
    expect(tries).toMatchObject({ 'signal-sibling': 'ok', 'trace-sibling': 'EPERM' });
  });

  it('leaves programs of root and of no partition as they are', async () => {
    const info = await site.client.call<{ pid: number }>('supervisor.getProcessInfo', 'watchdog');
    expect(readFileSync(`/proc/${info.pid}/status`, 'utf8')).toMatch(/^NoNewPrivs:\t0$/m);
  });

  it('is a setting of the next start, and its /tmp goes with the group', async () => {
    await site.writeFiles();
    await site.client.call('supervisor.stopProcessGroup', 'slappart1', true);
    await site.client.call('supervisor.reloadConfig');
    const folder = join(dirname(site.paths.pidFile), 'private-tmp', 'tmp-slappart1');
    await site.client.call('supervisor.removeProcessGroup', 'slappart1');
    await until(() => (lstatSync(folder, { throwIfNoEntry: false }) ? undefined : true), 'removal');
    await site.client.call('supervisor.addProcessGroup', 'slappart1');
    await site.client.call('supervisor.startProcess', 'slappart1:wait-on-watch');
    const { pid } = await site.client.call<{ pid: number }>(
      'supervisor.getProcessInfo',
      'slappart1:wait-on-watch',
    );
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^NoNewPrivs:\t0$/m);
  });
});
