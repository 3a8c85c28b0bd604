/** Processes that stand still, so that two readings of them agree, and what /proc says of them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessSample } from '../../src/host/proc.ts';
import { until } from './keeper-run.ts';

const PAGE_BYTES = 4096;

/** Threads, of which one has ended, memory, written bytes, a child that used time, a name. */
const WEIGHTY = `import os, threading, signal, time
ended = threading.Thread(target=lambda: sum(range(3_000_000)))
ended.start(); ended.join()
for _ in range(3): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
data = bytearray(30_000_000)
with open("/dev/null", "wb") as sink:
    for _ in range(20): sink.write(data)
with open("/proc/self/comm", "wb") as comm: comm.write(NAME)
if os.fork() == 0: sum(range(12_000_000)); os._exit(0)
os.wait()
sum(range(2_000_000))
os.kill(os.getpid(), signal.SIGSTOP)`;

export class ProcessScenes {
  readonly #children: ChildProcess[] = [];

  /** A stopped process of `uid` that calls itself `name`. */
  async startStopped(uid: number, name = Buffer.from('weighty')): Promise<number> {
    const bytes = `bytes(${JSON.stringify([...name])})`;
    return this.stopped(uid, WEIGHTY.replace('NAME', bytes));
  }

  /** A process that runs a program of Python's, which stops itself. */
  async stopped(uid: number, program: string): Promise<number> {
    const pid = this.start(uid, '/usr/bin/python3', ['-c', program]);
    await until(
      () => (/^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'latin1')) ? true : undefined),
      'the child to stop itself',
    );
    return pid;
  }

  start(uid: number, file: string, args: readonly string[]): number {
    const child = spawn(file, args, { uid, gid: uid, stdio: 'ignore' });
    this.#children.push(child);
    return child.pid ?? 0;
  }

  end(): void {
    for (const child of this.#children) child.kill('SIGKILL');
  }
}

/** The inode of its folder in the cgroup v2 hierarchy (cgroups(7)); nothing where that is not mounted. */
function readCgroupId(pid: number): { readonly cgroupId?: number } {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const mount = mounts.find((line) => / - cgroup2 /.test(line))?.split(' ')[4];
  const path = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1];
  if (mount === undefined || path === undefined) return {};
  const folder = statSync(join(mount, path), { throwIfNoEntry: false });
  return folder === undefined ? {} : { cgroupId: folder.ino };
}

/** The cgroup is known only where the hierarchy is mounted. */
type SlowSample = Omit<ProcessSample, 'cgroupId'> & Partial<ProcessSample>;

/** The same facts as a sample from the text of /proc, read the slow way. */
export function readSlowly(pid: number): SlowSample {
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
    ...readCgroupId(pid),
    state: rest[0] ?? '',
    hasIo: true,
    comm,
  };
}
