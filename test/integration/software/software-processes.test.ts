/** Builds at a time, builds that are stopped, and what killed runs leave at work. */
import { spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CancelledError } from '../../../src/errors/slapos-error.ts';
import { softwarePath } from '../../../src/software/release.ts';
import { runSoftware } from '../../../src/software/run-software.ts';
import { createGridSite, type GridSite, SOFTWARE, SOFTWARE_UID } from '../../support/grid-site.ts';
import { isAlive, until } from '../../support/keeper-run.ts';
import { startProxy } from '../../support/proxy-fixture.ts';
import { requires } from '../../support/requires.ts';
import { runSlapos } from '../../support/run-slapos.ts';

/** `bin/buildout` runs the file `plan` beside the bootstrap script. */
function bootstrapOf(root: string): string {
  return `#!/bin/sh
mkdir -p bin
echo '#!/bin/sh' > bin/buildout
echo '. ${root}/plan' >> bin/buildout
chmod 755 bin/buildout
`;
}

requires('root', 'netns')('the processes of node software', () => {
  let site: GridSite;
  let path: string;

  beforeEach(() => {
    site = createGridSite({ partitions: 0 });
    writeFileSync(`${site.root}/bootstrap`, bootstrapOf(site.root), { mode: 0o755 });
    mkdirSync(`${site.root}/shared`, { mode: 0o777 });
    chmodSync(`${site.root}/shared`, 0o777);
    plan(':');
    path = softwarePath(site.softwareRoot, SOFTWARE);
    supply(SOFTWARE);
  });
  afterEach(() => site.remove());

  const plan = (script: string) => writeFileSync(`${site.root}/plan`, `${script}\n`);
  const supply = (...urls: string[]) => {
    site.master.softwareReleases = urls.map((url) => {
      return { url, computerId: 'COMP-1', requestedState: 'available' };
    });
  };
  const pass = (cli: Record<string, string | number | boolean> = {}, signal?: AbortSignal) => {
    site.master.calls.length = 0;
    site.log.lines.length = 0;
    return runSoftware(site.context({ buildout: `${site.root}/bootstrap`, ...cli }, signal));
  };
  const three = ['a', 'b', 'c'].map((name) => `https://host/${name}.cfg`);
  const noteTimes = () =>
    plan(
      `echo begin >> ${site.root}/shared/notes; sleep 0.4; echo end >> ${site.root}/shared/notes`,
    );
  const notes = () => readFileSync(`${site.root}/shared/notes`, 'utf8').trim().split('\n');

  it('installs several at a time where asked, and marks their lines', async () => {
    supply(...three);
    noteTimes();
    expect(await pass({ jobs: 3 })).toBe(0);
    expect(notes().slice(0, 2)).toEqual(['begin', 'begin']);
    expect(
      site.log.lines.filter((line) => /^INFO \[[0-9a-f]{8}\] Installing/.test(line)),
    ).toHaveLength(3);
    expect(site.master.calls.filter((call) => call.startsWith('reportAvailable'))).toHaveLength(3);
  });

  it.each([
    ['unless asked otherwise', {}],
    ['where they share parts', { jobs: 3, shared_part_list: '/opt/slapgrid/shared' }],
  ])('builds one at a time %s', async (_when, cli) => {
    supply(...three);
    noteTimes();
    expect(await pass(cli)).toBe(0);
    expect(notes()).toEqual(['begin', 'end', 'begin', 'end', 'begin', 'end']);
  });

  it('goes on with the others when one of several fails', async () => {
    supply(...three);
    plan(`case "$HOME" in *${softwarePath('', three[1] ?? '').slice(1)}) exit 1;; esac`);
    expect(await pass({ jobs: 2 })).toBe(1);
    expect(site.master.calls.filter((call) => call.startsWith('reportAvailable'))).toHaveLength(2);
    expect(site.master.calls).toContain(`reportSoftwareError ${three[1]}`);
    expect(await pass({ jobs: 2 })).toBe(1);
    expect(site.master.calls).not.toContain(`reportBuildingSoftware ${three[0]}`);
  });

  it('is not held up by a daemon that keeps the output of a build', async () => {
    plan(`setsid sleep 300 & echo $! > ${site.root}/shared/daemon`);
    const startMs = performance.now();
    expect(await pass()).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(10_000);
    process.kill(Number(readFileSync(`${site.root}/shared/daemon`, 'utf8')), 'SIGKILL');
  });

  it('kills everything and tells the Master when it is stopped', async () => {
    supply(...three);
    plan(
      `setsid sh -c 'sleep 300 & echo $! >> ${site.root}/shared/pids' & sleep 0.2; touch ${site.root}/shared/on; sleep 300`,
    );
    const abort = new AbortController();
    const running = pass({}, abort.signal);
    await until(() => (existsSync(`${site.root}/shared/on`) ? true : undefined), 'the build');
    abort.abort(new CancelledError('SLAPOS_ERR_CANCELLED', 'Interrupted by SIGTERM.'));
    await expect(running).rejects.toMatchObject({ code: 'SLAPOS_ERR_CANCELLED' });
    expect(site.master.posted).toEqual([
      `Interrupted by SIGTERM. Software release ${three[0]} was not finished; the next run goes on.`,
    ]);
    expect(site.master.calls).not.toContain(`reportBuildingSoftware ${three[1]}`);
    for (const pid of readFileSync(`${site.root}/shared/pids`, 'utf8').trim().split('\n')) {
      await until(() => (isAlive(Number(pid)) ? undefined : true), `the end of ${pid}`);
    }
    plan(':');
    expect(await pass()).toBe(0);
  });

  it('gives the pid file back and exits by the signal when it is stopped', async () => {
    const proxy = await startProxy();
    const config = `${site.root}/slapos.cfg`;
    writeFileSync(
      config,
      `[slapos]\ncomputer_id = COMP-1\nmaster_url = ${proxy.url}\ninstance_root = ${site.instanceRoot}\nsoftware_root = ${site.softwareRoot}\nsoftware_min_free_space = 0\nbuildout = ${site.root}/bootstrap\npidfile_software = ${site.root}/sr.pid\n`,
    );
    await proxy.master.supplySoftware(SOFTWARE, 'COMP-1', 'available');
    plan(`touch ${site.root}/shared/on; sleep 300`);
    const abort = new AbortController();
    const argv = ['node', 'software', '--cfg', config, '--now'];
    const running = runSlapos(argv, { signal: abort.signal, env: { PATH: '/usr/bin:/bin' } });
    await until(() => (existsSync(`${site.root}/shared/on`) ? true : undefined), 'the build');
    expect(readFileSync(`${site.root}/sr.pid`, 'utf8')).toBe(String(process.pid));
    abort.abort(
      new CancelledError('SLAPOS_ERR_CANCELLED', 'Interrupted by SIGTERM.', { exitCode: 143 }),
    );
    const { status, stderr } = await running;
    expect(status).toBe(143);
    expect(stderr).toContain('was not finished; the next run goes on');
    expect(existsSync(`${site.root}/sr.pid`)).toBe(false);
    plan(':');
    expect((await runSlapos(argv, { env: { PATH: '/usr/bin:/bin' } })).status).toBe(0);
    await proxy.close();
  });

  it('ends what a run that was killed left at work in the folder', async () => {
    const ids = { uid: SOFTWARE_UID, gid: SOFTWARE_UID };
    mkdirSync(path);
    chownSync(path, ids.uid, ids.gid);
    const start = (home: string, ...argv: string[]) =>
      spawn('/bin/sh', argv, {
        ...ids,
        env: { HOME: home, PATH: '/usr/bin:/bin' },
        stdio: 'ignore',
      });
    const build = start(path, '-c', 'setsid sleep 300 & wait');
    const bootstrap = start('/srv', '-c', 'sleep 300; :', 'x', `buildout:directory=${path}`);
    const other = start(`${path}x`, '-c', 'exec sleep 300');
    expect(await pass()).toBe(0);
    expect(site.log.lines.join('\n')).toMatch(
      new RegExp(`WARNING Killed 3 processes that an earlier run left at work in ${path}`),
    );
    for (const { pid } of [build, bootstrap]) {
      await until(() => (isAlive(Number(pid)) ? undefined : true), `the end of ${pid}`);
    }
    expect(other.exitCode).toBeNull();
    other.kill('SIGKILL');
  });

  it('reports invalid UTF-8 as what can be written', async () => {
    plan("printf 'Error: caf\\351\\n'; exit 1");
    expect(await pass()).toBe(1);
    expect(site.master.posted).toEqual([
      `Failed to run buildout profile in directory '${path}':\nError: caf\ufffd\n\n`,
    ]);
    expect(site.log.lines).toContain('INFO Error: caf\ufffd');
  });

  it('says what keeps buildout from being started', async () => {
    writeFileSync(`${site.root}/bootstrap`, '#!/nowhere/sh\n', { mode: 0o755 });
    expect(await pass()).toBe(1);
    expect(site.master.posted).toEqual([
      'Cannot start /nowhere/sh: the new process could not execute the program (ENOENT).',
    ]);
  });

  it('says that a failed bootstrap is one of buildout, as upstream', async () => {
    writeFileSync(`${site.root}/bootstrap`, '#!/bin/sh\necho no; exit 1\n', { mode: 0o755 });
    expect(await pass()).toBe(1);
    expect(site.master.posted).toEqual([
      `Failed to run buildout profile in directory '${path}':\nno\n\n`,
    ]);
  });

  it('bounds the log of a release', async () => {
    mkdirSync(`${site.softwareRoot}/.log`);
    chownSync(`${site.softwareRoot}/.log`, SOFTWARE_UID, SOFTWARE_UID);
    const log = `${site.softwareRoot}/.log/${path.split('/').pop()}.log`;
    plan(
      'i=0; while [ $i -lt 200 ]; do head -c 60000 /dev/zero | tr "\\\\0" x; echo; i=$((i+1)); done',
    );
    // A run logs 8 MiB of what a command says.
    for (let round = 0; round < 3; round += 1) expect(await pass({ force: true })).toBe(0);
    console.error(
      'DBG',
      statSync(log).size,
      site.log.lines.length,
      site.log.lines.map((l) => l.slice(0, 150)).slice(-3),
      readFileSync(log, 'utf8').slice(-100),
    );
    expect(statSync(`${log}.1`).size).toBeGreaterThan(20 * 1024 * 1024);
    expect(statSync(`${log}.1`).size + statSync(log).size).toBeLessThan(45 * 1024 * 1024);
    expect(statSync(log).uid).toBe(SOFTWARE_UID);
  });

  it('builds without a log that cannot be written', async () => {
    writeFileSync(`${site.softwareRoot}/.log`, 'in the way');
    expect(await pass()).toBe(0);
    expect(readFileSync(`${site.softwareRoot}/.log`, 'utf8')).toBe('in the way');
  });

  it('says which items of the filter no release has', async () => {
    expect(await pass({ only_sr: `${SOFTWARE}, unknown` })).toBe(0);
    expect(site.log.lines).toContain('WARNING The Master supplies no software release unknown.');
  });

  it('gives buildout the credentials of its user, and no old ones', async () => {
    writeFileSync('/srv/.netrc', 'machine host login me password secret\n', { mode: 0o600 });
    expect(await pass()).toBe(0);
    const status = statSync(`${path}/.netrc`);
    expect([status.mode & 0o777, status.uid]).toEqual([0o600, SOFTWARE_UID]);
    rmSync('/srv/.netrc');
    expect(await pass({ force: true })).toBe(0);
    expect(existsSync(`${path}/.netrc`)).toBe(false);
  });

  it('notes the git revision of a local profile once, whoever owns it', async () => {
    const folder = `${site.root}/checkout`;
    const git = (...words: string[]) =>
      spawnSync('git', ['-C', folder, '-c', 'user.name=x', '-c', 'user.email=x@x', ...words]);
    mkdirSync(folder);
    writeFileSync(`${folder}/software.cfg`, '[buildout]\nparts =\n');
    git('init', '-q');
    git('add', '.');
    git('commit', '-q', '-m', 'x');
    const url = `${folder}/software.cfg`;
    supply(url);
    const profile = () =>
      readFileSync(`${softwarePath(site.softwareRoot, url)}/buildout.cfg`, 'utf8');
    expect(await pass()).toBe(0);
    expect(profile()).toMatch(
      /\n# \d{4}-\d\d-\d\d \d\d:\d\d:\d\d git revision: heads\/\S+-0-g\w+\n$/,
    );
    const before = profile();
    await pass({ force: true });
    expect(profile()).toBe(before);
    appendFileSync(url, '# changed\n');
    await pass({ force: true });
    expect(profile()).toMatch(/-dirty\n$/);
    expect(profile().match(/git revision/g)).toHaveLength(2);
  });
});
