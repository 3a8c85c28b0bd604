/** Services in cgroups of their own, on whatever cgroup v2 tree there is. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { silentLogger } from '../../../src/log/logger.ts';
import { updateGroups } from '../../../src/supervisor/update.ts';
import { isAlive } from '../../support/keeper-run.ts';
import { requires } from '../../support/requires.ts';
import { SupervisorRun, until } from '../../support/supervisor-run.ts';

const MOUNT = '/sys/fs/cgroup';

/** The private /sys has no cgroups. */
function mountCgroups(): void {
  if (existsSync(`${MOUNT}/cgroup.procs`)) return;
  spawnSync('mount', ['-t', 'cgroup2', 'none', MOUNT]);
}

if (process.env['SLAPOS_TEST_NAMESPACE'] === '1') mountCgroups();

requires(
  'root',
  'netns',
  'cgroup2',
)('cgroups of services', () => {
  let run: SupervisorRun;

  beforeEach(async () => {
    run = new SupervisorRun();
    await run.launch();
  });
  afterEach(() => run.stop());
  // Other tests find the machine as it was.
  afterAll(() => void spawnSync('umount', [MOUNT]));

  const bases = () => readdirSync(MOUNT).filter((name) => name.startsWith('slapos-'));
  const base = () => join(MOUNT, bases().find((name) => existsSync(join(MOUNT, name, 'g'))) ?? '');
  const pidsIn = (...path: string[]) =>
    readFileSync(join(base(), ...path, 'cgroup.procs'), 'utf8')
      .trim()
      .split('\n')
      .map(Number);

  async function start(programs: Record<string, string>, stopSecs = 60): Promise<void> {
    run.writeGroup('g', programs);
    const file = join(run.paths.groupFolder, 'g.conf');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace(/^stopwaitsecs=.*$/gm, `stopwaitsecs=${stopSecs}`));
    await updateGroups(run.client, silentLogger);
    await run.client.call('supervisor.startProcessGroup', 'g', true);
  }

  it('hold the process and all that it starts', async () => {
    await start({
      one: '/bin/sleep 1000',
      two: "/bin/sh -c 'setsid sleep 1000 & exec sleep 1000'",
    });
    const pids = new Map((await run.services()).map(({ name, pid }) => [name, pid]));
    expect(pidsIn('g', 'one')).toEqual([pids.get('one')]);
    await until(() => (pidsIn('g', 'two').length === 2 ? true : undefined), 'the child');
    expect(pidsIn('g', 'two')).toContain(pids.get('two'));
  });

  it('tell what was used', async () => {
    await start({
      busy: "/bin/sh -c 'n=0; while [ $n -lt 300000 ]; do n=$((n+1)); done; exec sleep 1000'",
    });
    const usage = await until(async () => {
      const [first] = await run.client.call<
        Array<{ cgroup: { path: string; cpu_seconds: number; processes: number } | null }>
      >('slapos.getUsage', ['g:busy']);
      return (first?.cgroup?.cpu_seconds ?? 0) > 0.02 ? first?.cgroup : undefined;
    }, 'some processor time');
    expect(usage?.path).toMatch(/\/slapos-[0-9a-f]{16}\/g\/busy$/);
    expect(usage?.processes).toBe(1);
    const { stdout } = await run.ctl('status', '--format', 'json', 'g:busy');
    expect(JSON.parse(stdout)).toMatchObject([{ name: 'busy', cgroup: { path: usage?.path } }]);
  });

  it('end what left the process group, when the service ignores TERM', async () => {
    const script =
      "trap '' TERM; setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' & while :; do sleep 1; done";
    const file = join(run.home, 'stubborn');
    writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    await start({ stubborn: file }, 1);
    const pids = await until(() => {
      const all = pidsIn('g', 'stubborn');
      return all.length >= 4 ? all : undefined;
    }, 'all processes');
    await run.client.call('supervisor.stopProcessGroup', 'g', true);
    await until(() => (pids.some(isAlive) ? undefined : true), 'the end of all');
  });

  it('leave alone what outlives a natural end, until the group goes', async () => {
    await start({ away: "/bin/sh -c 'setsid sleep 1000 & exit 0'" });
    await until(async () => {
      return (await run.services())[0]?.statename === 'EXITED' ? true : undefined;
    }, 'the end');
    const [left = 0] = pidsIn('g', 'away');
    expect(isAlive(left)).toBe(true);
    const folder = base();
    await run.client.call('supervisor.removeProcessGroup', 'g');
    await until(
      () => (isAlive(left) || existsSync(join(folder, 'g')) ? undefined : true),
      'removal',
    );
  });

  it('are removed at shutdown with what is left in them', async () => {
    await start({ away: "/bin/sh -c 'setsid sleep 1000 & exit 0'", stays: '/bin/sleep 1000' });
    await until(() => (existsSync(join(base(), 'g', 'away')) ? true : undefined), 'the group');
    const [left = 0] = pidsIn('g', 'away');
    const folder = base();
    await run.stop();
    expect(existsSync(folder)).toBe(false);
    expect(isAlive(left)).toBe(false);
  });

  it('are found again by the next keeper', async () => {
    await start({ stays: '/bin/sleep 1000' });
    const [before] = await run.services();
    run.client.close();
    const controller = run.controllerPid();
    process.kill(run.pid, 'SIGKILL');
    process.kill(controller, 'SIGKILL');
    await run.ensure();
    expect((await run.services())[0]?.pid).toBe(before?.pid);
    expect(pidsIn('g', 'stays')).toEqual([before?.pid]);
    await run.client.call('supervisor.stopProcess', 'g:stays');
  });

  it('of partitions are given their limits by the next controller', async () => {
    run.writeGroup('g', { stays: '/bin/sleep 1000' });
    const file = join(run.paths.groupFolder, 'g.conf');
    const text = readFileSync(file, 'utf8').replace(/^user=.*\n/gm, '');
    writeFileSync(file, text.replace(/^(stopwaitsecs=.*)$/gm, '$1\nuser=65534'));
    await updateGroups(run.client, silentLogger);
    await run.client.call('supervisor.startProcessGroup', 'g', true);
    const folder = join(base(), 'g');
    const [pid] = pidsIn('g', 'stays');
    run.client.close();
    for (const each of [run.pid, run.controllerPid()]) process.kill(each, 'SIGKILL');
    // Without controllers here limits cannot be seen: a group that must be made again can.
    writeFileSync(`${MOUNT}/cgroup.procs`, String(pid));
    for (const each of [join(folder, 'stays'), folder]) rmdirSync(each);
    await run.ensure();
    expect((await run.services())[0]?.pid).toBe(pid);
    await until(() => (existsSync(folder) ? true : undefined), 'the group');
  });
});
