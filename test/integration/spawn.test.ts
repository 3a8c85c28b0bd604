import { closeSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadNative, type SpawnRequest } from '../../src/host/native.ts';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { type CommandRequest, spawnCommand } from '../../src/host/spawn.ts';
import { isAlive, until } from '../support/keeper-run.ts';
import { requires } from '../support/requires.ts';

const SIGKILL = 9;
const USER = { uid: 40123, gid: 40124, groups: [40124, 40200, 40201] };
const PATH = '/usr/bin:/bin';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slapos-spawn-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a shell line as the test user and gives its output. */
async function runShell(script: string, extra: Partial<CommandRequest> = {}) {
  const result = await spawnCommand({
    argv: ['/bin/sh', '-c', script],
    env: { PATH },
    cwd: '/',
    user: USER,
    ...extra,
  });
  return { ...result, text: result.output.toString() };
}

const BASE: SpawnRequest = {
  file: '/bin/true',
  args: ['true'],
  env: [],
  cwd: '/',
  stdio: ['null', 'null', 'null'],
};

requires('root', 'netns')('a command run as a partition user', () => {
  it('has exactly the ids asked for, and cannot become root again', async () => {
    const { text } = await runShell('grep -E "^(Uid|Gid|Groups|CapEff|CapPrm)" /proc/self/status');
    expect(text.replaceAll('\t', ' ')).toBe(
      'Uid: 40123 40123 40123 40123\nGid: 40124 40124 40124 40124\n' +
        'Groups: 40124 40200 40201 \nCapPrm: 0000000000000000\nCapEff: 0000000000000000\n',
    );
    const regain = await runShell('/usr/bin/setpriv --reuid 0 true; echo $?');
    expect(regain.text).toMatch(/[1-9]\d*\n$/);
  });

  it('has the directory, environment and umask asked for and nothing else', async () => {
    const { text } = await runShell('pwd; umask; env', {
      cwd: '/tmp',
      umask: 0o27,
      env: { A: 'x y', PATH },
    });
    const [directory, umask, ...variables] = text.trim().split('\n');
    expect([directory, umask]).toEqual(['/tmp', '0027']);
    expect(variables.sort()).toEqual(['A=x y', `PATH=${PATH}`, 'PWD=/tmp']);
  });

  it('inherits no descriptor, even one that is not close-on-exec', async () => {
    const { readFd, writeFd } = loadNative().pipeOpen({});
    const { text } = await runShell('ls /proc/self/fd | tr "\\n" " "');
    expect(text).toBe('0 1 2 3 ');
    closeSync(readFd);
    closeSync(writeFd);
  });

  it('has every signal at its default and none blocked, although Node ignores some', async () => {
    const own = readFileSync('/proc/self/status', 'utf8');
    expect(/SigIgn:\s+0*1001000/.test(own)).toBe(true);
    const { text } = await runShell('cat /proc/self/status');
    expect([...text.matchAll(/^Sig(?:Blk|Ign|Cgt):\s+(\w+)$/gm)].map((match) => match[1])).toEqual(
      Array(3).fill('0000000000000000'),
    );
  });

  it('leads a session of its own, without the terminal of who runs us', async () => {
    const { text } = await runShell('cut -d " " -f 1,5,6 /proc/self/stat; echo $$');
    const [stat = '', shell] = text.trim().split('\n');
    const [, group, session] = stat.split(' ');
    expect(group).toBe(shell);
    expect(session).toBe(shell);
  });

  it('gets no new privileges through setuid programs when asked', async () => {
    const process = await loadNative().spawn({
      ...BASE,
      file: '/bin/sh',
      args: ['sh', '-c', 'grep -q "NoNewPrivs:.*1" /proc/self/status'],
      isNoNewPrivs: true,
    });
    expect(await process.exited).toEqual({ status: 0, signal: 0 });
  });

  it('takes its resource limits before it gives up root', async () => {
    const request = {
      ...BASE,
      ...USER,
      file: '/bin/sh',
      args: ['sh', '-c', 'test $(ulimit -n) = 77 && test $(ulimit -Hn) = 88'],
      limits: [{ resource: 7, soft: 77, hard: 88 }],
    };
    expect(await (await loadNative().spawn(request)).exited).toEqual({ status: 0, signal: 0 });
  });

  it('reads the end of its input at once and its two outputs are one stream', async () => {
    const heard: string[] = [];
    const { text, status } = await runShell('cat; echo out; echo err >&2; echo more; exit 3', {
      onOutput: (chunk) => heard.push(chunk.toString()),
    });
    expect([text, status]).toEqual(['out\nerr\nmore\n', 3]);
    expect(heard.join('')).toBe(text);
  });

  it('takes argv as it is: no shell sees it', async () => {
    const result = await spawnCommand({
      argv: ['/bin/echo', '$(id)', '; true', "it's", ''],
      env: {},
      cwd: '/',
    });
    expect(result.output.toString()).toBe("$(id) ; true it's \n");
  });

  it('keeps the end of a long output and says so', async () => {
    const result = await runShell('seq 1 100000', { maxOutputBytes: 1000 });
    expect(result.isTruncated).toBe(true);
    expect(result.output.length).toBe(1000);
    expect(result.text.endsWith('99999\n100000\n')).toBe(true);
  });

  it('tells the signal that ended it', async () => {
    const result = await runShell('kill -SEGV $$');
    expect([result.status, result.signal]).toEqual([-1, 11]);
  });

  it('does not wait for a grandchild that keeps the output open', async () => {
    const start = performance.now();
    const { text } = await runShell('sleep 30 & echo $!');
    expect(performance.now() - start).toBeLessThan(5000);
    process.kill(Number(text), SIGKILL);
  });
});

requires('root', 'netns')('the time limit of a command', () => {
  it('kills the group and descendants that left it', async () => {
    const script =
      "sleep 100 & echo $!; setsid sh -c 'echo $$; sleep 100 & echo $!; wait' & sleep 0.3; echo x; wait";
    const result = await runShell(script, { timeoutMs: 1500 });
    expect([result.isTimedOut, result.signal]).toEqual([true, SIGKILL]);
    const pids = result.text.split('\n').filter((line) => /^\d+$/.test(line));
    expect(pids).toHaveLength(3);
    for (const pid of pids) {
      await until(() => (isAlive(Number(pid)) ? undefined : true), `the end of ${pid}`);
    }
  });

  it('leaves nobody of the group behind when the command itself ends at the first signal', async () => {
    const stubborn = "(trap '' TERM; exec sleep 100) & echo $!; trap 'exit 1' TERM; wait";
    const result = await runShell(stubborn, { timeoutMs: 500, graceMs: 5000 });
    expect([result.isTimedOut, result.status]).toEqual([true, 1]);
    await until(() => (isAlive(Number(result.text)) ? undefined : true), 'its end');
  });

  const ESCAPED =
    'setsid sh -c \'sh -c "sleep 100 & echo \\$!" &\' </dev/null & sleep 0.3; echo on; ';

  it.each([
    ['at its end', { timeoutMs: 1000 }, 'sleep 100'],
    ['after a grace', { timeoutMs: 1000, graceMs: 300 }, "trap '' TERM; while :; do sleep 1; done"],
    ['when the command obeys', { timeoutMs: 1000, graceMs: 5000 }, 'sleep 100'],
  ])('kills orphans that left the session, %s', async (_when, limits, rest) => {
    const { isTimedOut, text } = await runShell(ESCAPED + rest, limits);
    expect(isTimedOut).toBe(true);
    const pid = Number(/^\d+$/m.exec(text)?.[0]);
    await until(() => (isAlive(pid) ? undefined : true), `the end of ${pid}`);
  });

  it('kills orphans when the caller aborts, and does not wait for their output', async () => {
    const abort = new AbortController();
    let heard = '';
    const running = runShell(`${ESCAPED}sleep 100`, {
      signal: abort.signal,
      onOutput: (chunk) => {
        heard += chunk.toString();
        if (heard.includes('on')) abort.abort();
      },
    });
    const { text } = await running;
    const pid = Number(/^\d+$/m.exec(text)?.[0]);
    await until(() => (isAlive(pid) ? undefined : true), `the end of ${pid}`);
  });

  it('kills when the caller aborts', async () => {
    const abort = new AbortController();
    const running = runShell('echo on; sleep 100', {
      signal: abort.signal,
      onOutput: () => abort.abort(),
    });
    expect((await running).signal).toBe(SIGKILL);
  });
});

requires('root', 'netns')('a command that cannot be started', () => {
  const cases: Array<[string, Partial<SpawnRequest>, string]> = [
    ['rlimit', { limits: [{ resource: 7, soft: 2, hard: 1 }] }, 'EINVAL'],
    ['rlimit', { limits: [{ resource: 999, soft: 1, hard: 1 }] }, 'EINVAL'],
    ['setgroups', { uid: 1, gid: 1, groups: new Array(65537).fill(1) }, 'EINVAL'],
    ['chdir', { cwd: '/nonexistent' }, 'ENOENT'],
    ['chdir', { cwd: '/root', uid: 40123, gid: 40123, groups: [40123] }, 'EACCES'],
    ['exec', { file: '/nonexistent' }, 'ENOENT'],
    ['exec', { file: '/etc/passwd' }, 'EACCES'],
    ['exec', { file: '/' }, 'EACCES'],
  ];

  it.each(cases)('names the step %s', async (step, request, code) => {
    const failing = loadNative().spawn({ ...BASE, ...request });
    await expect(failing).rejects.toMatchObject({ step, code, syscall: 'spawn' });
  });

  it('is a SpawnError with the step, the directory and the errno', async () => {
    const running = spawnCommand({ argv: ['/bin/true'], env: {}, cwd: '/nonexistent' });
    await expect(running).rejects.toMatchObject({
      code: 'SLAPOS_ERR_SPAWN',
      step: 'chdir',
      errno: 2,
      message:
        'Cannot start /bin/true: the new process could not enter its directory /nonexistent (ENOENT).',
    });
  });

  it.each([[['true']], [['/bin/echo', 'a\0b']]])(
    'is refused before anything is started: %j',
    async (argv) => {
      const running = spawnCommand({ argv: argv as [string], env: {}, cwd: '/' });
      await expect(running).rejects.toMatchObject({ code: 'SLAPOS_ERR_SPAWN', step: 'request' });
    },
  );

  it('is one with foreign ids where the caller is not root', async () => {
    const addonPath = join(
      process.env['SLAPOS_PACKAGE'] ?? packageRoot(),
      'build/Release/slapos_native.node',
    );
    const request = { ...BASE, uid: 1, gid: 1, groups: [1] };
    const program = `require(${JSON.stringify(addonPath)}).spawn(${JSON.stringify(request)})
      .catch((error) => console.log(error.step, error.code))`;
    const result = await spawnCommand({
      argv: [process.execPath, '-e', program],
      env: {},
      cwd: '/',
      user: USER,
    });
    expect(result.output.toString()).toBe('setgroups EPERM\n');
  });

  it('leaves no zombie and no descriptor behind', async () => {
    const addon = loadNative();
    const countFds = () => readdirSync('/proc/self/fd').length;
    await addon.spawn({ ...BASE, file: '/nonexistent' }).catch(() => {});
    const before = countFds();
    for (let round = 0; round < 50; round += 1) {
      await addon
        .spawn({ ...BASE, file: '/nonexistent', stdio: ['pipe', 'pipe', 'stdout'] })
        .catch(() => {});
      await (await addon.spawn(BASE)).exited;
    }
    expect(countFds()).toBeLessThanOrEqual(before);
    const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8');
    expect(
      children
        .trim()
        .split(' ')
        .filter((pid) => pid !== '' && !isAlive(Number(pid))),
    ).toEqual([]);
  });
});

requires('root', 'netns')('spawning', () => {
  it('starts many at once and learns of every end', async () => {
    const addon = loadNative();
    const started = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        addon.spawn({ ...BASE, file: '/bin/sh', args: ['sh', '-c', `exit ${index}`] }),
      ),
    );
    const ends = await Promise.all(started.map(({ exited }) => exited));
    expect(ends.map(({ status }) => status)).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  it('does not hang on a child whose new user stops it before exec', async () => {
    const stopper = await loadNative().spawn({
      ...BASE,
      file: '/bin/sh',
      args: ['sh', '-c', 'while :; do kill -STOP -1; done'],
      stdio: ['null', 'null', 'null'],
      uid: 40999,
      gid: 40999,
      groups: [],
    });
    const start = performance.now();
    for (let round = 0; round < 5; round += 1) {
      const child = await loadNative().spawn({ ...BASE, uid: 40999, gid: 40999, groups: [] });
      loadNative().spawnSignal({ pid: child.pid, signal: SIGKILL, isGroup: false });
      await child.exited;
    }
    expect(performance.now() - start).toBeLessThan(10_000);
    loadNative().spawnSignal({ pid: stopper.pid, signal: SIGKILL, isGroup: true });
    await stopper.exited;
  });

  it('signals only what was not reaped yet', async () => {
    const addon = loadNative();
    const child = await addon.spawn({ ...BASE, file: '/bin/sleep', args: ['sleep', '100'] });
    expect(addon.spawnSignal({ pid: child.pid, signal: 15, isGroup: true })).toBe(true);
    expect(await child.exited).toEqual({ status: -1, signal: 15 });
    expect(addon.spawnSignal({ pid: child.pid, signal: 15, isGroup: false })).toBe(false);
    expect(addon.spawnSignal({ pid: process.pid, signal: 0, isGroup: false })).toBe(false);
  });

  it('ends with its worker, also while children live', async () => {
    const program = `const { parentPort, workerData } = require('node:worker_threads');
      const addon = require(workerData);
      const request = { file: '/bin/sleep', args: ['sleep', '0.5'], env: [], cwd: '/',
        stdio: ['null', 'null', 'null'] };
      for (let i = 0; i < 10; i += 1) addon.spawn(request);
      addon.spawn(request).then(() => parentPort.postMessage('started'));`;
    const addonPath = join(packageRoot(), 'build', 'Release', 'slapos_native.node');
    for (let round = 0; round < 5; round += 1) {
      const worker = new Worker(program, { eval: true, workerData: addonPath });
      await new Promise((resolve) => worker.once('message', resolve));
      await worker.terminate();
    }
    expect((await (await loadNative().spawn(BASE)).exited).status).toBe(0);
  });
});

describe('a request that the addon cannot read', () => {
  it.each([
    [{ ...BASE, args: [] }, /'args' must not be empty/],
    [{ ...BASE, file: 7 }, /'file' must be a string/],
    [{ ...BASE, uid: 1 }, /'gid' must be a number/],
    [{ ...BASE, stdio: 'null' }, /'stdio' must be an array/],
  ])('throws a TypeError', (request, message) => {
    expect(() => loadNative().spawn(request as unknown as SpawnRequest)).toThrow(message);
  });
});
