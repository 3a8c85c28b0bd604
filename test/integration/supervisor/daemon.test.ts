import { linkSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import type { CallStatus, ProcessInfo } from '../../../src/supervisor/client.ts';
import { updateGroups } from '../../../src/supervisor/update.ts';
import { requires } from '../../support/requires.ts';
import { SERVICE_UID, SupervisorRun, until } from '../../support/supervisor-run.ts';

const SLEEP = '/bin/sleep 1000';

function uidOf(pid: number): number {
  return Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

function identity({ name, group, pid, start, state }: ProcessInfo) {
  return { name, group, pid, start, state };
}

requires('root', 'netns')('supervisor', () => {
  let run: SupervisorRun;

  beforeEach(async () => {
    run = new SupervisorRun();
    await run.launch();
  });

  afterEach(() => run.stop());

  async function startGroup(
    group: string,
    programs: Record<string, string>,
  ): Promise<CallStatus[]> {
    run.writeGroup(group, programs);
    await updateGroups(run.client, silentLogger);
    return run.client.call<CallStatus[]>('supervisor.startProcessGroup', group, true);
  }

  it('starts 20 services as another user', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `s${index}-on-watch`);
    const results = await startGroup('g', Object.fromEntries(names.map((name) => [name, SLEEP])));
    expect(results.map(({ status }) => status)).toEqual(names.map(() => 80));
    const services = await run.services();
    expect(services.map(({ statename }) => statename)).toEqual(names.map(() => 'RUNNING'));
    expect(new Set(services.map(({ pid }) => uidOf(pid)))).toEqual(new Set([SERVICE_UID]));
  });

  it('keeps pids, start times and states over a killed controller', async () => {
    await startGroup('g', { 'a-on-watch': SLEEP, b: SLEEP, once: '/bin/true' });
    await run.client.call('supervisor.stopProcess', 'g:b');
    await until(async () => {
      const info = await run.client.call<ProcessInfo>('supervisor.getProcessInfo', 'watchdog');
      return info.statename === 'RUNNING' ? info : undefined;
    }, 'the watchdog');
    const before = (await run.info()).map(identity);
    const logBefore = run.mainLog().length;
    run.client.close();
    process.kill(run.controllerPid(), 'SIGKILL');
    // A client that connects meanwhile waits in the backlog.
    const after = await until(() => run.info().catch(() => undefined), 'the next controller');
    expect(after.map(identity)).toEqual(before);
    expect(run.mainLog().slice(logBefore)).not.toMatch(/spawned|exited|stopped:/);
    await run.client.call('supervisor.stopProcess', 'g:a-on-watch');
    expect((await run.services()).every(({ statename }) => statename !== 'RUNNING')).toBe(true);
  });

  it('tells of a service that died while there was no controller', async () => {
    await startGroup('g', { 'a-on-watch': SLEEP });
    const pid = (await run.services())[0]?.pid ?? 0;
    run.client.close();
    process.kill(run.controllerPid(), 'SIGKILL');
    process.kill(pid, 'SIGKILL');
    const services = await until(() => run.services().catch(() => undefined), 'a controller');
    expect(services[0]).toMatchObject({ statename: 'EXITED', exitstatus: -1, pid: 0 });
    expect(run.mainLog()).toContain('exited: a-on-watch (terminated by SIGKILL; not expected)');
  });

  it('stops all on TERM and leaves neither socket nor pid file', async () => {
    await startGroup('g', { a: SLEEP, b: SLEEP });
    const pids = (await run.services()).map(({ pid }) => pid);
    await run.stop();
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    for (const path of [run.paths.socket, run.paths.pidFile, run.paths.journal]) {
      expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
    }
    expect(run.mainLog()).toContain('received SIGTERM indicating exit request');
  });

  it('reads everything again on reload, with the same pid', async () => {
    await startGroup('g', { a: SLEEP });
    const { pid } = run;
    await run.client.call('supervisor.restart');
    run.client.close();
    const services = await until(async () => {
      const all = await run.services().catch(() => undefined);
      return all?.[0]?.start === 0 ? all : undefined;
    }, 'the restart');
    expect(services).toMatchObject([{ statename: 'STOPPED', description: 'Not started' }]);
    expect(await run.client.call('supervisor.getPID')).toBe(pid);
  });

  it('answers the second call of a connection after 7 s', async () => {
    expect(await run.client.call('supervisor.getVersion')).toBe('3.0');
    await sleep(7000);
    expect(await run.client.call('supervisor.getVersion')).toBe('3.0');
  });

  it('refuses logs that are not what they seem, and writes nothing through them', async () => {
    writeFileSync('/srv/target', 'untouched');
    const command = '/bin/echo through';
    const log = run.logPath('g', 'a');
    symlinkSync('/srv/target', log);
    const [linked] = await startGroup('g', { a: command });
    expect(linked).toMatchObject({ status: 50, description: 'SPAWN_ERROR: g:a' });
    rmSync(log);
    linkSync('/srv/target', log);
    expect(await run.client.call('supervisor.startProcessGroup', 'g')).toMatchObject([
      { status: 50 },
    ]);
    expect(readFileSync('/srv/target', 'utf8')).toBe('untouched');
    rmSync(log);
    expect(await run.client.call('supervisor.startProcess', 'g:a')).toBe(true);
    await until(() => (readFileSync(log, 'utf8') === 'through\n' ? true : undefined), 'output');
  });

  it('rotates the log of a running service at 100 KB', async () => {
    const script = `${run.home}/noise`;
    writeFileSync(
      script,
      '#!/bin/sh\nhead -c 150000 /dev/zero | tr "\\0" x\necho mark\nexec sleep 1000\n',
      {
        mode: 0o755,
      },
    );
    await startGroup('g', { noisy: script });
    const log = run.logPath('g', 'noisy');
    const size = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    await until(() => (size(`${log}.1`) >= 150_000 ? true : undefined), 'the rotation', 20_000);
    expect(size(log)).toBe(0);
    expect(statSync(`${log}.1`).uid).toBe(0);
  });

  it('keeps the groups of a file that broke and says so', async () => {
    await startGroup('g', { a: SLEEP });
    writeFileSync(`${run.paths.groupFolder}/g.conf`, '[program:a]\ncommand=/bin/echo 100%\n');
    expect(await updateGroups(run.client, silentLogger)).toMatchObject({
      added: [],
      changed: [],
      removed: [],
      problems: [{ file: `${run.paths.groupFolder}/g.conf` }],
    });
    expect(await run.client.call('slapos.getConfigProblems')).toMatchObject([
      { file: `${run.paths.groupFolder}/g.conf` },
    ]);
    expect(run.mainLog()).toContain('ERRO Format string');
  });

  it('writes to the standard input of a service', async () => {
    await startGroup('g', { echo: "/bin/sh -c 'read line; echo got $line; exec sleep 1000'" });
    await run.client.call('supervisor.sendProcessStdin', 'g:echo', 'hello\n');
    await until(async () => {
      const text = await run.client.call('supervisor.readProcessStdoutLog', 'g:echo', 0, 0);
      return text === 'got hello\n' ? true : undefined;
    }, 'the answer');
  });

  it('is controlled by a shell, each line once', async () => {
    await startGroup('g', { a: SLEEP });
    const { status, stdout } = await run.shell(
      'pid',
      'stop g:a',
      'foo',
      '',
      'shutdown',
      'n',
      'quit',
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/^g:a +RUNNING/);
    expect(stdout).toContain(`${run.pid}\n`);
    expect(stdout).toContain('g:a: stopped\n');
    expect(stdout).toContain('*** Unknown syntax: foo\n');
    expect(await run.client.call('supervisor.getPID')).toBe(run.pid);
  });

  it('survives the death of keeper and controller together', async () => {
    await startGroup('g', { 'a-on-watch': SLEEP });
    const [before] = await run.services();
    run.client.close();
    const controller = run.controllerPid();
    process.kill(run.pid, 'SIGKILL');
    process.kill(controller, 'SIGKILL');
    await run.ensure();
    const [after] = await run.services();
    expect(after).toMatchObject({ pid: before?.pid, start: before?.start, statename: 'RUNNING' });
  });

  it('does nothing when the daemon runs, and revives the watchdog', async () => {
    const { pid } = run;
    await run.client.call('supervisor.stopAllProcesses');
    await run.ensure();
    expect(run.pid).toBe(pid);
    const info = await run.client.call<ProcessInfo>('supervisor.getProcessInfo', 'watchdog');
    expect([10, 20]).toContain(info.state);
  });
});
