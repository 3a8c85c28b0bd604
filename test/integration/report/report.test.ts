/** Passes of `node report`: consumption and destruction. */
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { MasterError } from '../../../src/errors/slapos-error.ts';
import { runInstance } from '../../../src/instance/run-instance.ts';
import { runReport } from '../../../src/report/run-report.ts';
import { createGridSite, type GridSite } from '../../support/grid-site.ts';
import { requires } from '../../support/requires.ts';

const CONSUMPTION =
  '<consumption><movement><resource>CPU</resource><quantity>1.5</quantity><price>0.0</price><VAT></VAT></movement></consumption>';

requires('root', 'netns')('node report', () => {
  let site: GridSite;

  beforeEach(() => {
    site = createGridSite({ partitions: 2 });
    site.installSoftware();
  });
  afterEach(() => site.remove());

  const pass = () => {
    site.master.calls.length = 0;
    return runReport(site.context(), site.openSupervisor);
  };
  const callsOf = (id: string) => site.master.calls.filter((call) => call.endsWith(` ${id}`));
  const destroyed = (changes = {}) => site.wish(0, { requestedState: 'destroyed', ...changes });

  it('posts what the scripts of all partitions wrote as one report', async () => {
    const script = `#!/bin/sh\necho '${CONSUMPTION}' > "$1"\npwd > ../../where; id -u >> ../../where\n`;
    for (const index of [0, 1]) {
      site.write(index, 'etc/report/use', script, 0o755);
      site.write(index, 'var/xml_report/left.xml', 'not XML');
    }
    expect(await pass()).toBe(0);
    expect(site.master.calls).toEqual(['getFullComputerInformation', 'useComputer']);
    const [text = ''] = site.master.posted;
    expect(text).toContain('<reference>COMP-1</reference>');
    expect(text.match(/<movement>/g)).toHaveLength(2);
    expect(text).toContain('<reference>slappart1</reference><quantity>1.5</quantity>');
    expect(readdirSync(site.path('slappart0/var/xml_report'))).toEqual(['left.xml']);
    expect(site.read('slappart0', 'where')).toBe(`${site.path('slappart0/etc/report')}\n70001\n`);
  });

  it('keeps the reports that the Master did not take', async () => {
    site.write(0, 'var/xml_report/a.xml', CONSUMPTION);
    site.master.failures.set('useComputer', new MasterError('SLAPOS_ERR_MASTER_REFUSED', '400'));
    expect(await pass()).toBe(1);
    expect(readdirSync(site.path('slappart0/var/xml_report'))).toEqual(['a.xml']);
  });

  it('posts reports of the computer one by one', async () => {
    const folder = site.path('var/xml_report/COMP-1');
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/a.xml`, '<journal/>');
    const valid =
      '<journal><transaction type="x"><start_date/><stop_date/><reference/><currency/><payment_mode/><arrow type="y"/><movement><resource/><quantity>1</quantity><price>1</price><VAT/></movement></transaction></journal>';
    writeFileSync(`${folder}/b.xml`, valid);
    expect(await pass()).toBe(0);
    expect(site.master.posted).toEqual([valid]);
    expect(readdirSync(folder)).toEqual(['a.xml']);
  });

  it('tells of a script that fails', async () => {
    site.write(0, 'etc/report/bad', '#!/bin/sh\nexit 3\n', 0o755);
    expect(await pass()).toBe(1);
    expect(site.master.posted).toEqual(["Script 'bad' failed."]);
  });

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
    await runInstance(site.context(), site.openSupervisor);
    site.write(0, '.slapos-report-wait-service-list', 'slappart1:any\nunknown:x\n');
    destroyed();
    expect(await pass()).toBe(0);
    expect(callsOf('slappart0')).toEqual(['reportStopped slappart0']);
    await site.supervisor.stopAll();
    expect(await pass()).toBe(0);
    expect(callsOf('slappart0')).toContain('reportDestroyed slappart0');
  });

  it('destroys an empty partition that still has a software release', async () => {
    destroyed();
    expect(await pass()).toBe(0);
    expect(callsOf('slappart0')).toEqual(['reportStopped slappart0', 'reportDestroyed slappart0']);
  });

  it('unlinks the data disks and empties the partition’s part of them', async () => {
    await site.remove();
    site = createGridSite();
    mkdirSync(`${site.root}/disks/one/slappart0/deep`, { recursive: true });
    writeFileSync(`${site.root}/disks/one/other`, 'precious');
    site.write(0, 'DATA/x', '');
    symlinkSync(`${site.root}/disks/one/slappart0`, site.path('slappart0/DATA/one'));
    destroyed();
    const context = site.context({ instance_storage_home: `${site.root}/disks` });
    expect(await runReport(context, site.openSupervisor)).toBe(0);
    expect(readdirSync(`${site.root}/disks/one/slappart0`)).toEqual([]);
    expect(readFileSync(`${site.root}/disks/one/other`, 'utf8')).toBe('precious');
  });
});
