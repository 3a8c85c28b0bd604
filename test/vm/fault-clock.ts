/** The clock of the machine jumps while services, their supervisor, a collector and a Master run. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ProcessInfo, SupervisorClient } from '../../src/supervisor/client.ts';
import { attempt, check, must, say, test, until } from './console.ts';
import { COLLECTOR_DATABASE, processInstances, query, request, start } from './fault-node.ts';
import { ROOT } from './node-facts.ts';

const LISTEN = '127.0.0.1:9101';
const WAIT_S = 15;
const DAY_S = 86_400;
const LOG = '/var/log/talks.log';
/** Services of no partition: one that fails at once, one that does not obey, one that writes. */
const PROGRAMS = `[program:fails]
command=/bin/sh -c "sleep 1; exit 1"
autostart=false
startsecs=5
startretries=3
[program:stubborn]
command=/bin/sh -c "trap '' TERM; while :; do sleep 1; done"
autostart=false
stopwaitsecs=${WAIT_S}
[program:talks]
command=/bin/sh -c "while :; do date; sleep 0.1; done"
stdout_logfile=${LOG}
stdout_logfile_maxbytes=2KB
stdout_logfile_backups=2
`;

/** Answers after a stop, which waits: longer than calls of the client may take otherwise. */
const client = () => new SupervisorClient(`${ROOT}/sv.sock`);
const nowS = () => Math.floor(Date.now() / 1000);

async function listRunning(): Promise<string> {
  const supervisor = client();
  const all = await supervisor.call<ProcessInfo[]>('supervisor.getAllProcessInfo');
  supervisor.close();
  const lasting = all.filter(({ name }) => !['fails', 'stubborn'].includes(name));
  return lasting
    .map(({ group, name, pid, statename }) => `${group}:${name} ${statename} ${pid}`)
    .sort()
    .join('\n');
}

/** CPU seconds of every process of the supervisor and the collector so far. */
function usedS(): number {
  const pids = attempt('pgrep -f "supervisor-controller|slapos-supervisord|collect --daemon"').text;
  return pids.split('\n').reduce((sum, pid) => {
    // The shell that ran pgrep is among them, and gone.
    const fields = attempt(`cat /proc/${pid}/stat`).text.split(') ')[1]?.split(' ') ?? [];
    return sum + (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100;
  }, 0);
}

async function checkMetrics(): Promise<void> {
  const page = await (await fetch(`http://${LISTEN}/metrics`)).text();
  const samples = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  check(samples.length > 10, page);
  const wrong = samples.filter((line) => {
    const value = Number(line.slice(line.lastIndexOf(' ')));
    return !(value >= 0 && value < 1e13);
  });
  check(wrong.length === 0, wrong.join('\n'));
  const rows = query(
    COLLECTOR_DATABASE,
    'SELECT COUNT(*) FROM user WHERE cpu_percent < 0 OR cpu_percent > 1000 OR cpu_time < 0 OR io_rw_counter < 0',
  );
  check(rows === '0', `${rows} rows of nonsense`);
}

/** What was begun before a jump takes as long as it takes. */
async function stopAcross(jump: () => void): Promise<void> {
  const supervisor = client();
  await supervisor.call('supervisor.startProcess', 'stubborn');
  await supervisor.call('supervisor.startProcess', 'fails', false);
  const beganMs = performance.now();
  const stopped = supervisor.call('supervisor.stopProcess', 'stubborn', false);
  await stopped;
  jump();
  const state = async (name: string) =>
    (await supervisor.call<ProcessInfo>('supervisor.getProcessInfo', name)).statename;
  const ended = async () => ((await state('stubborn')) === 'STOPPED' ? true : undefined);
  await until(ended, 'the end of what does not obey', 180_000);
  const tookS = (performance.now() - beganMs) / 1000;
  check(tookS >= WAIT_S - 1, `killed after ${tookS.toFixed(1)} s of ${WAIT_S}`);
  const gaveUp = async () => ((await state('fails')) === 'FATAL' ? true : undefined);
  await until(gaveUp, 'the last try of what fails', 180_000);
  supervisor.close();
}

/** A promise that ran in the future would be silent until then. */
function checkPromises(): void {
  const folder = `${ROOT}/slappart0/.slapgrid/promise/cache`;
  for (const name of readdirSync(folder)) {
    const { next_run_after: next, timestamp } = JSON.parse(
      readFileSync(`${folder}/${name}`, 'utf8'),
    );
    check(timestamp <= nowS() + 1, `${name} ran at ${timestamp}, it is ${nowS()}`);
    check(next < nowS() + 3600, `${name} runs at ${next}, it is ${nowS()}`);
  }
}

/** A rotation takes a block of 4 KiB, which an emulated processor may write in minutes. */
async function checkLogs(): Promise<void> {
  const rotated = () => (existsSync(`${LOG}.1`) ? true : undefined);
  await until(rotated, 'a rotation since the jump', 240_000);
  check(!existsSync(`${LOG}.3`), 'a log too many');
  check(statSync(LOG).size < 64 * 1024, `${LOG} has ${statSync(LOG).size} bytes`);
}

async function testJump(name: string, toS: () => number, n: number): Promise<void> {
  const before = await listRunning();
  await test(`the clock ${name}: what runs goes on, what waits waits no longer`, async () => {
    await stopAcross(() => void must(`date -s @${toS()} && rm -f ${LOG}.1`));
    const after = await listRunning();
    check(after === before, `${before}\nbecame\n${after}`);
    const [usedBefore, startMs] = [usedS(), performance.now()];
    await sleep(10_000);
    const share = (usedS() - usedBefore) / ((performance.now() - startMs) / 1000);
    say(`seen supervisor and collector use ${share.toFixed(2)} of a processor`);
    check(share < 1, 'they are busy');
  });
  await test(`the clock ${name}: requests, passes, promises and samples go on`, async () => {
    check((await request('hello', n)) === 200, 'the Master refused');
    processInstances();
    checkPromises();
    await checkMetrics();
    await checkLogs();
  });
}

export async function playClock(): Promise<void> {
  writeFileSync(`${ROOT}/etc/supervisord.conf.d/clock.conf`, PROGRAMS);
  must('slapos node supervisorctl update');
  const daemon = start(`slapos node collect --daemon --interval 1s --listen ${LISTEN}`);
  const answer = () => fetch(`http://${LISTEN}/metrics`).then(({ ok }) => ok || undefined);
  await until(() => answer().catch(() => undefined), 'the daemon', 180_000);
  const [beganS, beganMs] = [nowS(), performance.now()];
  const trueS = () => Math.round(beganS + (performance.now() - beganMs) / 1000);
  await testJump('jumps ahead by a year', () => trueS() + 365 * DAY_S, 1_000_001);
  await testJump('is set right again', trueS, 1_000_002);
  await testJump('falls back to 1970', () => 600, 1_000_003);
  await testJump('jumps ahead by 56 years', trueS, 1_000_004);
  daemon.kill();
  must(`rm ${ROOT}/etc/supervisord.conf.d/clock.conf && slapos node supervisorctl update`);
}
