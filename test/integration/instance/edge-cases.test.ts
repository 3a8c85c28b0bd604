/** Rows of "Edge cases worth a test" and options of spec/grid.md 7 that `passes.test.ts` has not. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MasterError } from '../../../src/errors/slapos-error.ts';
import { runInstance } from '../../../src/instance/run-instance.ts';
import { softwarePath } from '../../../src/software/release.ts';
import { masterUnavailable } from '../../support/fake-master.ts';
import { createGridSite, type GridSite, partitionUid, SOFTWARE } from '../../support/grid-site.ts';
import { requires } from '../../support/requires.ts';

const PROCESSING = 'INFO Processing Computer Partition slappart0.';
const ERROR_LOG = '.slapgrid-slappart0-error.log';
const INSTANCE_LOG = '.slapgrid/log/instance.log';

requires('root', 'netns')('edge cases of node instance', () => {
  let site: GridSite;
  let release: string;

  beforeEach(() => open());
  afterEach(() => site.remove());

  function open(settings = ''): void {
    site = createGridSite({ settings });
    site.installSoftware();
    release = softwarePath(site.softwareRoot, SOFTWARE);
  }

  const pass = (cli: Record<string, string | number | boolean> = {}) => {
    site.master.calls.length = 0;
    site.master.posted.length = 0;
    site.log.lines.length = 0;
    return runInstance(site.context(cli), site.openSupervisor);
  };
  const wasProcessed = () => site.log.lines.includes(PROCESSING);
  /** Makes the last success of the partition older. */
  const age = (seconds: number) => {
    const time = Date.now() / 1000 - seconds;
    utimesSync(site.path('slappart0/.timestamp'), time, time);
  };
  const plan = (text: string) => site.write(0, 'plan', text);

  it.each([
    ['', false],
    ['\0\0\0', false],
    ['[buildout]\nparts =\n', true],
  ])('keeps %j of the run before as .installed.cfg of buildout: %s', async (text, isKept) => {
    plan('test -e .installed.cfg && touch seen; true');
    site.write(0, '.installed.cfg', text);
    expect(await pass()).toBe(0);
    expect(site.exists('slappart0/seen')).toBe(isKept);
    expect(site.log.lines.some((line) => line.includes('installed anew'))).toBe(!isKept);
  });

  describe('periodicity', () => {
    it.each([
      ['-1', 10_000_000, false],
      ['0', 0, true],
      ['100', 50, false],
      ['100', 150, true],
      ['x', 86_000, false],
      ['x', 87_000, true],
    ])('file %j, %d s after the last success: processed %s', async (text, seconds, expected) => {
      await pass();
      writeFileSync(`${release}/periodicity`, text);
      age(seconds);
      expect(await pass()).toBe(0);
      expect(wasProcessed()).toBe(expected);
      expect(existsSync(`${release}/periodicity`)).toBe(text !== 'x');
    });

    it('is of the configuration or of the command line, which wins', async () => {
      await site.remove();
      open('maximum_periodicity = 100\n');
      await pass();
      age(150);
      await pass({ maximum_periodicity: 200 });
      expect(wasProcessed()).toBe(false);
      await pass();
      expect(wasProcessed()).toBe(true);
    });
  });

  it('compares timestamps as texts, also floats of slapproxy', async () => {
    site.wish(0, { parameters: { timestamp: '1795217539.3075888' } });
    await pass();
    expect(site.read('slappart0', '.timestamp')).toBe('1795217539.3075888');
    await pass();
    expect(wasProcessed()).toBe(false);
    site.wish(0, { parameters: { timestamp: '1795217539.30758880' } });
    await pass();
    expect(wasProcessed()).toBe(true);
  });

  it('processes a partition without a timestamp in every pass', async () => {
    site.wish(0, { parameters: {} });
    for (const _ of [1, 2]) {
      expect(await pass()).toBe(0);
      expect(wasProcessed()).toBe(true);
    }
    expect(site.exists('slappart0', '.timestamp')).toBe(false);
  });

  it.each([
    ['10', '10.0'],
    ['0.5', '0.5'],
    [undefined, '0.0'],
    ['abc', '0.0'],
  ])('writes the retention delay %j as %s, once', async (value, text) => {
    site.wish(0, { filter: value === undefined ? {} : { retention_delay: value } });
    expect(await pass()).toBe(0);
    const file = site.path('slappart0/.slapos-retention-lock-delay');
    expect(readFileSync(file, 'utf8')).toBe(text);
    expect(statSync(file).uid).toBe(0);
    const warnings = site.log.lines.filter((line) => line.includes('retention_delay'));
    expect(warnings).toHaveLength(value === 'abc' ? 1 : 0);
    site.wish(0, { filter: { retention_delay: '7' }, parameters: { timestamp: '2' } });
    await pass();
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('needs free space, and says how much', async () => {
    expect(await pass({ instance_min_free_space: '1000000T' })).toBe(1);
    expect(site.master.posted[0]).toMatch(
      /^Not enough space for \S+\/slappart0: available \S+ \S+, required \S+ \S+ \(option 'instance_min_free_space'\)$/,
    );
    expect(site.exists('slappart0', 'environment')).toBe(false);
  });

  it('takes template.cfg where there is no instance.cfg, and fails without either', async () => {
    rmSync(`${release}/instance.cfg`);
    writeFileSync(`${release}/template.cfg`, '[template]\n');
    expect(await pass()).toBe(0);
    expect(site.read('slappart0', 'buildout.cfg')).toMatch(/^\[template\]\n\n\n\[buildout\]\n/);
    rmSync(`${release}/template.cfg`);
    expect(await pass({ force: true })).toBe(1);
    expect(site.master.posted[0]).toBe(
      `Software Release ${SOFTWARE} is not correctly installed.\nMissing file: ${release}/instance.cfg`,
    );
  });

  it('leads software_release to the software, and leaves alone what is no link', async () => {
    await pass();
    const link = site.path('slappart0/software_release');
    expect(readlinkSync(link)).toBe(release);
    rmSync(link);
    mkdirSync(link);
    expect(await pass({ force: true })).toBe(0);
    expect(statSync(link).isDirectory()).toBe(true);
  });

  describe('bootstrap scripts of the software', () => {
    const bootstrap = (name: string, text: string) =>
      writeFileSync(join(release, 'bin', name), `#!/bin/sh\n${text}`, { mode: 0o755 });
    const COPY = () =>
      `umask > umask-of-bootstrap\nmkdir -p sbin\ncp ${release}/bin/buildout sbin/\n`;

    it('are run as the partition and make its own buildout', async () => {
      bootstrap('bootstrap', COPY());
      expect(await pass()).toBe(0);
      expect(site.read('slappart0', 'umask-of-bootstrap').trim()).toBe('0022');
      expect(statSync(site.path('slappart0/sbin/buildout')).uid).toBe(partitionUid(0));
      expect(site.exists('slappart0', 'environment')).toBe(true);
    });

    it('fail with what they say', async () => {
      bootstrap('bootstrap2.7', 'echo no way\nexit 3\n');
      expect(await pass()).toBe(1);
      expect(site.master.posted).toEqual([
        `Failed to bootstrap buildout in '${site.path('slappart0')}'.:\nno way\n\n`,
      ]);
    });

    it('must be one', async () => {
      bootstrap('bootstrap', COPY());
      bootstrap('bootstrap2', COPY());
      expect(await pass()).toBe(1);
      expect(site.master.posted).toEqual(['More than one bootstrap candidate found.']);
    });
  });

  describe('the error log', () => {
    it('is the text that the Master got, the partition may read it, and it goes', async () => {
      plan('echo why; exit 4\n');
      expect(await pass()).toBe(1);
      const { mode, uid } = statSync(site.path('slappart0', ERROR_LOG));
      expect([mode & 0o777, uid]).toEqual([0o644, partitionUid(0)]);
      expect(site.master.posted).toEqual([site.read('slappart0', ERROR_LOG)]);
      plan('[ ! -e .slapgrid-slappart0-error.log ] || exit 5\n');
      expect(await pass()).toBe(0);
      expect(site.exists('slappart0', ERROR_LOG)).toBe(false);
    });

    it('is not of a promise, nor of a Master that went away', async () => {
      site.write(0, 'etc/promise/check', '#!/bin/sh\nexit 1\n', 0o755);
      expect(await pass()).toBe(2);
      expect(site.exists('slappart0', ERROR_LOG)).toBe(false);
      rmSync(site.path('slappart0/etc/promise/check'));
      site.master.failures.set('reportStarted', masterUnavailable());
      expect(await pass()).toBe(3);
      expect(site.exists('slappart0', ERROR_LOG)).toBe(false);
    });

    it('runs the promises of a started instance again, which change nothing', async () => {
      site.write(0, 'etc/promise/check', '#!/bin/sh\necho broken; exit 1\n', 0o755);
      plan('exit 4\n');
      expect(await pass()).toBe(1);
      expect(site.master.posted[0]).toContain('Failed to run buildout profile');
      const result = site.read('slappart0', '.slapgrid/promise/result/check.status.json');
      expect(JSON.parse(result).result.failed).toBe(true);
    });
  });

  describe('instance.log', () => {
    it('has what full passes did, and nothing of others', async () => {
      plan('echo from buildout\n');
      await pass();
      const text = site.read('slappart0', INSTANCE_LOG);
      const [first = '', ...others] = text.split('\n');
      expect(first).toMatch(
        /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] INFO {5}slapos Processing Computer Partition slappart0\.$/,
      );
      expect(others.slice(0, 4).map((line) => line.replace(/^.* slapos {3}/, ''))).toEqual([
        `Software URL: ${SOFTWARE}`,
        `Software path: ${release}`,
        `Instance path: ${site.path('slappart0')}`,
        'Instance status: started',
      ]);
      expect(text).toContain('INFO     slapos from buildout\n');
      expect(statSync(site.path('slappart0', INSTANCE_LOG)).uid).toBe(partitionUid(0));
      expect(statSync(site.path('slappart0/.slapgrid')).mode & 0o777).toBe(0o700);
      await pass();
      expect(site.read('slappart0', INSTANCE_LOG)).toBe(text);
      await pass({ force: true });
      expect(site.read('slappart0', INSTANCE_LOG).startsWith(text)).toBe(true);
    });

    it('is rotated at 20 MiB, over an older one', async () => {
      await pass();
      const log = site.path('slappart0', INSTANCE_LOG);
      truncateSync(log, 20 * 1024 * 1024 - 1);
      await pass({ force: true });
      expect(existsSync(`${log}.1`)).toBe(false);
      writeFileSync(`${log}.1`, 'older');
      truncateSync(log, 20 * 1024 * 1024);
      await pass({ force: true });
      expect(statSync(`${log}.1`).size).toBe(20 * 1024 * 1024);
      expect(statSync(log).size).toBeLessThan(10_000);
    });

    it('commands no terminal', async () => {
      plan("printf 'a\\033[2Jb\\n'\n");
      await pass();
      expect(site.read('slappart0', INSTANCE_LOG)).toContain('slapos a\\x1b[2Jb\n');
    });

    it('is not needed for anything', async () => {
      mkdirSync(site.path('slappart0', INSTANCE_LOG), { recursive: true });
      chmodSync(site.path('slappart0/.slapgrid'), 0o700);
      expect(await pass()).toBe(0);
      expect(site.supervisor.running()).toEqual(['slappart0']);
    });
  });

  describe('certificates', () => {
    beforeEach(async () => {
      await site.remove();
      open('certificate_repository_path = /srv\n');
    });
    afterEach(() => {
      for (const name of ['crt', 'key']) rmSync(`/srv/slappart0.${name}`, { force: true });
    });

    it('are written when they differ, certificate first', async () => {
      await pass();
      const before = ['crt', 'key'].map((name) => statSync(`/srv/slappart0.${name}`).ino);
      await pass({ force: true });
      expect(['crt', 'key'].map((name) => statSync(`/srv/slappart0.${name}`).ino)).toEqual(before);
      chmodSync('/srv/slappart0.key', 0o600);
      writeFileSync('/srv/slappart0.key', 'old');
      await pass({ force: true });
      expect(readFileSync('/srv/slappart0.key', 'utf8')).toBe('key of slappart0');
      expect(statSync('/srv/slappart0.key').mode & 0o777).toBe(0o400);
      expect(statSync('/srv/slappart0.crt').ino).toBe(before[0]);
    });

    it('belong to the partition, and the log tells what was done to them', async () => {
      const told = () => site.log.lines.filter((line) => line.includes('/srv/slappart0.'));
      await pass();
      expect(told()).toEqual([
        "INFO Missing certificate file. Creating '/srv/slappart0.crt'",
        "INFO Missing key file. Creating '/srv/slappart0.key'",
      ]);
      chownSync('/srv/slappart0.crt', 1, 1);
      writeFileSync('/srv/slappart0.key', 'old');
      await pass({ force: true });
      expect(told()).toEqual(["INFO Changed key content. Updating '/srv/slappart0.key'"]);
      const owners = ['crt', 'key'].map((name) => statSync(`/srv/slappart0.${name}`).uid);
      expect(owners).toEqual([partitionUid(0), partitionUid(0)]);
    });

    it('tell when the Master does not know the partition', async () => {
      const error = new MasterError('SLAPOS_ERR_MASTER_NOT_FOUND', '404');
      site.master.failures.set('getPartitionCertificate', error);
      expect(await pass()).toBe(1);
      expect(site.master.posted).toEqual(['Partition slappart0 is not known by SlapOS Master.']);
    });
  });

  describe('without the Master', () => {
    const lose = () => site.master.failures.set('getFullComputerInformation', masterUnavailable());

    it('stops what was to be stopped, by the last answer', async () => {
      await pass();
      site.wish(0, { requestedState: 'stopped', parameters: { timestamp: '2' } });
      site.master.failures.set('getFullComputerInformation', masterUnavailable());
      expect(await pass()).toBe(3);
      expect(site.supervisor.running()).toEqual(['slappart0']);
      site.master.failures.clear();
      // The answer is heard, and the machine stops before anything is done about it.
      const context = { ...site.context(), signal: AbortSignal.abort() };
      await expect(runInstance(context, site.openSupervisor)).rejects.toMatchObject({
        code: 'SLAPOS_ERR_CANCELLED',
      });
      lose();
      expect(await pass()).toBe(3);
      expect(site.supervisor.running()).toEqual([]);
    });

    it('stops all with --force-stop, and the next pass brings it back', async () => {
      await pass();
      lose();
      expect(await pass({ force_stop: true })).toBe(3);
      expect(site.supervisor.running()).toEqual([]);
      expect(site.supervisor.calls).not.toContain('startAll');
      site.master.failures.clear();
      expect(await pass()).toBe(0);
      expect(site.supervisor.running()).toEqual(['slappart0']);
    });

    it('uses the state files of older versions once', async () => {
      await pass();
      lose();
      site.write(0, '.requested_state', 'stopped');
      expect(await pass()).toBe(3);
      expect(site.exists('slappart0', '.requested_state')).toBe(false);
      expect(site.supervisor.running()).toEqual([]);
    });

    it.each(['', '{', '[]', '{"computerId":"COMP-1","partitions":[{"partitionId":"../x"}]}'])(
      'heeds no answer that reads %j',
      async (text) => {
        await pass();
        writeFileSync(site.path('var/slapos-master-answer.json'), text);
        lose();
        expect(await pass()).toBe(3);
        expect(site.supervisor.running()).toEqual(['slappart0']);
      },
    );

    it('ends with 1 when the services cannot be started either', async () => {
      lose();
      const context = site.context();
      const broken = async () => {
        throw new MasterError('SLAPOS_ERR_MASTER_PROTOCOL', 'no supervisor');
      };
      expect(await runInstance(context, broken)).toBe(1);
    });
  });
});
