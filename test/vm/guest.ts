/**
 * Runs inside the virtual machine of `npm run test:vm -- --scene cgroups`: another kernel, systemd, all controllers of
 * cgroup v2, a real reboot. Writes `ok NAME` or `not ok NAME: why` to the console of the machine.
 */
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHostFiles } from '../../src/host/folder/host-files.ts';
import { silentLogger } from '../../src/log/logger.ts';
import { type ProcessInfo, SupervisorClient } from '../../src/supervisor/client.ts';
import { ensureSupervisor, writeSupervisorFiles } from '../../src/supervisor/launch.ts';
import { updateGroups } from '../../src/supervisor/update.ts';
import { attempt, check, must, say, test, until } from './console.ts';

const ROOT = '/srv/slapgrid';
const BASE = '/sys/fs/cgroup/system.slice/slapos-services.service';
const PHASE = '/var/lib/vm-phase';

/** A program of a partition, with the keys that `node instance` writes. */
function renderProgram(index: number, name: string, isAutostart: boolean): string {
  const home = `${ROOT}/slappart${index}`;
  return [
    `[program:slappart${index}_${name}]`,
    `directory=${home}`,
    `command=${home}/${name}`,
    `process_name=${name}`,
    `autostart=${isAutostart}`,
    'autorestart=false\nstartsecs=0\nstartretries=0\nstopwaitsecs=5',
    'stopasgroup=true\nkillasgroup=true\nredirect_stderr=true',
    `user=${2000 + index}`,
    `stdout_logfile=${home}/.${name}.log`,
    '',
  ].join('\n');
}

function writePartition(index: number, scripts: Readonly<Record<string, string>>): void {
  const home = `${ROOT}/slappart${index}`;
  mkdirSync(home, { recursive: true, mode: 0o750 });
  chownSync(home, 2000 + index, 2000 + index);
  const names = Object.keys(scripts);
  for (const name of names) {
    writeFileSync(`${home}/${name}`, `#!/bin/sh\n${scripts[name]}\n`, { mode: 0o755 });
  }
  const programs = names.map((name) => renderProgram(index, name, name === 'auto'));
  const head = `[group:slappart${index}]\nprograms=${names.map((name) => `slappart${index}_${name}`).join(',')}\n`;
  const file = `${ROOT}/etc/supervisord.conf.d/slappart${index}.conf`;
  writeFileSync(file, [head, ...programs].join('\n'), { mode: 0o600 });
}

const readCgroup = (path: string) => readFileSync(`${BASE}/${path}`, 'utf8').trim();

function statistic(path: string, word: string): number {
  return Number(new RegExp(`^${word} (\\d+)$`, 'm').exec(readCgroup(path))?.[1]);
}

const client = new SupervisorClient(`${ROOT}/sv.sock`);
const infoOf = (name: string) => client.call<ProcessInfo>('supervisor.getProcessInfo', name);
const start = (name: string) => client.call('supervisor.startProcess', name);

async function testLimits(): Promise<void> {
  await test('the cgroups of services lie in the delegated unit with all controllers', async () => {
    await start('slappart0:calm');
    await start('slappart1:calm');
    const { pid } = await infoOf('slappart0:calm');
    check(readCgroup('slappart0/calm/cgroup.procs') === String(pid), 'the process is elsewhere');
    const controllers = readCgroup('slappart0/cgroup.controllers');
    for (const name of ['cpu', 'memory', 'pids']) check(controllers.includes(name), controllers);
    check(readCgroup('slappart0/memory.max') === String(64 * 1024 * 1024), 'memory.max');
    check(readCgroup('slappart0/cpu.max') === '50000 100000', 'cpu.max');
    check(readCgroup('slappart0/pids.max') === '20', 'pids.max');
    check(existsSync(`${BASE}/supervisor`), 'the keeper has no cgroup of its own');
  });
  await test('a service beyond cgroup_memory_max is killed, and no other one', async () => {
    const before = await Promise.all(['slappart0:calm', 'slappart1:calm'].map(infoOf));
    await start('slappart0:hog');
    await until(async () => {
      return (await infoOf('slappart0:hog')).statename === 'EXITED' ? true : undefined;
    }, 'the end of the hog');
    check(statistic('slappart0/memory.events', 'oom_kill') >= 1, 'nothing was killed');
    const after = await Promise.all(['slappart0:calm', 'slappart1:calm'].map(infoOf));
    check(
      after.every(({ pid }, index) => pid !== 0 && pid === before[index]?.pid),
      'another service ended',
    );
  });
  await test('a fork beyond pids_max fails', async () => {
    await start('slappart1:forks');
    const log = `${ROOT}/slappart1/.forks.log`;
    await until(() => (/fork/i.test(readFileSync(log, 'utf8')) ? true : undefined), 'a refusal');
    check(Number(readCgroup('slappart1/pids.current')) <= 20, 'too many');
    // Counted where the fork was tried.
    check(statistic('slappart1/forks/pids.events', 'max') >= 1, 'no event');
    // The shell may have given up already.
    await client.call('supervisor.stopProcess', 'slappart1:forks').catch(() => {});
  });
  await test('cgroup_cpu_max slows a partition down, and the time is told', async () => {
    await start('slappart0:busy');
    const usedAtFirst = statistic('slappart0/cpu.stat', 'usage_usec');
    const startMs = performance.now();
    await sleep(6000);
    const used = (statistic('slappart0/cpu.stat', 'usage_usec') - usedAtFirst) / 1000;
    const share = used / (performance.now() - startMs);
    await client.call('supervisor.stopProcess', 'slappart0:busy');
    check(share > 0.1 && share < 0.65, `it used ${share.toFixed(2)} of a processor`);
    check(statistic('slappart0/cpu.stat', 'nr_throttled') > 0, 'never throttled');
  });
}

/** As slapos-supervisord.service of the Debian package has it. */
const OUTLIVED = `[Service]
KillMode=process
Restart=on-failure
RestartSec=1
ExecStopPost=-/opt/slapos-node/scripts/package/debian/release-cgroup
`;
const DROP_IN = '/run/systemd/system/slapos-services.service.d';
const CONFIGURATION = '/etc/opt/slapos/slapos.cfg';
const RESTART_MS = 180_000;
const CLI = 'node /opt/slapos-node/dist/bin/slapos.js';

/** Keeper, controller and the command of the unit, all at once. */
function killSupervisor(): void {
  attempt(`kill -9 $(cat ${BASE}/supervisor/cgroup.procs)`);
}

async function awaitRestart(): Promise<void> {
  const unit = () => attempt('systemctl show -p NRestarts --value slapos-services').text;
  const restarted = () => (Number(unit()) > 0 ? true : undefined);
  const answers = () => infoOf('slappart0:calm').catch(() => undefined);
  try {
    await until(restarted, 'systemd', RESTART_MS);
    await until(answers, 'a supervisor', RESTART_MS);
  } catch (error) {
    const status = attempt('systemctl status --no-pager --full slapos-services').text;
    throw new Error(`${error instanceof Error ? error.message : error}\n${status}`);
  }
}

function checkLimits(memoryMib: number, pids: number): void {
  for (const group of ['slappart0', 'slappart1']) {
    const found = ['memory.max', 'pids.max', 'cpu.max'].map((name) =>
      readCgroup(`${group}/${name}`),
    );
    const wanted = [String(memoryMib * 1024 * 1024), String(pids), '50000 100000'];
    check(String(found) === String(wanted), `${group}: ${found.join(', ')}`);
  }
}

async function testCrash(): Promise<void> {
  mkdirSync(DROP_IN, { recursive: true });
  writeFileSync(`${DROP_IN}/outlived.conf`, OUTLIVED);
  must('systemctl daemon-reload');
  const calm = ['slappart0:calm', 'slappart1:calm'];
  const before = await Promise.all(calm.map(infoOf));
  const pids = before.map(({ pid }) => pid);
  const checkCalm = async () => {
    const after = await Promise.all(calm.map(infoOf));
    check(String(after.map(({ pid }) => pid)) === String(pids), 'a service was lost');
  };
  await test('services that outlive a crash of the supervisor are limited as before', async () => {
    client.close();
    killSupervisor();
    await awaitRestart();
    await checkCalm();
    checkLimits(64, 20);
  });
  await test('their limits change with the configuration', async () => {
    must(
      `sed -i 's/^cgroup_memory_max.*/cgroup_memory_max = 96M/; s/^pids_max.*/pids_max = 30/' ${CONFIGURATION}`,
    );
    must(`${CLI} node supervisord --cfg ${CONFIGURATION}`);
    await updateGroups(client, silentLogger);
    for (const name of ['slappart0:later', 'slappart1:later']) await start(name);
    checkLimits(96, 30);
    await checkCalm();
  });
  rmSync(DROP_IN, { recursive: true });
  must('systemctl daemon-reload');
}

async function testStrict(): Promise<void> {
  await test('the strict profile holds on this kernel', async () => {
    await start('slappart0:strict');
    const log = `${ROOT}/slappart0/.strict.log`;
    const text = await until(() => {
      const said = readFileSync(log, 'utf8');
      return said.includes('done') ? said : undefined;
    }, 'the service');
    for (const line of ['own ok', 'open refused', 'tmp ok', 'namespace refused', 'privs 1']) {
      check(text.includes(line), `${line}: ${text}`);
    }
    check(!existsSync('/tmp/from-service'), 'it wrote to the common /tmp');
  });
}

/** A supervisor that no unit gave a cgroup to. */
async function testOldKernel(): Promise<void> {
  const root = '/srv/plain';
  const files = createHostFiles();
  const other = new SupervisorClient(`${root}/sv.sock`);
  const options = { files, instanceRoot: root, log: silentLogger };
  await test('without delegation and PIDFD_INFO_EXIT, services survive their supervisor', async () => {
    mkdirSync(root);
    await writeSupervisorFiles({ ...options, masterUrl: 'http://127.0.0.1:1/', computerId: 'C' });
    const programs = ['lives', 'ends'].map(
      (name) => `[program:${name}]\ncommand=/bin/sleep 1000\nstartsecs=0\nautorestart=false\n`,
    );
    writeFileSync(`${root}/etc/supervisord.conf.d/x.conf`, programs.join('\n'));
    await ensureSupervisor(options);
    await updateGroups(other, silentLogger);
    const info = (name: string) => other.call<ProcessInfo>('supervisor.getProcessInfo', name);
    const lives = await until(async () => {
      const found = await info('lives');
      return found.pid === 0 ? undefined : found;
    }, 'the services');
    const ends = await info('ends');
    const membership = readFileSync(`/proc/${lives.pid}/cgroup`, 'utf8');
    check(!membership.includes('slapos-'), `it has a cgroup: ${membership}`);
    const keeper = Number(readFileSync(`${root}/var/run/supervisord.pid`, 'utf8'));
    const children = execFileSync('pgrep', ['-P', String(keeper), 'node'], { encoding: 'utf8' });
    other.close();
    for (const pid of [keeper, ...children.trim().split('\n').map(Number)]) process.kill(pid, 9);
    process.kill(ends.pid, 9);
    await sleep(1000);
    await ensureSupervisor(options);
    check((await info('lives')).pid === lives.pid, 'the service was lost');
    const end = await info('ends');
    check(end.statename === 'EXITED', `the dead one is ${end.statename}`);
    check(end.exitstatus === -1, `its status is ${end.exitstatus}`);
    await other.call('supervisor.shutdown');
    other.close();
  });
}

async function firstBoot(): Promise<void> {
  say(`kernel ${release()}`);
  await until(() => (existsSync(`${ROOT}/sv.sock`) ? true : undefined), 'the supervisor');
  writePartition(0, {
    auto: 'exec sleep 100000',
    calm: 'exec sleep 100000',
    later: 'exec sleep 100000',
    hog: 'exec tail /dev/zero',
    busy: 'while :; do :; done',
    strict: `echo x > written && echo own ok
(echo x > /srv/open/x) 2>/dev/null && echo open ok || echo open refused
echo x > /tmp/from-service && echo tmp ok
unshare -U true 2>/dev/null && echo namespace ok || echo namespace refused
echo "privs $(sed -n 's/^NoNewPrivs:[^0-9]*//p' /proc/self/status)"
echo done
exec sleep 100000`,
  });
  writePartition(1, {
    calm: 'exec sleep 100000',
    later: 'exec sleep 100000',
    forks: 'n=0\nwhile [ $n -lt 40 ]; do sleep 100000 & n=$((n+1)); done\nwait',
  });
  await updateGroups(client, silentLogger);
  await testLimits();
  await testStrict();
  await testCrash();
  await testOldKernel();
  client.close();
  writeFileSync(PHASE, 'rebooted');
  say('rebooting');
  execFileSync('systemctl', ['reboot']);
}

async function secondBoot(): Promise<void> {
  await test('after a reboot the supervisor starts what starts by itself, and nothing else', async () => {
    const auto = await until(async () => {
      const info = await infoOf('slappart0:auto').catch(() => undefined);
      return info?.statename === 'RUNNING' ? info : undefined;
    }, 'the service');
    check(readFileSync(`/proc/${auto.pid}/comm`, 'utf8').trim() === 'sleep', 'a pid of old');
    const calm = await infoOf('slappart0:calm');
    check(calm.description === 'Not started', `calm: ${calm.description}`);
    check(readCgroup('slappart0/auto/cgroup.procs') === String(auto.pid), 'no cgroup');
  });
  await test('the cgroups of services go when systemd stops the unit', async () => {
    client.close();
    execFileSync('systemctl', ['stop', 'slapos-services.service']);
    check(!existsSync(`${BASE}/slappart0`), 'a folder is left');
  });
  say('finished');
  execFileSync('systemctl', ['poweroff']);
}

(existsSync(PHASE) ? secondBoot() : firstBoot()).catch((error: Error) => {
  say(`not ok the guest: ${error.stack}`);
  execFileSync('systemctl', ['poweroff', '--force']);
});
