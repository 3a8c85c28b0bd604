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
  orphans: `pipe = os.pipe()
while clock() < DEADLINE:
  pid = os.fork()
  if pid == 0:
    if os.fork() == 0:
      sum(range(8000000)); used = resource.getrusage(resource.RUSAGE_SELF)
      os.write(pipe[1], struct.pack("d", used.ru_utime + used.ru_stime)); os._exit(0)
    os._exit(0)
  os.waitpid(pid, 0); orphaned += struct.unpack("d", os.read(pipe[0], 8))[0]`,
  writer: `fd = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT, 0o600)
while clock() < DEADLINE:
  written += os.pwrite(fd, os.urandom(1 << 18) * 4, 0); os.fsync(fd); time.sleep(0.05)`,
} as const;

export type WorkKind = keyof typeof WORK;
export const WORK_KINDS = Object.keys(WORK) as readonly WorkKind[];

const PROGRAM = `import os, resource, struct, sys, time
clock = time.monotonic
written = 0
orphaned = 0
DEADLINE = clock() + float(sys.argv[1])
def spin():
  while clock() < DEADLINE: pass
WORK
own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime + orphaned, written, flush=True)
os.close(1); time.sleep(1000)`;

export interface Work {
  readonly kind: WorkKind;
  /** Still alive: how a process ends costs too, and nobody can tell how much. */
  readonly child: ChildProcess;
  readonly cpuS: number;
  readonly writtenBytes: number;
}

/** Kinds of which the time is known to who waits for processes, at their latest when they end. */
export const WAITED_KINDS = WORK_KINDS.filter((kind) => kind !== 'orphans');

/** Enters a cgroup, then becomes the user. */
const ENTER = 'echo 0 > "$1" && shift && exec setpriv --clear-groups "$@"';

/**
 * Works as the user `uid`; resolves when it is done.
 * @param seconds of wall time
 * @param file that writers write again and again
 * @param cgroup folder of the cgroup to work in; that of the caller by default
 */
export async function work(
  uid: number,
  kind: WorkKind,
  seconds: number,
  file = '/dev/null',
  cgroup?: string,
): Promise<Work> {
  const args = ['-c', PROGRAM.replace('WORK', WORK[kind]), String(seconds), file];
  const user = [`--reuid=${uid}`, `--regid=${uid}`, '--', '/usr/bin/python3', ...args];
  const [program, words, options] =
    cgroup === undefined
      ? (['/usr/bin/python3', args, { uid, gid: uid }] as const)
      : (['sh', ['-c', ENTER, 'sh', `${cgroup}/cgroup.procs`, ...user], {}] as const);
  const child = spawn(program, words, { ...options, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const piece of child.stdout?.setEncoding('utf8') ?? []) text += piece;
  const [cpuS = Number.NaN, writtenBytes = Number.NaN] = text.trim().split(' ').map(Number);
  return { kind, child, cpuS, writtenBytes };
}
