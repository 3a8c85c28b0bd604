import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listSamples, observeProcesses, type ProcessSample } from '../../src/host/proc.ts';
import { listDescendants } from '../../src/host/process-tree.ts';
import { isAlive, until } from '../support/keeper-run.ts';
import { requires } from '../support/requires.ts';

const USER = 40321;
const PAGE_BYTES = 4096;

const children: ChildProcess[] = [];

/** A process of some weight that then stands still, so that two readings agree. */
async function startStopped(uid: number): Promise<number> {
  const program = `import os, threading, signal, time
for _ in range(3): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
data = bytearray(30_000_000)
with open("/dev/null", "wb") as sink:
    for _ in range(20): sink.write(data)
os.system("true")
sum(range(2_000_000))
os.kill(os.getpid(), signal.SIGSTOP)`;
  const child = spawn('/usr/bin/python3', ['-c', program], { uid, gid: uid, stdio: 'ignore' });
  children.push(child);
  const pid = child.pid ?? 0;
  await until(
    () => (/^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')) ? true : undefined),
    'the child to stop itself',
  );
  return pid;
}

/** The same facts from the text of /proc, read the slow way. */
function readSlowly(pid: number): Omit<ProcessSample, 'hasIo'> {
  const read = (name: string) => readFileSync(`/proc/${pid}/${name}`, 'latin1');
  const stat = read('stat');
  const comm = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
  const rest = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(rest[number - 3]);
  const io = (name: string) => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(read('io'))?.[1]);
  return {
    pid,
    ppid: field(4),
    uid: Number(/^Uid:\s+(\d+)/m.exec(read('status'))?.[1]),
    threads: field(20),
    startTicks: field(22),
    utimeTicks: field(14),
    stimeTicks: field(15),
    cutimeTicks: field(16),
    cstimeTicks: field(17),
    blkioDelayTicks: field(42),
    rssBytes: Number(read('statm').split(' ')[1]) * PAGE_BYTES,
    readBytes: io('read_bytes'),
    writeBytes: io('write_bytes'),
    rchar: io('rchar'),
    wchar: io('wchar'),
    syscr: io('syscr'),
    syscw: io('syscw'),
    state: rest[0] ?? '',
    comm,
  };
}

async function sampleOf(pid: number, uids?: readonly number[]): Promise<ProcessSample | undefined> {
  const table = await observeProcesses(uids === undefined ? {} : { uids });
  return listSamples(table).find((sample) => sample.pid === pid);
}

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

requires('root', 'netns')('a sample of the processes', () => {
  let pid: number;

  beforeAll(async () => {
    pid = await startStopped(USER);
  });

  it('says the same as the text of /proc', async () => {
    expect(await sampleOf(pid)).toEqual({ ...readSlowly(pid), hasIo: true });
    expect((await sampleOf(pid))?.threads).toBe(4);
    expect((await sampleOf(pid))?.rssBytes).toBeGreaterThan(30_000_000);
  });

  it('holds only the users asked for', async () => {
    expect(await sampleOf(pid, [USER, 12])).toBeDefined();
    expect(await sampleOf(pid, [USER + 1])).toBeUndefined();
    expect(await sampleOf(pid, [])).toBeUndefined();
    const own = await sampleOf(process.pid, [0]);
    expect(own?.uid).toBe(0);
  });

  it('knows the real user where the folder of the process belongs to root', async () => {
    // Not dumpable: everything in /proc/PID belongs to root.
    const program = `import ctypes, os, signal
ctypes.CDLL(None).prctl(4, 0)
os.kill(os.getpid(), signal.SIGSTOP)`;
    const child = spawn('/usr/bin/python3', ['-c', program], { uid: USER, gid: USER });
    children.push(child);
    const hidden = child.pid ?? 0;
    await until(
      () =>
        /^State:\s+T/m.test(readFileSync(`/proc/${hidden}/status`, 'utf8')) ? true : undefined,
      'the child to stop itself',
    );
    expect((await sampleOf(hidden, [USER]))?.uid).toBe(USER);
    expect(await sampleOf(hidden, [0])).toBeUndefined();
  });

  it('goes on while processes come and go', async () => {
    const busy = spawn('/bin/sh', ['-c', 'while :; do /bin/true & done'], { stdio: 'ignore' });
    children.push(busy);
    for (let round = 0; round < 100; round += 1) expect(await sampleOf(pid)).toBeDefined();
    busy.kill('SIGKILL');
    await until(() => (isAlive(busy.pid ?? 0) ? undefined : true), 'the end of the shell');
  });

  it('finds the descendants of a process', async () => {
    const shell = spawn('/bin/sh', ['-c', 'setsid sleep 100 & sh -c "sleep 100; true"; wait']);
    children.push(shell);
    const found = await until(
      () =>
        readFileSync(`/proc/${shell.pid}/task/${shell.pid}/children`).length > 8 ? true : undefined,
      'two children',
    );
    expect(found).toBe(true);
    await until(() => undefined as true | undefined, 'nothing', 200).catch(() => {});
    const table = await observeProcesses();
    const descendants = listDescendants(table, shell.pid ?? 0);
    expect(descendants).toHaveLength(3);
    for (const each of descendants) process.kill(each, 'SIGKILL');
  });
});

describe('a sample of a recorded /proc', () => {
  const root = mkdtempSync(join(tmpdir(), 'slapos-proc-'));
  afterAll(() => rmSync(root, { recursive: true }));

  function record(pid: string, files: Record<string, string>): void {
    mkdirSync(join(root, pid));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, pid, name), text);
  }

  const status = `Name:\tx\nUmask:\t0022\nUid:\t${USER}\t0\t0\t0\n`;
  const numbers = Array.from({ length: 49 }, (_, index) => index + 4).join(' ');

  it('copes with any name of a program and with what is not there', async () => {
    record('1', {
      stat: `1 (a) b (c)) S ${numbers}\n`,
      status,
      statm: '10 7 0\n',
      io: 'rchar: 5\n',
    });
    record('2', { stat: `2 (x) R ${numbers}\n`, status });
    record('3', { stat: 'nonsense', status, statm: '1 1' });
    record('4', { stat: `4 (sixteen bytes ok) Z ${numbers}\n`, status, statm: '1 1' });
    record('self', { stat: `5 (x) R ${numbers}\n`, status, statm: '1 1' });
    const isRoot = process.getuid?.() === 0;
    const samples = listSamples(await observeProcesses({ procRoot: root }));
    expect(samples.map(({ pid, comm, state }) => [pid, comm, state]).sort()).toEqual([
      [1, 'a) b (c)', 'S'],
      [4, 'sixteen bytes ok', 'Z'],
    ]);
    const first = samples.find(({ pid }) => pid === 1);
    expect(first).toMatchObject({
      ppid: 4,
      utimeTicks: 14,
      stimeTicks: 15,
      cutimeTicks: 16,
      cstimeTicks: 17,
      threads: 20,
      startTicks: 22,
      blkioDelayTicks: 42,
      rssBytes: 7 * PAGE_BYTES,
      hasIo: false,
    });
    expect(first?.uid).toBe(isRoot ? USER : process.getuid?.());
  });

  it('is an error when there is no such folder', async () => {
    await expect(observeProcesses({ procRoot: join(root, 'none') })).rejects.toMatchObject({
      code: 'SLAPOS_ERR_HOST',
      errno: 2,
    });
  });
});
