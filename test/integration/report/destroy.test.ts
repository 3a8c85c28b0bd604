/** Passes of `node report`: partitions that the Master does not want any more. */
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Firewall } from '../../../src/grid/context.ts';
import { runInstance } from '../../../src/instance/run-instance.ts';
import { runReport } from '../../../src/report/run-report.ts';
import { masterUnavailable } from '../../support/fake-master.ts';
import { createGridSite, type GridSite, partitionUid } from '../../support/grid-site.ts';
import { writeToEtc } from '../../support/private-etc.ts';
import { requires } from '../../support/requires.ts';

const CONSUMPTION =
  '<consumption><movement><resource>CPU</resource><quantity>1.5</quantity><price>0.0</price><VAT></VAT></movement></consumption>';

function isRunning(pid = 0): boolean {
  const path = `/proc/${pid}/stat`;
  return existsSync(path) && !/\) [ZX] /.test(readFileSync(path, 'utf8'));
}

requires('root', 'netns')('node report', () => {
  let site: GridSite;

  beforeEach(() => {
    site = createGridSite({ partitions: 2 });
    site.installSoftware();
  });
  afterEach(() => site.remove());

  const pass = (settings: Record<string, string | number> = {}) => {
    site.master.calls.length = 0;
    return runReport(site.context(settings), site.openSupervisor);
  };
  const callsOf = (id: string) => site.master.calls.filter((call) => call.endsWith(` ${id}`));
  const destroyed = (changes = {}) => site.wish(0, { requestedState: 'destroyed', ...changes });
  /** Names of a folder as bytes. */
  const names = (path: string) => readdirSync(site.path(path), { encoding: 'buffer' });

  it('destroys: stops, empties the folder, keeps it, tells the Master', async () => {
    await runInstance(site.context(), site.openSupervisor);
    site.write(0, 'deep/er/file', '');
    chmodSync(site.path('slappart0/deep'), 0);
    mkdirSync(`${site.root}/outside`);
    writeFileSync(`${site.root}/outside/file`, '');
    symlinkSync(`${site.root}/outside`, site.path('slappart0/link'));
    site.write(0, '.slapos-resource', '{}');
    site.write(0, 'sbin/destroy', '#!/bin/sh\nid -u; pwd; echo gone\n', 0o755);
    destroyed();
    expect(await pass()).toBe(0);
    expect(callsOf('slappart0')).toEqual(['reportStopped slappart0', 'reportDestroyed slappart0']);
    expect(readdirSync(site.path('slappart0'))).toEqual(['.slapos-resource']);
    expect(readdirSync(`${site.root}/outside`)).toEqual(['file']);
    expect(readdirSync(site.path('etc/supervisord.conf.d'))).toEqual(['slappart1.conf']);
    expect(site.supervisor.running()).toEqual(['slappart1']);
    expect(site.log.lines).toEqual(
      expect.arrayContaining(['INFO 70001', `INFO ${site.path('slappart0')}`, 'INFO gone']),
    );
  });

  it('leaves no process and no file of the user for the next instance', async () => {
    const home = site.path('slappart0');
    const change = (text: string, uid: number, from: string, to: string) =>
      text.replace(`:${uid}:${uid}::${from}:`, `:${uid}:${uid}::${to}:`);
    const uid = partitionUid(0);
    const passwd = readFileSync('/etc/passwd', 'utf8');
    writeToEtc('passwd', change(passwd, uid, '/srv', home));
    const left = '/tmp/of-the-instance-before';
    const others = '/tmp/of-somebody-else';
    // As one mounts with a setuid fusermount: it cannot be removed and keeps nothing else.
    const mounted = '/tmp/aa-mounted';
    mkdirSync(`${mounted}/point`, { recursive: true });
    chownSync(mounted, uid, uid);
    execFileSync('mount', ['-t', 'tmpfs', 'none', `${mounted}/point`]);
    mkdirSync(left);
    writeFileSync(`${left}/secret`, '');
    writeFileSync(others, '');
    chownSync(left, uid, uid);
    chownSync(others, partitionUid(1), partitionUid(1));
    // It left its session and its parent: nobody supervises it.
    const escaped = 'setsid /bin/sleep 1000 > /dev/null 2>&1 < /dev/null & echo $!';
    const pid = Number(execFileSync('/bin/sh', ['-c', escaped], { uid, gid: uid, cwd: '/' }));
    const neighbour = spawn('/bin/sleep', ['1000'], { uid: partitionUid(1), stdio: 'ignore' });
    try {
      destroyed();
      expect(await pass()).toBe(0);
      expect(isRunning(pid)).toBe(false);
      expect(isRunning(neighbour.pid)).toBe(true);
      expect([existsSync(left), existsSync(others)]).toEqual([false, true]);
      expect(site.log.lines).toContain('INFO Ended 1 process(es) that were not supervised.');
      const told = site.log.lines.join('\n');
      expect(told).toMatch(/user left: .*\d+ in \/tmp/);
      expect(told).toMatch(/WARNING The partition's user left .*\/tmp\/aa-mounted.*EBUSY/);
    } finally {
      neighbour.kill('SIGKILL');
      execFileSync('umount', [`${mounted}/point`]);
      for (const path of [mounted, others]) rmSync(path, { force: true, recursive: true });
      writeToEtc('passwd', passwd);
    }
  });

  it('lets processes be where the user is not the partition’s alone', async () => {
    const uid = partitionUid(0);
    const worker = spawn('/bin/sleep', ['1000'], { uid, stdio: 'ignore' });
    try {
      destroyed();
      expect(await pass()).toBe(0);
      expect(isRunning(worker.pid)).toBe(true);
    } finally {
      worker.kill('SIGKILL');
    }
  });

  it('retains for the days that were asked for', async () => {
    site.wish(0, { filter: { retention_delay: '10' } });
    await runInstance(site.context(), site.openSupervisor);
    expect(site.read('slappart0', '.slapos-retention-lock-delay')).toBe('10.0');
    destroyed();
    expect(await pass()).toBe(0);
    expect(callsOf('slappart0')).toEqual(['reportStopped slappart0']);
    const date = Number(site.read('slappart0', '.slapos-retention-lock-date'));
    expect(date - Date.now() / 1000).toBeGreaterThan(10 * 86_400 - 10);
    writeFileSync(site.path('slappart0/.slapos-retention-lock-date'), '1.0');
    expect(await pass()).toBe(0);
    expect(callsOf('slappart0')).toContain('reportDestroyed slappart0');
  });

  it('takes a retention that is no number for none, with a warning', async () => {
    site.wish(0, { filter: { retention_delay: 'abc' } });
    expect(await runInstance(site.context(), site.openSupervisor)).toBe(0);
    expect(site.read('slappart0', '.slapos-retention-lock-delay')).toBe('0.0');
    expect(site.log.lines).toContain(
      'WARNING retention_delay of slappart0 is no number: using 0 days.',
    );
  });

  it('removes the rules of the firewall first, and keeps a partition whose rules stay', async () => {
    const removed: Array<[string, boolean]> = [];
    let refusal: Error | undefined = new Error('no bus');
    const firewall: Firewall = {
      async apply() {},
      async remove(_context, { id }) {
        removed.push([id, site.exists(id, 'data')]);
        if (refusal !== undefined) throw refusal;
      },
    };
    const run = () => runReport({ ...site.context(), firewall }, site.openSupervisor);
    site.write(0, 'data', '');
    destroyed();
    expect(await run()).toBe(1);
    expect(site.exists('slappart0', 'data')).toBe(true);
    refusal = undefined;
    expect(await run()).toBe(0);
    expect(site.exists('slappart0', 'data')).toBe(false);
    expect(removed).toEqual([
      ['slappart0', true],
      ['slappart0', true],
    ]);
  });

  it('stops at a destroy script that fails', async () => {
    site.write(0, 'sbin/destroy', '#!/bin/sh\necho no; exit 1\n', 0o755);
    site.write(0, 'data', '');
    destroyed();
    expect(await pass()).toBe(1);
    expect(site.exists('slappart0', 'data')).toBe(true);
    expect(callsOf('slappart0')).toEqual([
      'reportStopped slappart0',
      'reportInstanceError slappart0',
    ]);
  });

  it('waits for services that must end first', async () => {
    const states = new Map([['slappart0-prerm:last', 'RUNNING']]);
    const open = async () => ({ ...site.supervisor, listStates: async () => states });
    site.write(0, '.slapos-report-wait-service-list', 'slappart0-prerm:last\nunknown:x\n');
    destroyed();
    expect(await runReport(site.context(), open)).toBe(0);
    expect(callsOf('slappart0')).toEqual(['reportStopped slappart0']);
    states.set('slappart0-prerm:last', 'EXITED');
    expect(await runReport(site.context(), open)).toBe(0);
    expect(callsOf('slappart0')).toContain('reportDestroyed slappart0');
  });

  it('does not wait for services of others', async () => {
    const list = ['slappart1:any', 'slappart00:x', 'slappart:x', 'watchdog:watchdog', 'slappart0'];
    const states = new Map(list.map((name) => [name, 'RUNNING']));
    const open = async () => ({ ...site.supervisor, listStates: async () => states });
    site.write(0, '.slapos-report-wait-service-list', list.join('\n'));
    destroyed();
    expect(await runReport(site.context(), open)).toBe(0);
    expect(callsOf('slappart0')).toContain('reportDestroyed slappart0');
  });

  it('destroys an empty partition that still has a software release', async () => {
    destroyed();
    expect(await pass()).toBe(0);
    expect(callsOf('slappart0')).toEqual(['reportStopped slappart0', 'reportDestroyed slappart0']);
  });

  it('kills a destroy script that hangs and says so', async () => {
    site.write(0, 'sbin/destroy', '#!/bin/sh\n/bin/sleep 1000 & wait\n', 0o755);
    destroyed();
    site.wish(1, { requestedState: 'destroyed' });
    expect(await pass({ report_timeout: 1 })).toBe(1);
    expect(site.master.posted).toEqual([
      expect.stringMatching(
        /^Failed to run destroy script of partition slappart0: killed after 1 s/,
      ),
    ]);
    expect(callsOf('slappart1')).toContain('reportDestroyed slappart1');
  });

  it('says why a destroy script cannot be started', async () => {
    site.write(0, 'sbin/destroy', '#!/bin/sh\n', 0o644);
    destroyed();
    expect(await pass()).toBe(1);
    expect(site.master.posted).toEqual([expect.stringContaining('EACCES')]);
  });

  it('unlinks the data disks and empties the partition’s part of them', async () => {
    mkdirSync(`${site.root}/disks/one/slappart0/deep`, { recursive: true });
    mkdirSync(`${site.root}/disks/two/slappart0`, { recursive: true });
    writeFileSync(`${site.root}/disks/one/other`, 'precious');
    writeFileSync(`${site.root}/disks/two/slappart0/mine`, '');
    writeFileSync(`${site.root}/disks/file`, '');
    site.write(0, 'DATA/x', '');
    symlinkSync(`${site.root}/disks/one/slappart0`, site.path('slappart0/DATA/one'));
    symlinkSync(`${site.root}/disks/one`, site.path('slappart0/DATA/..one'));
    destroyed();
    expect(await pass({ instance_storage_home: `${site.root}/disks` })).toBe(0);
    expect(readdirSync(`${site.root}/disks/one/slappart0`)).toEqual([]);
    expect(readdirSync(`${site.root}/disks/two/slappart0`)).toEqual([]);
    expect(readFileSync(`${site.root}/disks/one/other`, 'utf8')).toBe('precious');
    expect(names('slappart0')).toEqual([]);
  });

  it('removes every name, also what no text can say, and a .slapos-resource that is none', async () => {
    const folder = site.path('slappart0');
    for (const name of [Buffer.from([0xff]), Buffer.from('a\nb\x1b[2J')]) {
      writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), name]), '');
    }
    site.write(0, '.slapos-resource/hidden', 'kept from the last instance');
    destroyed();
    expect(await pass()).toBe(0);
    expect(names('slappart0')).toEqual([]);
  });

  it('is not kept from destroying by what stands in place of its own files', async () => {
    const planted = ['.slapos-retention-lock-delay', '.slapos-report-wait-service-list'];
    for (const name of planted) symlinkSync('/etc/shadow', site.path('slappart0', name));
    mkdirSync(site.path('slappart0/.slapos-retention-lock-date'));
    symlinkSync('/', site.path('slappart0/software_release'));
    destroyed();
    expect(await pass()).toBe(0);
    expect(names('slappart0')).toEqual([]);
    expect(existsSync('/etc/shadow')).toBe(true);
    for (const name of [...planted, '.slapos-retention-lock-date']) {
      expect(site.log.lines).toContainEqual(expect.stringContaining(site.path('slappart0', name)));
    }
  });

  it.each([
    ['abc', undefined, true],
    ['10', undefined, false],
    ['10.0', '1.0', true],
    ['0.0', '4102444800.0', false],
    ['10', 'abc', false],
    ['10', '', false],
    ['inf', undefined, false],
  ])('with a delay of %j and a date of %j', async (delay, date, isDestroyed) => {
    site.write(0, '.slapos-retention-lock-delay', delay);
    if (date !== undefined) site.write(0, '.slapos-retention-lock-date', date);
    destroyed();
    expect(await pass()).toBe(0);
    expect(callsOf('slappart0').includes('reportDestroyed slappart0')).toBe(isDestroyed);
    expect(site.exists('slappart0', '.slapos-retention-lock-delay')).toBe(!isDestroyed);
    const isWarned = site.log.lines.some((line) => line.includes('holds no number'));
    expect(isWarned).toBe([delay, date].includes('abc') || date === '');
  });

  it.each(['reportDestroyed', 'reportStopped'])('goes on when %s finds no Master', async (call) => {
    site.master.failures.set(call, masterUnavailable());
    for (const index of [0, 1]) {
      site.write(index, 'data', '');
      site.wish(index, { requestedState: 'destroyed' });
    }
    expect(await pass()).toBe(0);
    for (const id of ['slappart0', 'slappart1']) {
      expect(callsOf(id)).toEqual([`reportStopped ${id}`, `reportDestroyed ${id}`]);
      expect(names(id)).toEqual([]);
    }
  });

  it('keeps a partition whose consumption the Master has not heard of', async () => {
    site.write(0, 'var/xml_report/a', CONSUMPTION);
    site.master.failures.set('useComputer', masterUnavailable());
    destroyed();
    expect(await pass()).toBe(1);
    expect(site.exists('slappart0', 'var/xml_report/a')).toBe(true);
    expect(callsOf('slappart0')).toEqual([]);
    site.master.failures.clear();
    expect(await pass()).toBe(0);
    expect(callsOf('slappart0')).toContain('reportDestroyed slappart0');
  });

  it('removes the files of its managers, not those of a partition with a longer name', async () => {
    const folder = site.path('etc/supervisord.conf.d');
    const files = ['slappart0.conf', 'slappart0-socat.conf', 'slappart0a.conf', 'slappart01.conf'];
    for (const name of files) writeFileSync(`${folder}/${name}`, '');
    destroyed();
    expect(await pass()).toBe(0);
    expect(readdirSync(folder)).toEqual(['slappart01.conf', 'slappart0a.conf']);
  });

  it('removes key and certificate, and asks for them first', async () => {
    const repository = `${site.root}/pki`;
    mkdirSync(repository);
    writeFileSync(`${repository}/other.key`, '');
    destroyed();
    const settings = { certificate_repository_path: repository };
    expect(await pass(settings)).toBe(0);
    expect(callsOf('slappart0')).toEqual([
      'getPartitionCertificate slappart0',
      'reportStopped slappart0',
      'reportDestroyed slappart0',
    ]);
    expect(readdirSync(repository)).toEqual(['other.key']);
  });
});
