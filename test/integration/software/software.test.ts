/** Passes of `node software` with a shell script in the place of buildout. */
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
import { MasterError } from '../../../src/errors/slapos-error.ts';
import { softwarePath } from '../../../src/software/release.ts';
import { runSoftware } from '../../../src/software/run-software.ts';
import { createGridSite, type GridSite, SOFTWARE, SOFTWARE_UID } from '../../support/grid-site.ts';
import { requires } from '../../support/requires.ts';

/** Writes `bin/buildout`, which fails while a file `fail` is there. */
const BOOTSTRAP = `#!/bin/sh
echo "bootstrap $*" >> runs
mkdir -p bin
cat > bin/buildout <<'END'
#!/bin/sh -e
echo "buildout $*" >> runs
env > environment
umask > umask
test ! -e fail || { echo Error: it is there; exit 1; }
END
chmod 755 bin/buildout
`;

requires('root', 'netns')('node software', () => {
  let site: GridSite;
  let path: string;

  beforeEach(() => {
    site = createGridSite({ partitions: 0 });
    writeFileSync(`${site.root}/bootstrap`, BOOTSTRAP, { mode: 0o755 });
    path = softwarePath(site.softwareRoot, SOFTWARE);
    site.master.softwareReleases = [release(SOFTWARE)];
  });
  afterEach(() => site.remove());

  const release = (url: string, requestedState: 'available' | 'destroyed' = 'available') => ({
    url,
    computerId: 'COMP-1',
    requestedState,
  });
  const pass = (cli: Record<string, string | boolean> = {}) => {
    site.master.calls.length = 0;
    site.log.lines.length = 0;
    return runSoftware(site.context({ buildout: `${site.root}/bootstrap`, ...cli }));
  };
  const file = (name: string) => readFileSync(`${path}/${name}`, 'utf8');
  const logOf = (folder: string) => `${site.softwareRoot}/.log/${folder.split('/').pop()}.log`;
  /** What stands in `software_root` besides the logs. */
  const names = () => readdirSync(site.softwareRoot).filter((name) => name !== '.log');
  const runs = () => file('runs').trim().split('\n');

  it('bootstraps, builds, tells the Master and remembers', async () => {
    expect(await pass()).toBe(0);
    expect(site.master.calls).toEqual([
      'getFullComputerInformation',
      `reportBuildingSoftware ${SOFTWARE}`,
      `reportAvailableSoftware ${SOFTWARE}`,
    ]);
    expect(site.progress).toEqual([{ done: 0, total: 1, label: `installing ${SOFTWARE}` }]);
    const parameters = `buildout:extends-cache=${path}/extends-cache buildout:directory=${path} -N -c ${path}/buildout.cfg`;
    expect(runs()).toEqual([`bootstrap ${parameters} bootstrap`, `buildout -U ${parameters}`]);
    expect(file('.completed')).toMatch(/^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}$/);
    expect(file('buildout.cfg')).toContain(`extends = ${SOFTWARE}\n`);
    expect(file('umask').trim()).toBe('0027');
    expect(file('environment')).toContain(`HOME=${path}\n`);
    expect(statSync(path).mode & 0o777).toBe(0o755);
    for (const name of ['', 'runs', 'buildout.cfg', 'extends-cache', '.completed']) {
      expect(statSync(`${path}/${name}`).uid).toBe(SOFTWARE_UID);
    }
    expect(await pass()).toBe(0);
    expect(site.master.calls).toEqual(['getFullComputerInformation']);
  });

  it('skips the bootstrap of a release that has its buildout, once', async () => {
    await pass();
    writeFileSync(`${path}/fail`, '');
    expect(await pass({ force: true })).toBe(1);
    expect(runs().map((line) => line.split(' ')[0])).toEqual(['bootstrap', 'buildout', 'buildout']);
    expect(runs()[2]).not.toContain(' -N ');
    expect(existsSync(`${path}/bin/buildout-bootstrap-skipped`)).toBe(true);
    expect(existsSync(`${path}/.completed`)).toBe(false);
    rmSync(`${path}/fail`);
    expect(await pass()).toBe(0);
    expect(
      runs()
        .slice(3)
        .map((line) => line.split(' ')[0]),
    ).toEqual(['bootstrap', 'buildout']);
    expect(existsSync(`${path}/bin/buildout-bootstrap-skipped`)).toBe(false);
  });

  it('builds on after a power cut that emptied what buildout had noted', async () => {
    await pass();
    rmSync(`${path}/.completed`);
    writeFileSync(`${path}/.installed.cfg`, '');
    expect(await pass()).toBe(0);
    expect(existsSync(`${path}/.installed.cfg`)).toBe(false);
    expect(site.log.lines.join()).toContain('installed anew');
  });

  it('reports the whole output of a failure, and goes on with the others', async () => {
    const other = 'https://host/other.cfg';
    site.master.softwareReleases = [release(SOFTWARE), release(other)];
    await pass({ only_sr: SOFTWARE });
    writeFileSync(`${path}/fail`, '');
    expect(await pass({ force: true })).toBe(1);
    expect(site.master.posted).toEqual([
      `Failed to run buildout profile in directory '${path}':\nError: it is there\n\n`,
    ]);
    expect(site.master.calls).toContain(`reportAvailableSoftware ${other}`);
    expect(site.log.lines).toContain(
      `ERROR Software release ${SOFTWARE} failed: Failed to run buildout profile in directory '${path}': Error: it is there (log: ${logOf(path)})`,
    );
    const text = readFileSync(logOf(path), 'utf8');
    expect(text).toMatch(/^\[[-\d :,]+\] INFO {5}Error: it is there$/m);
    expect(text).toMatch(/ ERROR {4}Failed to run buildout profile/);
  });

  it('builds again when the Master could not be told', async () => {
    site.master.failures.set('reportAvailableSoftware', new Error('lost'));
    expect(await pass()).toBe(1);
    expect(existsSync(`${path}/.completed`)).toBe(false);
    site.master.failures.clear();
    expect(await pass()).toBe(0);
  });

  it('ignores a Master that does not know of building', async () => {
    const unknown = new MasterError('SLAPOS_ERR_MASTER_NOT_FOUND', '404');
    site.master.failures.set('reportBuildingSoftware', unknown);
    expect(await pass()).toBe(0);
  });

  it('destroys, and says so even when nothing is there', async () => {
    await pass();
    mkdirSync(`${path}/closed`);
    chmodSync(`${path}/closed`, 0);
    site.master.softwareReleases = [release(SOFTWARE, 'destroyed')];
    for (let round = 0; round < 2; round += 1) {
      expect(await pass()).toBe(0);
      expect(site.master.calls[1]).toBe(`reportDestroyedSoftware ${SOFTWARE}`);
      expect(names()).toEqual([]);
      expect(readdirSync(`${site.softwareRoot}/.log`)).toEqual([]);
    }
  });

  it('collects garbage, but never what the filter of the run left out', async () => {
    const other = 'https://host/other.cfg';
    site.master.softwareReleases = [release(SOFTWARE), release(other)];
    await pass();
    site.master.softwareReleases = [release(SOFTWARE), release('https://host/third.cfg')];
    expect(await pass({ only_sr: SOFTWARE, garbage_collect: true })).toBe(0);
    expect(names()).toEqual([path.split('/').pop()]);
  });

  it('refuses before anything is written when the disk is full', async () => {
    expect(await pass({ software_min_free_space: '9000P' })).toBe(1);
    expect(site.master.posted[0]).toMatch(
      /^Not enough space for .*: available [\d.]+ \w+, required 8\.8 EB \(option 'software_min_free_space'\)$/,
    );
    expect(names()).toEqual([]);
  });

  it('writes nothing through a link that the software user put in the place of the folder', async () => {
    const elsewhere = `${site.root}/elsewhere`;
    mkdirSync(elsewhere);
    writeFileSync(`${elsewhere}/.netrc`, 'mine');
    symlinkSync(elsewhere, path);
    expect(await pass()).toBe(1);
    expect(site.master.posted[0]).toContain('a symbolic link or another kind of file');
    expect(readdirSync(elsewhere)).toEqual(['.netrc']);
    expect(readFileSync(`${elsewhere}/.netrc`, 'utf8')).toBe('mine');
  });

  it('has one clear error when no Python has zc.buildout', async () => {
    expect(await pass({ buildout_python: '/nowhere/python' })).toBe(1);
    expect(site.master.posted[0]).toBe(
      'No Python that the software user can run has zc.buildout: /nowhere/python (buildout_python): does not exist.',
    );
  });

  it('keeps a profile that the operator changed, and a % in a URL', async () => {
    const url = 'https://host/100%25/software.cfg';
    site.master.softwareReleases = [release(url)];
    await pass();
    const profile = `${softwarePath(site.softwareRoot, url)}/buildout.cfg`;
    expect(readFileSync(profile, 'utf8')).toContain(`extends = ${url}\n`);
    writeFileSync(profile, '# mine\n');
    await pass({ force: true });
    expect(readFileSync(profile, 'utf8')).toBe('# mine\n');
  });
});
