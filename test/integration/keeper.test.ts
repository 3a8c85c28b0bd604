import { execFileSync } from 'node:child_process';
import { existsSync, linkSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  type FakeClient,
  type FakeMessage,
  field,
  isAlive,
  KeeperRun,
  until,
} from '../support/keeper-run.ts';
import { requires } from '../support/requires.ts';

const SIGKILL = 9;
const SIGTERM = 15;

let run: KeeperRun;
let client: FakeClient;

/** Connects again after the present controller is gone. */
async function reconnect(): Promise<FakeClient> {
  await until(() => (client.isClosed ? true : undefined), 'the end of the controller');
  const next = run.connect();
  await next.wait('synced');
  return next;
}

async function crashController(): Promise<FakeClient> {
  client.send({ do: 'crash' });
  return reconnect();
}

const text = (path: string) => readFileSync(path, 'utf8');
const logOf = (name: string) => join(run.folder, name);

async function spawnLogged(name: string, script: string, extra: Array<[string, string]> = []) {
  const log = field(await client.openLog(logOf(`${name}.log`)), 'fd');
  const streams: Array<[string, string]> = [
    ['stdout', '0'],
    ['stderr', '0'],
  ];
  return client.spawnShell(name, script, [...streams, ...extra], [Number(log)]);
}

function pidOf(message: FakeMessage): number {
  return Number(field(message, 'pid'));
}

beforeEach(() => {
  run = new KeeperRun();
});

afterEach(async () => {
  client?.close();
  await run.dispose();
});

requires('root', 'netns')('a running keeper', () => {
  beforeEach(async () => {
    expect(await run.launch()).toEqual({ status: 0, output: '' });
    client = run.connect();
    await client.wait('synced');
  });

  it('is a daemon named supervisord with a pid file and a guarded socket', () => {
    expect(text(`/proc/${run.pid}/comm`)).toBe('supervisord\n');
    expect(text(`/proc/${run.pid}/cmdline`)).toContain('slapos-supervisord');
    expect(text(run.pidFile)).toMatch(/^\d+\n$/);
    expect(statSync(run.socket).mode & 0o7777).toBe(0o700);
    expect(statSync(run.pidFile).mode & 0o7777).toBe(0o644);
    expect(statSync(run.journal).mode & 0o7777).toBe(0o600);
  });

  it('starts a service as another user, writing straight to its log', async () => {
    const script = 'id -u; id -g; id -G; pwd; umask; ulimit -c; ls /proc/self/fd | wc -l';
    const answer = await spawnLogged('a:b', script, [
      ['uid', '1234'],
      ['gid', '1235'],
      ['group', '1235'],
      ['group', '7'],
      ['cwd', '/tmp'],
      ['umask', '23'],
      ['limit', '4:0:0'],
    ]);
    const exit = await client.wait('exit', { pid: field(answer, 'pid') });
    expect(field(exit, 'status')).toBe('0');
    expect(field(exit, 'name')).toBe('a:b');
    expect(field(exit, 'start')).toBe(field(answer, 'start'));
    expect(text(logOf('a:b.log'))).toBe('1234\n1235\n1235 7\n/tmp\n0027\n0\n4\n');
  });

  it('tells how a service ended and writes it to the journal first', async () => {
    const answer = await client.spawnShell('x', 'kill -9 $$');
    const exit = await client.wait('exit', { pid: field(answer, 'pid') });
    expect([field(exit, 'status'), field(exit, 'signal')]).toEqual(['-1', '9']);
    expect(text(run.journal)).toContain(`child ${field(answer, 'pid')} ${field(answer, 'start')} `);
    expect(text(run.journal)).toContain(`exit 1 ${field(answer, 'pid')} `);
  });

  it('gives a service no limit, descriptor or signal disposition of its own', async () => {
    const script = 'grep -E "^Sig(Ign|Blk|Cgt)" /proc/self/status; ulimit -Sn; ls /proc/self/fd';
    const answer = await spawnLogged('clean', script);
    await client.wait('exit', { pid: field(answer, 'pid') });
    const limit = /Max open files\s+(\d+)/.exec(text('/proc/self/limits'))?.[1];
    const lines = text(logOf('clean.log')).split('\n');
    expect(lines.slice(0, 2).map((line) => Number(`0x${line.split(/\s+/)[1]}`))).toEqual([0, 0]);
    expect(lines[3]).toBe(limit);
    expect(lines.slice(4)).toEqual(['0', '1', '2', '3', '']);
  });

  it.each([
    ['chdir', [['cwd', '/nonexistent']], "supervisor: couldn't chdir to /nonexistent: ENOENT"],
    ['exec', [['file', '/nonexistent']], "supervisor: couldn't exec /nonexistent: ENOENT"],
    ['rlimit', [['limit', '7:5:1']], "supervisor: couldn't set up the process (rlimit): EINVAL"],
  ] as Array<[string, Array<[string, string]>, string]>)(
    'keeps the result of supervisord when %s fails: text in the log, status 127',
    async (step, fields, line) => {
      // The first value of a key counts, so these come before what spawnShell adds.
      const log = Number(field(await client.openLog(logOf('f.log')), 'fd'));
      const rest = [
        ['id', '9'],
        ['name', 'f'],
        ['arg', 'sh'],
        ['stderr', '0'],
        ['file', '/bin/sh'],
      ];
      client.send({ verb: 'spawn', fields: [...fields, ...rest], fds: [log] });
      const answer = await client.wait('spawned', { id: '9' });
      expect(field(answer, 'step')).toBe(step);
      expect(field(answer, 'text')).toBe(line);
      const exit = await client.wait('exit', { pid: field(answer, 'pid') });
      expect([field(exit, 'status'), field(exit, 'signal')]).toEqual(['127', '0']);
      expect(text(logOf('f.log'))).toBe(`${line}\nsupervisor: child process was not spawned\n`);
      const messages = client.messages.map((message) => message.verb);
      expect(messages.indexOf('spawned')).toBeLessThan(messages.indexOf('exit'));
    },
  );

  it('refuses a request that it cannot read', async () => {
    const answer = await client.spawnShell('bad', 'true', [['uid', '12x']]);
    expect(answer.verb).toBe('refused');
    expect(field(answer, 'code')).toBe('EINVAL');
    expect(field(answer, 'text')).toContain('uid');
  });

  it('signals one process or its group, and never another life of its pid', async () => {
    const answer = await spawnLogged('g', 'sleep 100 & echo $!; wait');
    const sleeper = await until(
      () => Number(text(logOf('g.log')).trim()) || undefined,
      'the pid of the sleeper',
    );
    const wrong: FakeMessage = {
      verb: answer.verb,
      fields: [
        ['pid', field(answer, 'pid')],
        ['start', '1'],
      ],
    };
    expect(field(await client.signal(wrong, SIGTERM), 'result')).toBe('gone');
    expect(isAlive(sleeper)).toBe(true);
    expect(field(await client.signal(answer, SIGTERM, true), 'result')).toBe('sent');
    await client.wait('exit', { pid: field(answer, 'pid'), signal: '15' });
    await until(() => (isAlive(sleeper) ? undefined : true), 'the end of the sleeper');
    expect(field(await client.signal(answer, SIGTERM), 'result')).toBe('gone');
  });

  it('reaps the orphans of its services', async () => {
    const answer = await client.spawnShell('o', '(sleep 0.3; exit 7) & exit 0');
    await client.wait('exit', { pid: field(answer, 'pid') });
    const reaped = await client.wait('reaped');
    expect(field(reaped, 'status')).toBe('7');
  });

  it('keeps every service when the controller is killed, and tells what happened meanwhile', async () => {
    const children: FakeMessage[] = [];
    for (let index = 0; index < 100; index += 1) {
      children.push(await client.spawnShell(`s:${index}`, 'exec sleep 100'));
    }
    const brief = await client.spawnShell('brief', 'sleep 0.05; exit 3');
    client.send({
      verb: 'store',
      fields: [
        ['key', 'k 1'],
        ['value', 'v%\n2'],
      ],
    });
    client = await crashController();
    const told = client.messages.filter((message) => message.verb === 'child');
    const identity = (message: FakeMessage) =>
      ['name', 'pid', 'start', 'time'].map((key) => field(message, key)).join(' ');
    const survivors = told.filter((message) => field(message, 'name').startsWith('s:'));
    expect(survivors.map(identity).sort()).toEqual(children.map(identity).sort());
    const exit = await client.wait('exit', { pid: field(brief, 'pid') });
    expect(field(exit, 'status')).toBe('3');
    expect(field(await client.wait('stored', { key: 'k 1' }), 'value')).toBe('v%\n2');
    const welcome = await client.wait('welcome');
    expect([field(welcome, 'starts'), field(welcome, 'ready')]).toEqual(['2', '1']);
    expect(text(run.log)).toMatch(/ WARN controller \(pid \d+\) ended: signal SIGKILL; starting/);
  });

  it('repeats an end until it is acknowledged', async () => {
    const answer = await client.spawnShell('e', 'exit 5');
    const exit = await client.wait('exit', { pid: field(answer, 'pid') });
    client = await crashController();
    expect(await client.wait('exit', { serial: field(exit, 'serial') })).toEqual(exit);
    client.send({ verb: 'store', fields: [['ack', field(exit, 'serial')]] });
    client = await crashController();
    await client.wait('synced');
    expect(client.find('exit')).toBeUndefined();
  });

  it('holds descriptors for the next controller', async () => {
    client.send({ do: 'pipe', isKeptOpen: true });
    const pipe = await client.wait('piped');
    const extra: Array<[string, string]> = [
      ['stdin', '0'],
      ['keep', '1:stdin'],
      ['stdout', '2'],
    ];
    const log = Number(field(await client.openLog(logOf('cat.log')), 'fd'));
    const fds = [Number(field(pipe, 'readFd')), Number(field(pipe, 'writeFd')), log];
    const answer = await client.spawnShell('cat', 'exec cat', extra, fds);
    client = await crashController();
    const child = await client.wait('child', { pid: field(answer, 'pid') });
    expect([field(child, 'pidfd'), field(child, 'keep')]).toEqual(['0', '1:stdin']);
    expect(isAlive(pidOf(answer))).toBe(true);
    client.send({ do: 'write', fd: child.fds?.[1], text: 'after the crash\n' });
    await until(
      () => (text(logOf('cat.log')) === 'after the crash\n' ? true : undefined),
      'the text in the log',
    );
  });

  it('lets clients wait in the backlog while no controller runs', async () => {
    client.send({ do: 'crash' });
    await until(() => (client.isClosed ? true : undefined), 'the end of the controller');
    const early = run.connect();
    const welcome = await early.wait('welcome');
    expect(field(welcome, 'starts')).toBe('2');
    early.close();
  });

  it('forwards signals, also those that came while no controller listened', async () => {
    process.kill(run.pid, 'SIGHUP');
    await client.wait('forward', { signal: '1' });
    client.send({ do: 'crash' });
    await until(() => (client.isClosed ? true : undefined), 'the end of the controller');
    process.kill(run.pid, 'SIGUSR2');
    client = run.connect();
    await client.wait('forward', { signal: '12' });
  });

  it('ends when told and the controller has stopped everything, leaving no trace', async () => {
    const { pid } = run;
    const answer = await client.spawnShell('s', 'exec sleep 100');
    process.kill(pid, 'SIGTERM');
    await client.wait('forward', { signal: '15' });
    await client.signal(answer, SIGKILL);
    await client.wait('exit', { pid: field(answer, 'pid') });
    client.send({ verb: 'stopped' });
    await until(() => (isAlive(pid) ? undefined : true), 'the end of the keeper');
    for (const path of [run.socket, run.pidFile, run.journal]) expect(existsSync(path)).toBe(false);
  });

  it('kills what is left when the controller is gone', async () => {
    const { pid } = run;
    const stubborn = await client.spawnShell('s', 'sleep 100 & wait');
    process.kill(pid, 'SIGTERM');
    await client.wait('forward', { signal: '15' });
    client.send({ do: 'exit', status: 0 });
    await until(() => (isAlive(pid) ? undefined : true), 'the end of the keeper');
    expect(isAlive(pidOf(stubborn))).toBe(false);
    expect(existsSync(run.socket)).toBe(false);
  });

  it('adopts the services of a keeper that was killed', async () => {
    const answer = await client.spawnShell('kept', 'exec sleep 100');
    const gone = await client.spawnShell('gone', 'exec sleep 100');
    const old = run.pid;
    process.kill(old, 'SIGKILL');
    await until(() => (client.isClosed ? true : undefined), 'the end of the controller');
    process.kill(pidOf(gone), 'SIGKILL');
    await until(() => (isAlive(pidOf(gone)) ? undefined : true), 'the end of a service');
    const launched = await run.launch();
    expect(launched.status).toBe(0);
    expect(launched.output).toBe(`Unlinking stale socket ${run.socket}\n`);
    client = run.connect();
    const child = await client.wait('child', { pid: field(answer, 'pid') });
    expect([field(child, 'adopted'), field(child, 'start')]).toEqual(['1', field(answer, 'start')]);
    await client.wait('exit', { pid: field(gone, 'pid'), lost: '1', status: '-1' });
    expect(field(await client.signal(child, SIGTERM), 'result')).toBe('sent');
    const exit = await client.wait('exit', { pid: field(answer, 'pid') });
    expect([field(exit, 'signal'), field(exit, 'lost')]).toEqual(
      field(exit, 'lost') === '1' ? ['0', '1'] : ['15', ''],
    );
  });

  it('refuses to start twice and leaves the running one alone', async () => {
    const { pid } = run;
    const second = await run.launch();
    expect(second.status).toBe(2);
    expect(second.output).toContain(
      'Error: Another program is already listening on a port that one of our HTTP servers is ' +
        'configured to use.  Shut this program down first before starting supervisord.\n',
    );
    expect(run.pid).toBe(pid);
    expect(isAlive(pid)).toBe(true);
    expect((await client.spawnShell('still', 'true')).verb).toBe('spawned');
  });

  it('starts a thousand services in about a second without losing one', async () => {
    const start = performance.now();
    for (let index = 0; index < 1000; index += 1) {
      const fields = [
        ['id', `m${index}`],
        ['name', `m${index}`],
        ['file', '/bin/sleep'],
      ];
      client.send({ verb: 'spawn', fields: [...fields, ['arg', 'sleep'], ['arg', '100']] });
    }
    const count = (verb: string) => client.messages.filter((each) => each.verb === verb).length;
    await until(() => (count('spawned') === 1000 ? true : undefined), '1000 starts', 30_000);
    const elapsedMs = performance.now() - start;
    expect(elapsedMs).toBeLessThan(5000);
    expect(Number(/VmRSS:\s+(\d+)/.exec(text(`/proc/${run.pid}/status`))?.[1])).toBeLessThan(
      16_000,
    );
    process.kill(run.pid, 'SIGTERM');
    await client.wait('forward', { signal: '15' });
    client.send({ verb: 'stopped' });
    await until(() => (existsSync(run.pidFile) ? undefined : true), 'the end', 20_000);
  });

  it('opens no log through a link, a fifo or a second name', async () => {
    writeFileSync(join(run.folder, 'secret'), 'untouched');
    symlinkSync(join(run.folder, 'secret'), logOf('link.log'));
    expect(field(await client.openLog(logOf('link.log')), 'code')).toBe('ELOOP');
    linkSync(join(run.folder, 'secret'), logOf('hard.log'));
    expect(field(await client.openLog(logOf('hard.log')), 'code')).toBe('EMLINK');
    execFileSync('mkfifo', [logOf('fifo.log')]);
    expect(field(await client.openLog(logOf('fifo.log')), 'code')).toBe('ENXIO');
    expect(text(join(run.folder, 'secret'))).toBe('untouched');
  });
});
