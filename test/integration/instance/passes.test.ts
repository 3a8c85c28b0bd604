/** Passes of `node instance` over partitions whose software is a shell script. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runInstance } from '../../../src/instance/run-instance.ts';
import { masterUnavailable } from '../../support/fake-master.ts';
import { createGridSite, type GridSite, partitionUid } from '../../support/grid-site.ts';
import { requires } from '../../support/requires.ts';

/** A killed process whose parent does not reap it stays as a zombie. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

requires('root', 'netns')('node instance', () => {
  let site: GridSite;

  beforeEach(() => {
    site = createGridSite({ partitions: 2 });
    site.installSoftware();
  });
  afterEach(() => site.remove());

  const pass = (cli: Record<string, string | number | boolean> = {}) => {
    site.master.calls.length = 0;
    site.supervisor.calls.length = 0;
    site.log.lines.length = 0;
    return runInstance(site.context(cli), site.openSupervisor);
  };
  const callsOf = (id: string) => site.master.calls.filter((call) => call.endsWith(` ${id}`));
  const fail = (index: number, text = 'echo no such luck; exit 7\n') =>
    site.write(index, 'plan', text);
  const promise = (index: number, script: string) =>
    site.write(index, 'etc/promise/check', `#!/bin/sh\n${script}\n`, 0o755);

  it('installs and starts every partition with one update of the services', async () => {
    expect(await pass()).toBe(0);
    expect(site.master.calls[0]).toBe('getFullComputerInformation');
    expect([...site.master.calls].sort()).toEqual([
      'getFullComputerInformation',
      'reportStarted slappart0',
      'reportStarted slappart1',
    ]);
    expect(site.supervisor.calls.filter((call) => call === 'update')).toHaveLength(1);
    expect(site.supervisor.running()).toEqual(['slappart0', 'slappart1']);
    expect(site.read('slappart0', '.timestamp')).toBe('1');
    expect(site.read('slappart0', '.slapos-retention-lock-delay')).toBe('0.0');
    expect(site.exists('slappart0', '.slapgrid-slappart0-error.log')).toBe(false);
    expect(statSync(site.path('etc/supervisord.conf.d/slappart0.conf')).mode & 0o777).toBe(0o600);
    const profile = statSync(site.path('slappart0/buildout.cfg'));
    expect([profile.mode & 0o777, profile.uid, profile.gid]).toEqual([0o640, 0, partitionUid(0)]);
  });

  it('tells how far it is', async () => {
    await pass();
    const told = site.progress.map(({ done, total, label }) => `${done}/${total} ${label}`);
    expect(told).toEqual([
      ...[0, 1, 2].map((done) => `${done}/2 partitions prepared`),
      ...[0, 1, 2].map((done) => `${done}/2 partitions finished`),
    ]);
  });

  it('runs buildout as the partition, in a clean environment, with umask 027', async () => {
    await pass();
    const environment = site.read('slappart0', 'environment').split('\n');
    expect(environment).toContain(`HOME=${site.path('slappart0')}`);
    expect(environment).toContain('PYTHONNOUSERSITE=true');
    expect(environment).toContain(`SLAPGRID_INSTANCE_ROOT=${site.instanceRoot}`);
    expect(environment.filter((line) => /^(LANG|PYTHONPATH)=/.test(line))).toEqual([]);
    expect(site.read('slappart0', 'umask').trim()).toBe('0027');
    expect(statSync(site.path('slappart0/environment')).uid).toBe(partitionUid(0));
  });

  it('does nothing when all is up to date, and tells a Master what it does not know', async () => {
    await pass();
    expect(await pass()).toBe(0);
    expect(callsOf('slappart0')).toEqual([]);
    site.wish(0, { accessStatus: '#access Instance correctly started' });
    site.wish(1, { accessStatus: '#error no' });
    expect(await pass()).toBe(0);
    expect(callsOf('slappart0')).toEqual([]);
    expect(callsOf('slappart1')).toEqual(['reportStarted slappart1']);
    expect(site.supervisor.calls).toEqual([]);
  });

  it('processes again when the timestamp differs, also when it is older', async () => {
    await pass();
    site.wish(0, { parameters: { timestamp: '0' } });
    await pass();
    expect(site.log.lines).toContain('INFO Processing Computer Partition slappart0.');
    expect(site.log.lines).not.toContain('INFO Processing Computer Partition slappart1.');
    expect(site.read('slappart0', '.timestamp')).toBe('0');
  });

  it('fails only the partition whose services the supervisor does not take', async () => {
    const file = site.path('etc/supervisord.conf.d/slappart0.conf');
    const update = async () => {
      await site.supervisor.update();
      return [{ file, message: 'Invalid user' }];
    };
    const supervisor = { ...site.supervisor, update };
    site.master.calls.length = 0;
    expect(await runInstance(site.context(), async () => supervisor)).toBe(1);
    expect(callsOf('slappart0')).toEqual(['reportInstanceError slappart0']);
    expect(callsOf('slappart1')).toEqual(['reportStarted slappart1']);
    expect(site.master.posted[0]).toContain('slappart0: Invalid user');
  });

  it('goes on with the others when one buildout fails', async () => {
    fail(0);
    expect(await pass()).toBe(1);
    expect(callsOf('slappart0')).toEqual(['reportInstanceError slappart0']);
    expect(callsOf('slappart1')).toEqual(['reportStarted slappart1']);
    const text = `Failed to run buildout profile in directory '${site.path('slappart0')}':\nno such luck\n\n`;
    expect(site.master.posted).toEqual([text]);
    expect(site.read('slappart0', '.slapgrid-slappart0-error.log')).toBe(text);
    expect(site.exists('slappart0', '.timestamp')).toBe(false);
    rmSync(site.path('slappart0/plan'));
    expect(await pass()).toBe(0);
    expect(site.exists('slappart0', '.slapgrid-slappart0-error.log')).toBe(false);
  });

  it('keeps no timestamp of a forced pass that failed', async () => {
    await pass();
    fail(0);
    expect(await pass({ force: true })).toBe(1);
    expect(site.exists('slappart0', '.timestamp')).toBe(false);
  });

  it('stops the services of a stopped partition even when buildout fails', async () => {
    await pass();
    fail(0);
    site.wish(0, { requestedState: 'stopped', parameters: { timestamp: '2' } });
    expect(await pass()).toBe(1);
    expect(site.supervisor.running()).toEqual(['slappart1']);
    expect(callsOf('slappart0')).toEqual(['reportInstanceError slappart0']);
    expect(site.exists('slappart0', '.slapgrid-slappart0-error.log')).toBe(true);
  });

  it('stops, and starts again', async () => {
    await pass();
    site.wish(0, { requestedState: 'stopped', parameters: { timestamp: '2' } });
    expect(await pass()).toBe(0);
    expect(callsOf('slappart0')).toEqual(['reportStopped slappart0']);
    expect(site.supervisor.running()).toEqual(['slappart1']);
    site.wish(0, { requestedState: 'started', parameters: { timestamp: '3' } });
    expect(await pass()).toBe(0);
    expect(site.supervisor.running()).toEqual(['slappart0', 'slappart1']);
  });

  it('stops with --force-stop, and starts with the next ordinary pass', async () => {
    await pass();
    expect(await pass({ force_stop: true })).toBe(0);
    expect(site.supervisor.running()).toEqual([]);
    expect(site.master.calls).toEqual(['getFullComputerInformation']);
    expect(await pass()).toBe(0);
    expect(site.supervisor.running()).toEqual(['slappart0', 'slappart1']);
  });

  it('refuses a partition whose mode is not 0750, and checks its promises', async () => {
    promise(0, 'echo fine');
    chmodSync(site.path('slappart0'), 0o755);
    expect(await pass()).toBe(1);
    expect(site.master.posted).toEqual([
      `Wrong permissions in ${site.path('slappart0')}: actual permissions are: 0755, wanted are 0750`,
    ]);
    expect(site.exists('slappart0', 'environment')).toBe(false);
    expect(site.exists('slappart0', '.slapgrid/promise/result/check.status.json')).toBe(true);
  });

  it('fails with 2 for a promise, without a timestamp; in an anomaly pass the exit is 0', async () => {
    promise(0, 'echo broken; exit 1');
    expect(await pass()).toBe(2);
    expect(callsOf('slappart0')).toEqual(['reportInstanceError slappart0']);
    expect(site.master.posted).toEqual(["Promise 'check' failed with output: broken"]);
    expect(site.exists('slappart0', '.timestamp')).toBe(false);
    expect(site.exists('slappart0', '.slapgrid-slappart0-error.log')).toBe(false);
    promise(0, 'echo fine');
    expect(await pass()).toBe(0);
    const failed = JSON.stringify({ result: { type: 'Test Result', failed: true, message: 'x' } });
    site.write(0, '.slapgrid/promise/result/check.status.json', failed);
    site.wish(0, { accessStatus: '#access fine' });
    expect(await pass()).toBe(0);
    expect(callsOf('slappart0')).toEqual(['reportInstanceError slappart0']);
  });

  it('lets failures win over promises', async () => {
    promise(0, 'exit 1');
    fail(1);
    expect(await pass()).toBe(1);
  });

  it('is offline without its Master: 3 and every service started', async () => {
    await pass();
    site.master.failures.set('getFullComputerInformation', masterUnavailable());
    expect(await pass()).toBe(3);
    expect(site.master.calls).toEqual(['getFullComputerInformation']);
    expect(site.supervisor.calls).toEqual(['startAll']);
  });

  it('goes offline when the Master is lost on the way', async () => {
    await site.remove();
    site = createGridSite({ settings: 'certificate_repository_path = /srv\n' });
    site.installSoftware();
    site.master.failures.set('getPartitionCertificate', masterUnavailable());
    expect(await pass()).toBe(3);
    expect(site.master.calls).toEqual([
      'getFullComputerInformation',
      'getPartitionCertificate slappart0',
    ]);
    expect(site.supervisor.calls).toEqual(['startAll']);
    expect(site.exists('slappart0', 'environment')).toBe(false);
    expect(site.exists('slappart0', '.slapgrid-slappart0-error.log')).toBe(false);
  });

  it('gives the partition its certificate', async () => {
    await site.remove();
    site = createGridSite();
    mkdirSync(`${site.root}/pki`);
    site.installSoftware();
    const cli = { certificate_repository_path: `${site.root}/pki` };
    expect(await pass(cli)).toBe(0);
    expect(callsOf('slappart0')).toEqual([
      'getPartitionCertificate slappart0',
      'reportStarted slappart0',
    ]);
    const key = statSync(`${site.root}/pki/slappart0.key`);
    expect([key.mode & 0o777, key.uid]).toEqual([0o400, partitionUid(0)]);
    expect(site.read('slappart0', 'buildout.cfg')).toContain(
      `key-file = ${site.root}/pki/slappart0.key\n`,
    );
  });

  it('sends what the instance requested and keeps the file until the next pass', async () => {
    const file = '.slapos-request-transaction-slappart0';
    fail(0, `printf 'a\\n\\nb\\n' > ${file}\n`);
    expect(await pass()).toBe(0);
    expect(callsOf('slappart0')).toEqual([
      'reportStarted slappart0',
      'updateRelatedInstances slappart0',
    ]);
    expect(site.master.posted).toEqual(['a b']);
    expect(site.exists('slappart0', file)).toBe(true);
    await pass();
    expect(site.exists('slappart0', file)).toBe(false);
  });

  it('removes the program of a service that buildout deleted', async () => {
    site.write(0, 'etc/service/old', '#!/bin/sh\nexec sleep 100\n', 0o755);
    await pass();
    expect(site.read('etc/supervisord.conf.d/slappart0.conf')).toContain('slappart0_old');
    rmSync(site.path('slappart0/etc/service/old'));
    await pass({ force: true });
    expect(site.read('etc/supervisord.conf.d/slappart0.conf')).not.toContain('slappart0_old');
  });

  it('touches the services of no partition with a longer name', async () => {
    writeFileSync(site.path('etc/supervisord.conf.d/slappart00.conf'), '');
    writeFileSync(site.path('etc/supervisord.conf.d/slappart0-prerm.conf'), '');
    site.wish(0, { requestedState: 'stopped' });
    await pass();
    expect(site.exists('etc/supervisord.conf.d/slappart00.conf')).toBe(true);
    expect(site.exists('etc/supervisord.conf.d/slappart0-prerm.conf')).toBe(true);
  });

  it('refuses unknown partitions and states', async () => {
    await expect(pass({ only_cp: 'slappart0,nope' })).rejects.toThrow('Unknown partition: nope');
    site.wish(0, { requestedState: 'paused' });
    expect(await pass({ only_cp: 'slappart0' })).toBe(1);
    expect(site.master.posted).toEqual([
      "Computer Partition 'slappart0' has unsupported state: paused",
    ]);
  });

  it('processes the partitions named only', async () => {
    expect(await pass({ only_cp: 'slappart1, ' })).toBe(0);
    expect(site.supervisor.running()).toEqual(['slappart1']);
  });

  it('drops a partition without a folder and leaves the exit status alone', async () => {
    rmSync(site.path('slappart0'), { recursive: true });
    expect(await pass()).toBe(0);
    expect(callsOf('slappart0')).toEqual(['reportInstanceError slappart0']);
    expect(callsOf('slappart1')).toEqual(['reportStarted slappart1']);
  });

  it('tidies a free partition and warns about what is left in it', async () => {
    site.wish(0, { requestedState: 'destroyed', softwareReleaseUrl: null, parameters: null });
    site.write(0, '.timestamp', '1');
    site.write(0, '.slapos-resource', '{}');
    site.write(0, 'left', '');
    expect(await pass()).toBe(0);
    expect(callsOf('slappart0')).toEqual([]);
    expect(site.exists('slappart0', '.timestamp')).toBe(false);
    expect(site.log.lines).toContain(
      `WARNING Free partition slappart0 contains file(s) in ${site.path('slappart0')}.`,
    );
  });

  it('completes a partition that came without parameters', async () => {
    site.wish(0, { parameters: null });
    expect(await pass()).toBe(0);
    expect(callsOf('slappart0')).toEqual([
      'registerComputerPartition slappart0',
      'reportStarted slappart0',
    ]);
  });

  it('says which software is missing or broken', async () => {
    site.wish(0, { softwareReleaseUrl: 'https://host/other.cfg' });
    expect(await pass({ only_cp: 'slappart0' })).toBe(1);
    expect(site.master.posted[0]).toBe(
      'Software Release https://host/other.cfg is not present on system.\nCannot deploy instance.',
    );
  });

  it('honours and repairs the periodicity file of the software', async () => {
    await pass();
    const software = site.context().options.softwareRoot;
    const folder = `${software}/${readdirSync(software)[0]}`;
    writeFileSync(`${folder}/periodicity`, '0');
    await pass();
    expect(site.log.lines).toContain('INFO Processing Computer Partition slappart0.');
    writeFileSync(`${folder}/periodicity`, 'x');
    await pass({ maximum_periodicity: -1 });
    expect(site.log.lines).not.toContain('INFO Processing Computer Partition slappart0.');
    expect(existsSync(`${folder}/periodicity`)).toBe(false);
  });

  it('tells why an instance failed even when its error log cannot be written', async () => {
    fail(0, 'mkdir -p .slapgrid-slappart0-error.log/x; echo no such luck; exit 7\n');
    expect(await pass()).toBe(1);
    expect(site.master.posted[0]).toContain('no such luck');
    expect(site.log.lines.join('\n')).toContain('Ignoring: the instance failed before.');
  });

  it('replaces invalid UTF-8 of buildout in log and report', async () => {
    fail(0, "printf 'a\\377b\\n'; exit 1\n");
    expect(await pass()).toBe(1);
    expect(site.master.posted[0]).toContain('a\ufffdb');
    expect(site.read('slappart0', '.slapgrid/log/instance.log')).toContain('a\ufffdb');
  });

  it('ends a buildout that takes too long, with everything it started', async () => {
    fail(0, '(setsid /bin/sleep 600 & echo $! > orphan; wait)\n');
    expect(await pass({ partition_timeout: 1, only_cp: 'slappart0' })).toBe(1);
    expect(site.master.posted[0]).toContain('timed out after 1 seconds');
    const orphan = site.read('slappart0', 'orphan').trim();
    expect(orphan).toMatch(/^\d+$/);
    expect(isRunning(Number(orphan))).toBe(false);
  });

  it('never follows a link that a partition planted', async () => {
    const victim = `${site.root}/victim`;
    writeFileSync(victim, 'precious');
    mkdirSync(`${site.root}/folder`);
    const plant = (target: string, path: string) =>
      symlinkSync(target, site.path('slappart0', path));
    plant(victim, '.timestamp');
    plant(victim, 'buildout.cfg');
    plant(victim, '.slapos-retention-lock-delay');
    plant(victim, '.slapgrid-slappart0-error.log');
    plant(`${site.root}/folder`, '.slapgrid');
    expect(await pass()).toBe(0);
    expect(readFileSync(victim, 'utf8')).toBe('precious');
    expect(readdirSync(`${site.root}/folder`)).toEqual([]);
    expect(callsOf('slappart1')).toEqual(['reportStarted slappart1']);
  });

  it('never lets a file name become configuration of the supervisor', async () => {
    site.write(0, 'etc/service/x\n[program:evil]\ncommand=id\n', '#!/bin/sh\n', 0o755);
    expect(await pass()).toBe(0);
    expect(site.read('etc/supervisord.conf.d/slappart0.conf')).not.toContain('evil');
    expect(site.log.lines.join('\n')).toContain('has an unsafe name, ignoring it.');
  });
});
