/** What goes wrong around a supervisor, each with the real daemon. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import type { CallStatus, ProcessInfo } from '../../../src/supervisor/client.ts';
import { updateGroups } from '../../../src/supervisor/update.ts';
import { requires } from '../../support/requires.ts';
import { SERVICE_UID, SupervisorRun, until } from '../../support/supervisor-run.ts';

const SLEEP = '/bin/sleep 1000';

/** A socket file whose server is gone. */
function leaveSocket(path: string): void {
  const script =
    'require("net").createServer().listen(process.argv[1],()=>process.kill(process.pid,9))';
  spawnSync(process.execPath, ['-e', script, path]);
}

requires('root', 'netns')('a supervisor with bad input', () => {
  let run: SupervisorRun;

  beforeEach(async () => {
    run = new SupervisorRun();
    await run.writeFiles();
  });

  afterEach(() => run.stop());

  function write(file: string, ...lines: string[]): void {
    writeFileSync(join(run.paths.groupFolder, `${file}.conf`), `${lines.join('\n')}\n`);
  }

  /** A program that is alone in its file. */
  function program(name: string, command: string, ...keys: string[]): void {
    const all = ['autostart=false', 'autorestart=false', 'startsecs=0', 'startretries=0', ...keys];
    write(name, `[program:${name}]`, `command=${command}`, ...all);
  }

  function script(name: string, ...lines: string[]): string {
    const path = join(run.root, name);
    writeFileSync(path, `#!/bin/sh\n${lines.join('\n')}\n`, { mode: 0o755 });
    chmodSync(path, 0o755);
    return path;
  }

  const call = <T>(method: string, ...params: Array<string | number | boolean>) =>
    run.client.call<T>(`supervisor.${method}`, ...params);
  const info = (name: string) => call<ProcessInfo>('getProcessInfo', name);
  const isState = (name: string, state: string, timeoutMs?: number) =>
    until(
      async () => ((await info(name)).statename === state ? true : undefined),
      `${name} to be ${state}`,
      timeoutMs,
    );
  /** Kilobytes of the controller. */
  const rssKb = () => {
    const text = readFileSync(`/proc/${run.controllerPid()}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1]);
  };

  describe('in files of programs', () => {
    const WRONG: ReadonlyArray<readonly [string, readonly string[], string]> = [
      ['a lone %', ['[program:bad]', 'command=/bin/echo 100%'], 'line 2, key command'],
      [
        'an unknown user',
        ['[program:bad]', `command=${SLEEP}`, 'user=nobody9'],
        'line 3, key user',
      ],
      ['an unknown uid', ['[program:bad]', 'user=54321', `command=${SLEEP}`], 'line 2, key user'],
      ['a bad number', ['[program:bad]', '', 'startsecs=x', 'command=a'], 'line 3, key startsecs'],
      ['a bad signal', ['[program:bad]', 'command=a', 'stopsignal=FOO'], 'line 3, key stopsignal'],
      [
        'a folder that is missing',
        ['[program:bad]', 'command=a', 'stdout_logfile=/none/x.log'],
        'line 3, key stdout_logfile',
      ],
      ['a bad environment', ['[program:bad]', 'command=a', 'environment=A'], 'key environment'],
      ['no command', ['[program:bad]', 'user=root'], 'does not specify a command'],
      ['no program', ['[group:bad]', 'programs=none'], 'names unknown program'],
      ['no section', ['command=a'], 'line: 1'],
      ['no key', ['[program:bad]', 'command=a', 'what'], '[line  3]'],
      ['noise', ['\x00\x01\x02\xff[]\x1b[2J'], 'line: 1'],
    ];

    it.each(WRONG)(
      'loads the others beside %s, and names file, line and key',
      async (_, lines, at) => {
        program('good', SLEEP);
        write('bad', ...lines);
        await run.ensure();
        expect(await call('startProcess', 'good')).toBe(true);
        const file = join(run.paths.groupFolder, 'bad.conf');
        const [problem] = await run.client.call<Array<{ file: string; message: string }>>(
          'slapos.getConfigProblems',
        );
        expect(problem?.file).toBe(file);
        expect(problem?.message).toContain(file);
        expect(problem?.message).toContain(at);
        expect(run.mainLog()).toContain(at);
        // And again when it is read again, until it is mended.
        expect(await call('reloadConfig')).toEqual([[[], [], []]]);
        write('bad', '[program:bad]', `command=${SLEEP}`);
        expect(await call('reloadConfig')).toEqual([[['bad'], [], []]]);
        expect(await run.client.call('slapos.getConfigProblems')).toEqual([]);
      },
    );

    it('keeps what runs when its file breaks, is a link to nowhere or a folder', async () => {
      program('good', SLEEP);
      await run.ensure();
      await call('startProcess', 'good');
      const { pid } = await info('good');
      const file = join(run.paths.groupFolder, 'good.conf');
      writeFileSync(file, '[program:good]\ncommand=/bin/echo %(nothing)s\n');
      expect(await call('reloadConfig')).toEqual([[[], [], []]]);
      expect((await info('good')).pid).toBe(pid);
      write('folder');
      rmSync(join(run.paths.groupFolder, 'folder.conf'));
      mkdirSync(join(run.paths.groupFolder, 'folder.conf'));
      symlinkSync('/nowhere', join(run.paths.groupFolder, 'link.conf'));
      expect(await call('reloadConfig')).toEqual([[[], [], []]]);
    });

    it('says so when the main file is wrong, and does not start', async () => {
      const text = readFileSync(run.paths.configuration, 'utf8');
      writeFileSync(run.paths.configuration, text.replace('loglevel = info', 'loglevel = loud'));
      await expect(run.ensure()).rejects.toThrow(/loud/);
      writeFileSync(run.paths.configuration, text);
      await run.ensure();
    });

    it('holds 10,000 programs', async () => {
      for (let group = 0; group < 100; group += 1) {
        const names = Array.from({ length: 100 }, (_, index) => `p${group}_${index}`);
        const sections = names.map(
          (name) => `[program:${name}]\ncommand=${SLEEP}\nautostart=false`,
        );
        const logs = 'stdout_logfile=NONE\nstderr_logfile=NONE';
        write(
          `g${group}`,
          `[group:g${group}]`,
          `programs=${names.join(',')}`,
          '',
          ...sections.map((section) => `${section}\n${logs}\n`),
        );
      }
      await run.ensure();
      const infos = await until(
        async () => {
          const all = await run.services();
          return all.length === 10_000 ? all : undefined;
        },
        'all programs',
        60_000,
      );
      expect(infos.at(-1)).toMatchObject({ group: 'g99', name: 'p99_99', statename: 'STOPPED' });
      expect(await call('startProcess', 'g50:p50_50')).toBe(true);
      expect(await call('reloadConfig')).toEqual([[[], [], []]]);
      expect(rssKb()).toBeLessThan(400_000);
    }, 120_000);
  });

  describe('in what a service is started with', () => {
    it('a missing executable, a folder, no permission', async () => {
      writeFileSync(join(run.root, 'plain'), '');
      program('missing', '/none/x');
      program('folder', run.root);
      program('plain', join(run.root, 'plain'));
      program('nothing', join(run.root, 'plain'), 'autostart=true');
      program('noexec', script('noexec', 'exit 0'), 'directory=/none');
      await run.ensure();
      const refusal = (code: number) => expect.objectContaining({ faultCode: code });
      await expect(call('startProcess', 'missing')).rejects.toEqual(refusal(20));
      await expect(call('startProcess', 'folder')).rejects.toEqual(refusal(21));
      await expect(call('startProcess', 'plain')).rejects.toEqual(refusal(21));
      await expect(call('startProcess', 'noexec')).rejects.toEqual(refusal(50));
      await isState('nothing', 'FATAL');
      expect((await info('nothing')).spawnerr).toMatch(/is not executable$/);
      expect((await info('noexec')).exitstatus).toBe(127);
    });

    /** A service of the user of partitions whose log is at a place of their own. */
    async function startLogged(): Promise<CallStatus | undefined> {
      run.writeGroup('g', { a: '/bin/echo through' });
      await updateGroups(run.client, silentLogger);
      const [row] = await call<CallStatus[]>('startProcessGroup', 'g');
      return row;
    }

    const PLACES: ReadonlyArray<readonly [string, (log: string) => void]> = [
      ['a link', (log) => symlinkSync('/srv/victim', log)],
      ['a link to nowhere', (log) => symlinkSync('/srv/victim-new', log)],
      ['a second name of a file', (log) => execFileSync('ln', ['/srv/victim', log])],
      ['a fifo', (log) => execFileSync('mkfifo', [log])],
      [
        'a fifo with a reader',
        (log) => {
          execFileSync('mkfifo', [log]);
          execFileSync('/bin/sh', ['-c', `exec sleep 5 <> ${log} >/dev/null 2>&1 &`]);
        },
      ],
      ['a folder', (log) => mkdirSync(log)],
      ['a device', (log) => execFileSync('mknod', [log, 'c', '1', '3'])],
      ['a socket', (log) => leaveSocket(log)],
    ];

    it.each(PLACES)('a log that is %s', { timeout: 20_000 }, async (_, make) => {
      writeFileSync('/srv/victim', 'untouched');
      rmSync('/srv/victim-new', { force: true });
      await run.ensure();
      const log = run.logPath('g', 'a');
      make(log);
      expect(await startLogged()).toMatchObject({ status: 50 });
      expect((await info('g:a')).spawnerr).toMatch(
        /^unknown error making dispatchers for 'a': E\w+$/,
      );
      expect(readFileSync('/srv/victim', 'utf8')).toBe('untouched');
      expect(statSync('/srv/victim-new', { throwIfNoEntry: false })).toBeUndefined();
      // Nor is anything read, emptied or followed through it.
      expect(await call('tailProcessStdoutLog', 'g:a', 0, 100).catch(() => ['', 0, false])).toEqual(
        ['', 0, false],
      );
      await call('clearProcessLogs', 'g:a').catch(() => {});
      expect(readFileSync('/srv/victim', 'utf8')).toBe('untouched');
      rmSync(log, { recursive: true });
      expect(await startLogged()).toMatchObject({ status: 80 });
    });

    it('a log of another user, in a folder of the service', async () => {
      await run.ensure();
      const log = run.logPath('g', 'a');
      writeFileSync(log, 'before\n', { mode: 0o600 });
      chownSync(log, SERVICE_UID + 1, SERVICE_UID + 1);
      expect(await startLogged()).toMatchObject({ status: 50 });
      expect((await info('g:a')).spawnerr).toMatch(/EPERM$/);
      expect(readFileSync(log, 'utf8')).toBe('before\n');
      expect(statSync(log)).toMatchObject({ uid: SERVICE_UID + 1, mode: 0o100600 });
    });
  });

  describe('in what services do', () => {
    it('forks away', async () => {
      program('away', script('away', 'sleep 0.3 &', 'exit 0'));
      await run.ensure();
      await call('startProcess', 'away');
      await isState('away', 'EXITED');
      await until(
        () => (run.mainLog().includes('reaped unknown pid') ? true : undefined),
        'the orphan',
      );
      expect(run.mainLog()).toContain('exited: away (exit status 0; expected)');
    });

    it('ignores TERM', async () => {
      program(
        'deaf',
        script('deaf', 'trap "" TERM', 'while :; do sleep 0.1; done'),
        'stopwaitsecs=1',
      );
      await run.ensure();
      await call('startProcess', 'deaf');
      await sleep(200);
      const before = performance.now();
      expect(await call('stopProcess', 'deaf')).toBe(true);
      expect(performance.now() - before).toBeGreaterThan(950);
      expect(performance.now() - before).toBeLessThan(4000);
      expect(await info('deaf')).toMatchObject({ statename: 'STOPPED', exitstatus: -1 });
      expect(run.mainLog()).toMatch(/WARN killing 'deaf' \(\d+\) with SIGKILL/);
    });

    it('floods its log, faster than anybody copies and until its disk is full', {
      timeout: 60_000,
    }, async () => {
      const folder = join(run.root, 'small');
      mkdirSync(folder);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=300m', 'small', folder]);
      const log = join(folder, 'flood.log');
      const keys = ['stdout_logfile_maxbytes=1MB', 'stdout_logfile_backups=2'];
      const lines = ['while :; do yes 0123456789012345678901234567890123456789 2>/dev/null; done'];
      program(
        'flood',
        script('flood', ...lines),
        `stdout_logfile=${log}`,
        'stopasgroup=true',
        ...keys,
      );
      await run.ensure();
      const before = rssKb();
      await call('startProcess', 'flood');
      const sizes: number[] = [];
      for (const end = performance.now() + 8000; performance.now() < end; ) {
        const started = performance.now();
        await call('getState');
        expect(performance.now() - started).toBeLessThan(2000);
        sizes.push(statSync(log).size);
        await sleep(100);
      }
      // It was cut while it grew, and its disk was not full for ever.
      expect(sizes.some((size, index) => size < (sizes[index - 1] ?? 0))).toBe(true);
      process.kill(-(await info('flood')).pid, 'SIGSTOP');
      await until(
        () => (statSync(log).size < 2 ** 20 ? true : undefined),
        'the last rotation',
        20_000,
      );
      process.kill(-(await info('flood')).pid, 'SIGCONT');
      await call('stopProcess', 'flood');
      const names = new Set(['flood.log', 'flood.log.1', 'flood.log.2']);
      // A rotation may be under way still.
      await until(
        () => (readdirSync(folder).every((name) => names.has(name)) ? true : undefined),
        'nothing else in its folder',
      );
      expect(rssKb() - before).toBeLessThan(200_000);
      execFileSync('umount', ['-l', folder]);
    });

    it('closes its standard input, or never reads it', async () => {
      program('closed', script('closed', 'exec 0<&-', 'exec sleep 1000'));
      program('lazy', SLEEP);
      await run.ensure();
      await call('startProcess', 'closed');
      await call('startProcess', 'lazy');
      await sleep(200);
      await expect(call('sendProcessStdin', 'closed', 'x\n')).rejects.toMatchObject({
        faultCode: 20,
      });
      expect(await call('sendProcessStdin', 'lazy', 'x\n')).toBe(true);
      await expect(call('sendProcessStdin', 'lazy', 'x'.repeat(2 ** 20))).rejects.toMatchObject({
        faultCode: 30,
      });
      expect((await info('lazy')).statename).toBe('RUNNING');
    });

    it('exits at once, for ever', async () => {
      program('hasty', '/bin/false', 'autorestart=true');
      await run.ensure();
      await call('startProcess', 'hasty');
      await sleep(5000);
      const starts = run.mainLog().match(/spawned: 'hasty'/g)?.length ?? 0;
      // Three at once, then after 1, 2, 4 s.
      expect(starts).toBeGreaterThanOrEqual(4);
      expect(starts).toBeLessThanOrEqual(7);
      expect(await call('stopProcess', 'hasty')).toBe(true);
      await sleep(4500);
      expect(run.mainLog().match(/spawned: 'hasty'/g)).toHaveLength(starts);
    }, 20_000);
  });
});
