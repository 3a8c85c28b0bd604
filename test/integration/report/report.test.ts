/** Passes of `node report`: scripts and consumption. */
import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { MasterError } from '../../../src/errors/slapos-error.ts';
import { runReport } from '../../../src/report/run-report.ts';
import { createGridSite, type GridSite } from '../../support/grid-site.ts';
import { isAlive } from '../../support/keeper-run.ts';
import { requires } from '../../support/requires.ts';

const CONSUMPTION =
  '<consumption><movement><resource>CPU</resource><quantity>1.5</quantity><price>0.0</price><VAT></VAT></movement></consumption>';

const COMPUTER_REPORT =
  '<journal><transaction type="x"><start_date/><stop_date/><reference/><currency/><payment_mode/><arrow type="y"/><movement><resource/><quantity>1</quantity><price>1</price><VAT/></movement></transaction></journal>';

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
    writeFileSync(`${folder}/b.xml`, COMPUTER_REPORT);
    expect(await pass()).toBe(0);
    expect(site.master.posted).toEqual([COMPUTER_REPORT]);
    expect(readdirSync(folder)).toEqual(['a.xml']);
  });

  it('tells of a script that fails', async () => {
    site.write(0, 'etc/report/bad', '#!/bin/sh\nexit 3\n', 0o755);
    expect(await pass()).toBe(1);
    expect(site.master.posted).toEqual(["Script 'bad' failed."]);
  });

  it('takes part of a report away, never a whole one, whichever script failed', async () => {
    for (const index of [0, 1]) site.write(index, 'var/xml_report/left.xml', 'not XML');
    const whole = `#!/bin/sh\necho '${CONSUMPTION}' > "$1"; exit 1\n`;
    site.write(0, 'etc/report/a', whole, 0o755);
    site.write(0, 'etc/report/b', '#!/bin/sh\nexit 3\n', 0o755);
    site.write(1, 'etc/report/part', '#!/bin/sh\necho "<consumption>" > "$1"; exit 1\n', 0o755);
    expect(await pass()).toBe(1);
    expect(site.master.posted.filter((text) => text.includes('<quantity>1.5<'))).toHaveLength(1);
    expect(readdirSync(site.path('slappart1/var/xml_report'))).toEqual(['left.xml']);
  });

  it('ends scripts that hang, with what they started, and goes on', async () => {
    const hang = '#!/bin/sh\n/bin/sleep 987654 & echo $! > ../../child; wait\n';
    site.write(0, 'etc/report/a', hang, 0o755);
    site.write(0, 'etc/report/b', '#!/bin/sh\ntouch ../../too\n', 0o755);
    site.write(0, 'etc/report/c', '#!/bin/sh\n/bin/sleep 1000\n', 0o755);
    for (const name of ['d', 'e']) site.write(0, `etc/report/${name}`, '#!/bin/sh\n', 0o755);
    site.write(1, 'etc/report/use', `#!/bin/sh\necho '${CONSUMPTION}' > "$1"\n`, 0o755);
    site.write(1, 'var/xml_report/left.xml', 'not XML');
    expect(await runReport(site.context({ report_timeout: 1 }), site.openSupervisor)).toBe(1);
    expect(site.master.posted).toContainEqual("Script 'a' failed.\nScript 'c' failed.");
    expect(site.master.posted).toContainEqual(expect.stringContaining('slappart1</reference>'));
    expect(site.log.lines).toContainEqual(
      expect.stringContaining('failed: killed after 1 s, see report_timeout'),
    );
    expect(site.exists('slappart0', 'too')).toBe(true);
    const child = Number(site.read('slappart0', 'child'));
    expect(() => process.kill(child, 0)).toThrow('ESRCH');
  });

  it('does not wait for what a script leaves behind with its output open', async () => {
    site.write(0, 'etc/report/a', '#!/bin/sh\n/bin/sleep 30 & echo $! > ../../child\n', 0o755);
    const start = performance.now();
    expect(await pass()).toBe(0);
    expect(performance.now() - start).toBeLessThan(15_000);
    const child = Number(site.read('slappart0', 'child'));
    if (isAlive(child)) process.kill(child, 'SIGKILL');
  });

  it('logs a thousand lines of a script and runs a hundred scripts', async () => {
    site.write(0, 'etc/report/talk', '#!/bin/sh\nseq 5000\n', 0o755);
    mkdirSync(site.path('slappart0/etc/report/folder'));
    expect(await pass()).toBe(0);
    expect(site.log.lines.filter((line) => /^INFO \d+$/.test(line))).toHaveLength(1000);
    expect(site.log.lines).toContainEqual(expect.stringContaining('more than 1000 lines'));
    for (let n = 0; n < 100; n += 1) site.write(0, `etc/report/n${n}`, '#!/bin/sh\n', 0o755);
    expect(await pass()).toBe(1);
    expect(site.master.posted).toContainEqual(expect.stringContaining('holds 102 entries'));
  });

  it('reads only files that are nobody else’s, and not more than its share', async () => {
    const reports = site.path('slappart0/var/xml_report');
    site.write(0, 'var/xml_report/plain', CONSUMPTION);
    writeFileSync(`${site.root}/theirs`, CONSUMPTION);
    symlinkSync(`${site.root}/theirs`, `${reports}/link`);
    linkSync(`${site.root}/theirs`, `${reports}/second`);
    execFileSync('mkfifo', [`${reports}/fifo`]);
    writeFileSync(`${reports}/hole`, '');
    truncateSync(`${reports}/hole`, 2 ** 40);
    mkdirSync(`${reports}/folder`);
    expect(await pass()).toBe(0);
    expect(site.master.posted.join('').match(/<movement>/g)).toHaveLength(1);
    expect(readdirSync(reports)).toEqual(['fifo', 'folder', 'hole', 'link', 'second']);
    for (const name of ['fifo', 'folder', 'hole', 'link', 'second']) {
      expect(site.log.lines).toContainEqual(expect.stringContaining(`${reports}/${name}`));
    }
  });

  it('takes many reports in several runs, those of others at once', async () => {
    const large = CONSUMPTION.replace(/(<movement>.*<\/movement>)/, (movement) =>
      movement.repeat(3000),
    );
    for (const name of ['a', 'b', 'c']) site.write(0, `var/xml_report/${name}`, large);
    site.write(1, 'var/xml_report/small', CONSUMPTION);
    for (const left of [['c'], []]) {
      expect(await pass()).toBe(0);
      expect(readdirSync(site.path('slappart0/var/xml_report'))).toEqual(left);
    }
    expect(site.exists('slappart1', 'var/xml_report/small')).toBe(false);
    expect(site.log.lines).toContainEqual(expect.stringContaining('is left for the next one'));
  });

  it('reads what stands in the instance root for a partition, and tells nothing twice', async () => {
    const theirs = site.path('var/xml_report/slappart0');
    mkdirSync(theirs, { recursive: true });
    writeFileSync(`${theirs}/a`, CONSUMPTION);
    site.write(0, 'var/xml_report/a', CONSUMPTION);
    expect(await pass()).toBe(0);
    expect(site.master.posted.join('').match(/<movement>/g)).toHaveLength(2);
    site.master.posted.length = 0;
    expect(await pass()).toBe(0);
    // Upstream's list of deletions lives on from folder to folder: it deletes again and complains.
    expect(site.master.posted).toEqual([]);
    expect(site.log.lines.filter((line) => !line.startsWith('INFO'))).toEqual([]);
  });

  it('blames the partition whose reports the Master refuses, and no other', async () => {
    const { useComputer } = site.master;
    site.master.useComputer = async (id, text) => {
      if (text.includes('slappart1')) throw new MasterError('SLAPOS_ERR_MASTER_REFUSED', 'no');
      await useComputer(id, text);
    };
    for (const index of [0, 1]) {
      site.write(index, 'var/xml_report/a', CONSUMPTION);
      site.wish(index, { requestedState: 'destroyed' });
    }
    expect(await pass()).toBe(1);
    const errors = site.master.calls.filter((call) => call.startsWith('reportInstanceError'));
    expect(errors).toEqual(['reportInstanceError slappart1']);
    expect(site.exists('slappart0', 'var')).toBe(false);
    expect(site.exists('slappart1', 'var/xml_report/a')).toBe(true);
  });

  it('goes on with partitions when a report of the computer is refused', async () => {
    const folder = site.path('var/xml_report/COMP-1');
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/a`, COMPUTER_REPORT);
    writeFileSync(`${folder}/b`, COMPUTER_REPORT.replace('type="x"', 'type="refused"'));
    writeFileSync(`${folder}/c`, COMPUTER_REPORT);
    mkdirSync(`${folder}/d`);
    site.write(0, 'var/xml_report/a', CONSUMPTION);
    const { useComputer } = site.master;
    site.master.useComputer = async (id, text) => {
      if (text.includes('refused')) throw new MasterError('SLAPOS_ERR_MASTER_REFUSED', 'no');
      await useComputer(id, text);
    };
    expect(await pass()).toBe(1);
    expect(site.master.posted).toHaveLength(3);
    expect(readdirSync(folder)).toEqual(['b', 'd']);
  });
});
