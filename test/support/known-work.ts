/** Processes that burn, fork and write for a while, then say what it cost by getrusage(2). */
import { type ChildProcess, spawn } from 'node:child_process';

const BRANCH = 'sum(range(400000)); os._exit(0)';

/** Python, by kind; `DEADLINE` is when to be done. */
const WORK = {
  burner: 'spin()',
  threads:
    'import threading; ts = [threading.Thread(target=spin) for _ in range(3)]; [t.start() for t in ts]; [t.join() for t in ts]',
  forker: `while clock() < DEADLINE:
  pid = os.fork()
  if pid == 0: ${BRANCH}
  os.waitpid(pid, 0)`,
  grandchildren: `while clock() < DEADLINE:
  pid = os.fork()
  if pid == 0:
    child = os.fork()
    if child == 0: ${BRANCH}
    os.waitpid(child, 0); os._exit(0)
  os.waitpid(pid, 0)`,
  writer: `fd = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT, 0o600)
while clock() < DEADLINE:
  written += os.pwrite(fd, os.urandom(1 << 18) * 4, 0); os.fsync(fd); time.sleep(0.05)`,
} as const;

export type WorkKind = keyof typeof WORK;
export const WORK_KINDS = Object.keys(WORK) as readonly WorkKind[];

const PROGRAM = `import os, resource, sys, time
clock = time.monotonic
written = 0
DEADLINE = clock() + float(sys.argv[1])
def spin():
  while clock() < DEADLINE: pass
WORK
own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime, written, flush=True)
os.close(1); time.sleep(1000)`;

export interface Work {
  readonly kind: WorkKind;
  /** Still alive: how a process ends costs too, and nobody can tell how much. */
  readonly child: ChildProcess;
  readonly cpuS: number;
  readonly writtenBytes: number;
}

/**
 * Works as the user `uid`; resolves when it is done.
 * @param seconds of wall time
 * @param file that writers write again and again
 */
export async function work(
  uid: number,
  kind: WorkKind,
  seconds: number,
  file = '/dev/null',
): Promise<Work> {
  const args = ['-c', PROGRAM.replace('WORK', WORK[kind]), String(seconds), file];
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  const child = spawn('/usr/bin/python3', args, { uid, gid: uid, stdio: [...stdio] });
  let text = '';
  for await (const piece of child.stdout?.setEncoding('utf8') ?? []) text += piece;
  const [cpuS = Number.NaN, writtenBytes = Number.NaN] = text.trim().split(' ').map(Number);
  return { kind, child, cpuS, writtenBytes };
}
