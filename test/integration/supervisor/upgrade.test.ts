import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { packageRoot } from '../../../src/host/package/package-files.ts';
import { connectSupervisor } from '../../../src/instance/open-supervisor.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { SupervisorClient } from '../../../src/supervisor/client.ts';
import { updateGroups } from '../../../src/supervisor/update.ts';
import { requires } from '../../support/requires.ts';
import { type CommandResult, runCommand, SupervisorRun } from '../../support/supervisor-run.ts';

requires('root', 'netns')('slapos node supervisord --upgrade', () => {
  let run: SupervisorRun;

  beforeEach(() => {
    run = new SupervisorRun();
  });

  afterEach(() => run.stop());

  /** The command, as built. */
  function upgradeCommand(...more: string[]): Promise<CommandResult> {
    const configuration = join(run.root, 'slapos.cfg');
    const text = [
      '[slapos]',
      `instance_root = ${run.root}`,
      `software_root = ${run.root}/soft`,
      'master_url = http://127.0.0.1:1/',
      'computer_id = COMP-1',
      '',
    ];
    writeFileSync(configuration, text.join('\n'));
    const program = join(packageRoot(), 'dist', 'bin', 'slapos.js');
    const words = ['node', 'supervisord', '--upgrade', '--cfg', configuration, ...more];
    return runCommand(process.execPath, [program, ...words]);
  }

  it('keeps the keeper, its children and its socket, and replaces both programs', async () => {
    await run.launch();
    run.writeGroup('g', { 'a-on-watch': '/bin/sleep 1000' });
    await updateGroups(run.client, silentLogger);
    await run.client.call('supervisor.startProcessGroup', 'g', true);
    const [before] = await run.services();
    const controller = run.controllerPid();
    const { pid } = run;
    const { status, stderr } = await upgradeCommand();
    expect([status, stderr]).toEqual([
      0,
      expect.stringMatching(/The supervisor \(pid \d+\) was version (\S+) and is \1 now\./),
    ]);
    expect(run.pid).toBe(pid);
    expect(run.controllerPid()).not.toBe(controller);
    run.client.close();
    expect((await run.services())[0]).toMatchObject({ pid: before?.pid, start: before?.start });
    expect(readFileSync(`/proc/${before?.pid}/stat`, 'utf8').split(' ')[3]).toBe(String(pid));
    // The end of a child is still told with its status.
    process.kill(before?.pid ?? 0, 'SIGKILL');
    await expect.poll(() => run.mainLog()).toContain('exited: a-on-watch (terminated by SIGKILL');
  });

  it('starts what is asked for meanwhile', async () => {
    await run.launch();
    const groups = Array.from({ length: 400 }, (_, index) => `g${index}`);
    for (const group of groups) run.writeGroup(group, { s: '/bin/sleep 1000' });
    await updateGroups(run.client, silentLogger);
    const supervisor = connectSupervisor(new SupervisorClient(run.paths.socket), silentLogger);
    const upgrade = run.upgrade();
    // One at a time: some of them while the old controller decides nothing any more.
    for (const group of groups) expect(await supervisor.startGroup(group)).toBe(true);
    await upgrade;
    const states = await supervisor.listStates();
    supervisor.close();
    expect(groups.filter((group) => states.get(`${group}:s`) !== 'RUNNING')).toEqual([]);
  }, 60_000);

  it('refuses when nothing runs', async () => {
    await run.writeFiles();
    const { status, stderr } = await upgradeCommand();
    expect(status).not.toBe(0);
    expect(stderr).toContain(`No supervisor runs in ${run.root}: there is nothing to upgrade.`);
    expect(stderr).toContain('Start it with `slapos node supervisord`');
  });

  it('refuses to stay in the foreground at the same time', async () => {
    const { status, stderr } = await upgradeCommand('-n');
    expect(status).toBe(2);
    expect(stderr).toContain('argument --upgrade: not allowed with argument -n/--nodaemon');
  });

  it('leaves the running one alone when the new program is none', async () => {
    await run.launch();
    const controller = run.controllerPid();
    run.keeper = join(run.root, 'impostor');
    writeFileSync(run.keeper, '#!/bin/sh\necho slapos-supervisord 9.9 protocol 99\n');
    chmodSync(run.keeper, 0o755);
    await expect(run.upgrade()).rejects.toThrow('has protocol 99, not 1');
    writeFileSync(run.keeper, '#!/bin/sh\nexit 1\n');
    await expect(run.upgrade()).rejects.toThrow('cannot be run');
    await expect(run.client.call('slapos.upgrade', join(run.root, 'nothing'), [])).rejects.toThrow(
      'ENOENT',
    );
    expect(run.controllerPid()).toBe(controller);
  });
});
