/** Promises of a partition, run for real as its user (spec/promise.md 6 and 9). */
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { GridContext } from '../../../src/grid/context.ts';
import { openPartition } from '../../../src/instance/partition.ts';
import { promiseCheck } from '../../../src/instance/promise-check.ts';
import { runPromisePass } from '../../../src/instance/run-promise-pass.ts';
import { runPromises } from '../../../src/promise/run-promises.ts';
import { masterUnavailable } from '../../support/fake-master.ts';
import { createGridSite, type GridSite, partitionUid } from '../../support/grid-site.ts';
import { requires } from '../../support/requires.ts';
import { slapPartition } from '../../support/slap-partition.ts';

requires('root', 'netns')('promises', () => {
  let site: GridSite;
  let clock: number;

  beforeEach(() => {
    site = createGridSite({ settings: 'promise_timeout = 3\n' });
    clock = Date.now();
  });
  afterEach(() => site.remove());

  const promise = (name: string, script: string) =>
    site.write(0, `etc/promise/${name}`, `#!/bin/sh\n${script}\n`, 0o755);
  const result = (title = 'check') =>
    JSON.parse(site.read('slappart0', `.slapgrid/promise/result/${title}.status.json`));
  const context = (): GridContext => ({ ...site.context(), now: () => new Date(clock) });

  async function check(mode: 'test' | 'anomaly', isForced = mode === 'test') {
    const { host, log } = context();
    const path = site.path('slappart0');
    const owner = await host.ownerOf(path);
    const folder = host.openFolder(path);
    await runPromises(context(), { folder, owner, log, partitionId: 'slappart0', mode, isForced });
  }

  it('runs as the partition in a clean environment and saves result, cache and log', async () => {
    promise('check.sh', 'id -u; env; pwd; cat');
    await check('test');
    const { result: saved, ...facts } = result();
    expect(facts).toMatchObject({
      title: 'check',
      name: 'check.sh',
      path: site.path('slappart0/etc/promise/check.sh'),
    });
    expect(saved).toMatchObject({ type: 'Test Result', failed: false });
    const lines = saved.message.split('\n');
    expect(lines[0]).toBe(String(partitionUid(0)));
    expect(lines.at(-1)).toBe(site.path('slappart0'));
    expect(lines).toContain('HOME=/srv');
    expect(lines.filter((line: string) => /^(LANG|PYTHONPATH)=/.test(line))).toEqual([]);
    for (const path of ['result/check.status.json', 'cache/check', 'log/check.log']) {
      const status = statSync(site.path('slappart0/.slapgrid/promise', path));
      expect([status.uid, status.gid]).toEqual([partitionUid(0), partitionUid(0)]);
    }
    expect(statSync(site.path('slappart0/.slapgrid/promise')).mode & 0o777).toBe(0o700);
  });

  it('fails with an empty message when the promise says nothing', async () => {
    promise('check', 'exit 1');
    await expect(check('test')).rejects.toThrow("Promise 'check' failed with output: ");
    expect(result().result).toMatchObject({ failed: true, message: '' });
  });

  it('escapes what is not ASCII', async () => {
    promise('check', "printf 'h\\303\\251'; exit 1");
    await expect(check('test')).rejects.toThrow('hé');
    const text = site.read('slappart0', '.slapgrid/promise/result/check.status.json');
    expect(text).toContain('"message": "h\\u00e9"');
  });

  it('names the first failing promise in order and runs them all', async () => {
    promise('b', 'echo two; exit 1');
    promise('a', 'echo one; exit 1');
    await expect(check('test')).rejects.toThrow("Promise 'a' failed with output: one");
    expect(result('b').result.failed).toBe(true);
  });

  it('ends a promise that takes too long, with what it started', async () => {
    promise('check', "trap '' TERM; sleep 60 & echo $! > child; wait; wait; sleep 60");
    const before = Date.now();
    await expect(check('test')).rejects.toThrow('Error: Promise timed out after 3 seconds');
    expect(Date.now() - before).toBeLessThan(15_000);
    expect(result()).toMatchObject({ 'execution-time': 3, result: { type: 'Test Result' } });
    const child = site.read('slappart0', 'child').trim();
    expect(existsSync(`/proc/${child}/exe`)).toBe(false);
  });

  it('tolerates one time-out of an anomaly check and fails the second', async () => {
    promise('check', 'sleep 60');
    await check('anomaly');
    expect(result().result).toMatchObject({
      type: 'Anomaly Result',
      failed: false,
      message: 'Error: Promise timed out after 3 seconds',
    });
    clock += 121_000;
    await expect(check('anomaly')).rejects.toThrow('timed out');
    expect(result().result.failed).toBe(true);
  });

  it('fails an anomaly at the third failing run', async () => {
    promise('check', 'echo bad; exit 1');
    await check('anomaly');
    expect(result().result).toMatchObject({ type: 'Test Result', failed: false, message: 'bad' });
    clock += 121_000;
    await check('anomaly');
    clock += 121_000;
    await expect(check('anomaly')).rejects.toThrow('bad');
  });

  it('skips what is not due, and still counts its saved failure', async () => {
    promise('check', 'echo bad; exit 1');
    await expect(check('test')).rejects.toThrow('bad');
    const before = result();
    clock += 60_000;
    await expect(check('anomaly')).rejects.toThrow("Promise 'check' failed with output: bad");
    expect(result()).toEqual(before);
    expect(site.log.lines).toContain("INFO 1 promises didn't need to be checked.");
  });

  it('runs a promise that changed at once', async () => {
    promise('check', 'exit 0');
    await check('test');
    promise('check', 'echo changed');
    await check('anomaly');
    expect(result().result.message).toBe('changed');
  });

  it('tells what cannot be run as Python would', async () => {
    site.write(0, 'etc/promise/check', 'no program\n', 0o755);
    const path = site.path('slappart0/etc/promise/check');
    await expect(check('test')).rejects.toThrow(`[Errno 8] Exec format error: '${path}'`);
  });

  it('warns about files that are no promises', async () => {
    site.write(0, 'etc/promise/notes', 'text\n', 0o644);
    site.write(0, 'etc/plugin/notes.txt', '');
    site.write(0, 'etc/plugin/__init__.py', '');
    await check('test');
    const warnings = site.log.lines.filter((line) => line.startsWith('WARNING'));
    expect(warnings).toEqual([
      `WARNING Bad promise file at '${site.path('slappart0/etc/promise/notes')}'.`,
    ]);
    expect(site.exists('slappart0', '.slapgrid/promise')).toBe(false);
  });

  it('never writes through a link that the partition planted', async () => {
    const victim = `${site.root}/victim`;
    writeFileSync(victim, 'precious');
    promise('check', 'echo fine');
    await check('test');
    for (const path of ['result/check.status.json', 'log/check.log', 'cache/check']) {
      const target = site.path('slappart0/.slapgrid/promise', path);
      rmSync(target);
      symlinkSync(victim, target);
    }
    promise('other', 'echo fine');
    await expect(check('test')).rejects.toMatchObject({
      code: 'SLAPOS_ERR_PROMISE_FAILED',
      message: expect.stringContaining("Promise 'check' failed with output: Error: Cannot use"),
    });
    expect(result('other').result.failed).toBe(false);
    expect(readFileSync(victim, 'utf8')).toBe('precious');
  });

  it('deletes what older versions left behind', async () => {
    promise('check', 'exit 0');
    await check('test');
    for (const name of ['promise_stats.json', 'check.timestamp', 'history/x']) {
      site.write(0, `.slapgrid/promise/${name}`, '');
    }
    await check('test');
    const names = readdirSync(site.path('slappart0/.slapgrid/promise'));
    expect(names.sort()).toEqual(['cache', 'log', 'result']);
  });

  it('runs JavaScript plugins as the partition, each in a process of its own', async () => {
    const plugin = (name: string, sense: string) =>
      site.write(
        0,
        `etc/plugin/${name}.mjs`,
        `export class RunPromise extends slapos.GenericPromise { async sense() { ${sense} } }`,
      );
    plugin(
      'ids',
      'this.logger.info([process.getuid(), process.cwd(), process.env.HOME].join(" "));',
    );
    plugin('prints', 'console.error("to stderr"); process.stdout.write("to stdout\\n");');
    plugin('exits', 'process.exit(3);');
    plugin('slow', 'await new Promise((resolve) => setTimeout(resolve, 60000));');
    plugin('open', 'setInterval(() => {}, 1000); this.logger.info("fine");');
    site.write(0, 'etc/plugin/syntax.mjs', 'export class {');
    await expect(check('test')).rejects.toThrow(
      "Promise 'exits.mjs' failed with output: Error: No output returned by the promise",
    );
    expect(result('ids').result).toMatchObject({
      type: 'Test Result',
      failed: false,
      message: `${partitionUid(0)} ${site.path('slappart0')} /srv`,
    });
    expect(site.log.lines).toContain('INFO to stdout');
    expect(site.log.lines).toContain('INFO to stderr');
    expect(result('slow').result.message).toBe('Error: Promise timed out after 3 seconds');
    expect(result('open').result).toMatchObject({ failed: false, message: 'fine' });
    expect(result('syntax').result.failed).toBe(true);
    expect(site.read('slappart0', '.slapgrid/promise/log/syntax.log')).toContain('SyntaxError');
    const status = statSync(site.path('slappart0/.slapgrid/promise/cache/ids'));
    expect([status.uid, status.gid]).toEqual([partitionUid(0), partitionUid(0)]);
  });

  it('bangs once for an anomaly and seldom while it goes on', async () => {
    site.write(
      0,
      'etc/plugin/fire.mjs',
      'export class RunPromise extends slapos.GenericPromise { sense() { this.logger.error("hot"); } }',
    );
    const wish = slapPartition({ partitionId: 'slappart0' });
    const bangs = () => site.master.calls.filter((call) => call.startsWith('bangInstance'));
    const pass = async () => {
      await expect(
        runPromises(
          context(),
          promiseCheck(context(), await openPartition(context(), wish), 'anomaly'),
        ),
      ).rejects.toThrow('hot');
    };
    site.master.failures.set('bangInstance', masterUnavailable());
    await pass();
    expect(bangs()).toEqual(['bangInstance slappart0']);
    const log = () => site.read('slappart0', '.slapgrid/promise/log/fire.log');
    expect(log()).toContain('WARNING - ');
    expect(log()).toContain("Bang with message 'Promise fire is failing' failed: 503 Server Error");
    site.master.failures.clear();
    for (let minutes = 0; minutes < 8; minutes += 1) {
      clock += 121_000;
      await pass();
    }
    // A bang that was not sent does not count: one at once, then after 2, 4 and 8 minutes.
    expect(bangs().length).toBe(1 + 4);
    expect(log()).toContain("Bang with message 'Promise fire is failing'.\n");
  });

  it('makes node promise exit 2, and tells the Master nothing', async () => {
    promise('check', 'exit 1');
    expect(await runPromisePass(context())).toBe(2);
    expect(site.master.calls).toEqual(['getFullComputerInformation']);
    chmodSync(site.path('slappart0/etc/promise/check'), 0o644);
    expect(await runPromisePass(context())).toBe(0);
    site.wish(0, { requestedState: 'stopped' });
    promise('check', 'exit 1');
    expect(await runPromisePass(context())).toBe(0);
    site.master.failures.set('getFullComputerInformation', masterUnavailable());
    await expect(runPromisePass(context())).rejects.toMatchObject({
      code: 'SLAPOS_ERR_MASTER_UNAVAILABLE',
    });
  });
});
