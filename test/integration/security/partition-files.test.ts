/**
 * Every path in a partition that root reads or writes, found by running the passes, with every kind
 * of thing that a partition can plant there: nothing outside is changed or shown, no pass hangs or
 * crashes, and the neighbour is processed.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runInstance } from '../../../src/instance/run-instance.ts';
import { runPromisePass } from '../../../src/instance/run-promise-pass.ts';
import { createLogger, createSink } from '../../../src/log/create-logger.ts';
import { renderConsoleLine } from '../../../src/log/line-format.ts';
import type { LogRecord } from '../../../src/log/record.ts';
import { setInLines } from '../../../src/log/set-in-lines.ts';
import { runReport } from '../../../src/report/run-report.ts';
import { softwarePath } from '../../../src/software/release.ts';
import { SOFTWARE } from '../../support/grid-site.ts';
import {
  CONSUMPTION,
  createHostileSite,
  DISGUISES,
  NAMES,
  plant,
} from '../../support/hostile-site.ts';
import { requires } from '../../support/requires.ts';

const KINDS = Object.keys(DISGUISES);
/** The partition behind the hostile ones, which plants nothing. */
const GOOD = KINDS.length;
const REPORT = '#!/bin/sh\necho "<consumption/>" > "$1"\n';
const PROMISE = '#!/bin/sh\nexit 0\n';

/** Paths that root uses in a partition, and that passes of this test need not meet by themselves. */
const KNOWN = [
  '.slapos-resource',
  '.slapos_latest_bang_timestamp',
  '.slapgrid/promise/log/ok.log',
  '.slapgrid/log/instance.log.1',
  'sbin/buildout',
  'sbin/destroy',
  'etc/report/report',
  'etc/promise/ok',
  'etc/service/wait',
  'DATA',
];

requires('root', 'netns')('what partitions plant', () => {
  type HostileSite = ReturnType<typeof createHostileSite>;
  let hostile: HostileSite;
  let paths: readonly string[];

  /** Partitions with a promise and a report each. */
  function create(count: number): HostileSite {
    const made = createHostileSite(count);
    for (let index = 0; index < count; index += 1) {
      made.site.write(index, 'etc/promise/ok', PROMISE, 0o755);
      made.site.write(index, 'etc/report/report', REPORT, 0o755);
      made.site.write(index, 'var/xml_report/left', CONSUMPTION.replace(/the-\S+root/, 'x'));
    }
    return made;
  }

  const instance = () => runInstance(hostile.context({ force: true }), hostile.site.openSupervisor);
  /** Partitions that are up to date are only looked at. */
  const watch = () => runInstance(hostile.context(), hostile.site.openSupervisor);
  const report = () => runReport(hostile.context(), hostile.site.openSupervisor);
  const promise = () => runPromisePass(hostile.context());

  /** Plants one kind of thing in each hostile partition. */
  function plantAll(path: string): void {
    KINDS.forEach((kind, index) => {
      const own = path.replaceAll('slappartN', `slappart${index}`);
      const put = (at: string) => DISGUISES[kind]?.(at, hostile.outside, neighbour());
      plant(hostile.site.path(`slappart${index}`, own), put, hostile.owner(index));
    });
  }

  const neighbour = () => hostile.site.path(`slappart${GOOD}`, 'own');

  function expectNoHarm(what: string): void {
    expect([what, hostile.outside.changes]).toEqual([what, '']);
    expect([what, hostile.leaks()]).toEqual([what, []]);
    expect([what, readFileSync(neighbour(), 'utf8')]).toEqual([what, 'mine\n']);
    expect([
      what,
      hostile.site.master.posted.filter((text) => text.includes('the-secret')),
    ]).toEqual([what, []]);
  }

  beforeAll(async () => {
    hostile = create(1);
    await instance();
    await promise();
    hostile.site.wish(0, { requestedState: 'destroyed' });
    hostile.site.write(0, '.slapos-retention-lock-delay', '1');
    await report();
    hostile.site.write(0, '.slapos-retention-lock-date', '0');
    await report();
    const used = hostile.usedPaths().map((path) => path.replace(/slapreport\..*/, 'slapreport.1'));
    paths = [...new Set([...used, ...KNOWN])].sort();
    await hostile.site.remove();
  }, 60_000);
  afterEach(() => hostile.site.remove());

  it('was looked for at the paths that root uses', () => {
    expect(paths).toEqual(
      expect.arrayContaining(['.timestamp', 'buildout.cfg', 'etc/service', 'var/xml_report']),
    );
    hostile = create(1);
  });

  it('does no harm at any of these paths, nor in place of their folders', async () => {
    const folders = paths.map((path) => dirname(path)).filter((path) => path !== '.');
    for (const path of new Set([...paths, ...folders])) {
      hostile = create(GOOD + 1);
      hostile.site.write(GOOD, 'own', 'mine\n', 0o600);
      await attack(path);
      await hostile.site.remove();
    }
    hostile = create(1);
  }, 300_000);

  async function attack(path: string): Promise<void> {
    const { master } = hostile.site;
    for (const [name, pass] of Object.entries({ instance, again: instance, watch, promise })) {
      plantAll(path);
      master.calls.length = 0;
      hostile.site.log.lines.length = 0;
      expect([0, 1, 2]).toContain(await pass());
      expectNoHarm(`${path}: ${name}`);
      if (pass === instance) {
        expect([path, ...master.calls]).toContain(`reportStarted slappart${GOOD}`);
        expectNamed(path);
      }
    }
    plantAll(path);
    for (let index = 0; index <= GOOD; index += 1) {
      hostile.site.wish(index, { requestedState: 'destroyed' });
    }
    master.calls.length = 0;
    hostile.site.log.lines.length = 0;
    expect([0, 1]).toContain(await report());
    expectNoHarmAfterDestruction(path);
    expect([path, ...master.calls]).toContain(`reportDestroyed slappart${GOOD}`);
  }

  /** A partition that was not started is told of with the place. */
  function expectNamed(path: string): void {
    const { calls } = hostile.site.master;
    KINDS.forEach((kind, index) => {
      if (calls.includes(`reportStarted slappart${index}`)) return;
      const own = path.replaceAll('slappartN', `slappart${index}`);
      const lines = hostile.site.log.lines.filter((line) => line.includes(`slappart${index}`));
      // What the partition's own buildout stumbles over, it tells of itself.
      const isBuildout = lines.some((line) => line.includes('Failed to run buildout profile'));
      const named = isBuildout || lines.some((line) => line.includes(own));
      expect([kind, own, named ? [] : lines]).toEqual([kind, own, []]);
    });
  }

  function expectNoHarmAfterDestruction(path: string): void {
    const what = `${path}: report`;
    expect([what, hostile.outside.changes]).toEqual([what, '']);
    KINDS.forEach((kind, index) => {
      const isGone = hostile.site.master.calls.includes(`reportDestroyed slappart${index}`);
      // A script that cannot be run keeps the partition, as upstream's does; nothing else may.
      const mayStay = path === 'sbin/destroy' || path === 'sbin';
      const lines = hostile.site.log.lines.filter((line) => line.includes(`slappart${index}`));
      expect([what, kind, isGone || mayStay ? [] : lines]).toEqual([what, kind, []]);
    });
  }
});

requires('root', 'netns')('what a bootstrap of buildout leaves in a partition', () => {
  it.each(['sbin', 'sbin/buildout'])('is not read through a link at %s', async (path) => {
    const { site, context, owner, outside } = createHostileSite(2);
    try {
      const bootstrap = join(softwarePath(site.softwareRoot, SOFTWARE), 'bin', 'bootstrap');
      writeFileSync(bootstrap, '#!/bin/sh\nexit 0\n', { mode: 0o755 });
      site.write(1, 'sbin/buildout', '#!/bin/sh\nexit 0\n', 0o755);
      const secret = join(site.root, 'private');
      mkdirSync(secret, { mode: 0o700 });
      writeFileSync(join(secret, 'buildout'), '#!/the-secret-of-root\n', { mode: 0o700 });
      const target = path === 'sbin' ? secret : join(secret, 'buildout');
      plant(site.path('slappart0', path), (at) => symlinkSync(target, at), owner(0));
      expect(await runInstance(context(), site.openSupervisor)).toBe(1);
      const told = [...site.log.lines, ...site.master.posted].join('\n');
      expect(told).not.toContain('the-secret');
      expect(told).toMatch(/Cannot (look at|read) \S+slappart0\/sbin\/buildout: ELOOP/);
      expect(site.master.calls).toContain('reportStarted slappart1');
      expect(outside.changes).toBe('');
    } finally {
      await site.remove();
    }
  });
});

describe('names', () => {
  requires('root', 'netns')('of files in partitions', () => {
    const FOLDERS = ['.', 'etc/run', 'etc/service', 'etc/promise', 'etc/report', 'var/xml_report'];

    it('neither crash a pass nor reach a terminal', async () => {
      const hostile = createHostileSite(2);
      const { site } = hostile;
      try {
        for (const folder of FOLDERS) {
          const path = site.path('slappart0', folder);
          site.write(0, `${folder}/plain`, '', 0o644);
          for (const name of NAMES) {
            const file = Buffer.concat([Buffer.from(`${join(path, '.')}/`), name]);
            writeFileSync(file, '#!/bin/sh\necho "\x1b[2Jout"\nexit 1\n', { mode: 0o755 });
          }
        }
        const open = site.openSupervisor;
        expect(await runInstance(hostile.context(), open)).toBe(2);
        expect(await runPromisePass(hostile.context())).toBe(2);
        expect(await runReport(hostile.context(), open)).toBe(1);
        expect(site.master.calls).toContain('reportStarted slappart1');
        const group = site.read('etc', 'supervisord.conf.d', 'slappart0.conf');
        const programs = /^programs=(.*)$/m
          .exec(group)?.[1]
          ?.split(',')
          .map((name) => name.slice(10));
        expect(programs?.sort()).toEqual([
          '-rf',
          '__proto__',
          'null',
          'once',
          'plain',
          'wait',
          'x'.repeat(255),
        ]);
        expect(hostile.outside.changes).toBe('');
        expectHarmless(site.log.lines);
        for (const index of [0, 1]) site.wish(index, { requestedState: 'destroyed' });
        // The scripts fail again; what they are called keeps nothing.
        expect(await runReport(hostile.context(), open)).toBe(1);
        expect(site.master.calls).toContain('reportDestroyed slappart0');
        expect(readdirSync(site.path('slappart0'), 'buffer')).toEqual([]);
      } finally {
        await site.remove();
      }
    }, 60_000);

    it('are not started in numbers that would fill the supervisor of all', async () => {
      const { site, context } = createHostileSite(2);
      try {
        for (let n = 0; n < 1001; n += 1) site.write(0, `etc/service/s${n}`, '#!/bin/sh\n', 0o700);
        for (let n = 0; n < 50; n += 1) site.write(0, `etc/run/a b ${n}`, '', 0o700);
        await runInstance(context(), site.openSupervisor);
        const group = site.read('etc', 'supervisord.conf.d', 'slappart0.conf');
        expect(group.match(/^\[program:/gm)?.length).toBe(1001);
        const told = site.log.lines.filter((line) => /services/.test(line) && !/^INFO/.test(line));
        expect(told).toEqual([
          expect.stringContaining('etc/service holds 1002 services: only the first 1000'),
          'WARNING 40 more services of slappart0 have unsafe names, ignoring them.',
        ]);
        expect(site.master.calls).toContain('reportStarted slappart1');
      } finally {
        await site.remove();
      }
    });

    it('do not keep a pass from a free partition that is full of them', async () => {
      const { site, context } = createHostileSite(2);
      try {
        const fill = 'for n in $(seq 10001); do : > f$n; done';
        execFileSync('/bin/sh', ['-c', fill], { cwd: site.path('slappart0') });
        site.wish(0, { requestedState: 'destroyed', softwareReleaseUrl: null });
        expect(await runInstance(context(), site.openSupervisor)).toBe(0);
        const folder = site.path('slappart0');
        expect(site.log.lines).toContain(
          `WARNING Free partition slappart0 contains file(s) in ${folder}.`,
        );
        expect(site.master.calls).toContain('reportStarted slappart1');
      } finally {
        await site.remove();
      }
    });

    function expectHarmless(lines: readonly string[]): void {
      const style = { hasTime: true, hasColors: false };
      const out: string[] = [];
      const render = (record: LogRecord) => renderConsoleLine(record, style);
      const sink = createSink('DEBUG', render, (line) => void out.push(line));
      const log = setInLines(
        createLogger({ name: 'slapos', pid: 1, sinks: [sink], now: () => new Date() }),
      );
      for (const message of lines) log.info(message);
      const shown = out.join('');
      expect(shown).toContain('\\x1b[2J');
      expect(shown.match(/[^\P{Cc}\n\t]|\u202e/u)).toBeNull();
      // A line that a name pretends to be.
      expect(shown).not.toMatch(/^b: ERROR faked/m);
    }
  });
});
