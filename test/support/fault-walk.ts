/**
 * The n-th system call fails: each call of a command in turn, in a run of its own, and then one run on
 * which none fails. It must end as a machine on which none failed at all.
 */

import {
  type CallPoint,
  describeFault,
  type Fault,
  runTraced,
  type TracedRun,
  type TraceOptions,
} from './fault-tracer.ts';
import { compareLines } from './fault-tree.ts';
import type { HttpMaster } from './http-master.ts';

/** A command on a node that can be brought back to where it began. */
export interface FaultScene {
  readonly name: string;
  /** Brings the node to where the command begins. */
  reset(): Promise<void>;
  /** The command, as the tracer wants it. */
  command(): Omit<TraceOptions, 'faults' | 'timeoutMs'>;
  /** What must be as if nothing had failed; one fact a line. */
  state(): Promise<readonly string[]>;
  /** The Master that the command asks, where it asks one. */
  readonly master?: HttpMaster;
  /** What other commands of a node do before this one runs again. */
  repair?(): void;
  /** What was promised and is not kept; asked after the run with the fault, and after the one that follows. */
  findLosses?(run?: TracedRun): Promise<readonly string[]>;
  /** Calls that are not made to fail in this scene. */
  readonly spared?: (point: CallPoint) => boolean;
  /** What `state` does not tell decides how the next run ends: the inside of a database. */
  readonly isOpaque?: boolean;
  /** Of the runs on which nothing fails. */
  readonly status?: number;
  close(): Promise<void>;
}

const READ = ['EIO'];
const MAKE = ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS'];
const ACTIONS: Readonly<Record<string, readonly string[]>> = {
  open: ['EMFILE', 'EIO', 'ENOSPC'],
  openat: ['EMFILE', 'EIO', 'ENOSPC'],
  openat2: ['EMFILE', 'EIO', 'EAGAIN'],
  read: ['EIO', 'short'],
  pread64: ['EIO', 'short'],
  write: ['ENOSPC', 'EDQUOT', 'EIO', 'short', 'EINTR'],
  pwrite64: ['ENOSPC', 'EIO', 'short'],
  writev: ['ENOSPC', 'EIO'],
  pwritev: ['ENOSPC', 'EIO'],
  fsync: ['EIO', 'ENOSPC', 'EDQUOT'],
  fdatasync: ['EIO', 'ENOSPC'],
  ftruncate: ['EIO', 'ENOSPC'],
  fallocate: ['ENOSPC'],
  rename: MAKE,
  renameat: MAKE,
  renameat2: MAKE,
  link: MAKE,
  linkat: MAKE,
  symlink: MAKE,
  symlinkat: MAKE,
  mkdir: MAKE,
  mkdirat: MAKE,
  unlink: ['EIO', 'EROFS'],
  unlinkat: ['EIO', 'EROFS'],
  rmdir: ['EIO', 'EROFS'],
  chown: ['EIO', 'EROFS', 'EDQUOT'],
  fchown: ['EIO', 'EROFS', 'EDQUOT'],
  fchownat: ['EIO', 'EROFS', 'EDQUOT'],
  lchown: ['EIO', 'EROFS'],
  chmod: ['EIO', 'EROFS'],
  fchmod: ['EIO', 'EROFS'],
  fchmodat: ['EIO', 'EROFS'],
  clone: ['EAGAIN', 'ENOMEM'],
  clone3: ['EAGAIN', 'ENOMEM'],
  fork: ['EAGAIN'],
  vfork: ['EAGAIN'],
  execve: ['ENOMEM', 'EIO', 'E2BIG'],
  execveat: ['ENOMEM', 'EIO'],
  socket: ['EMFILE', 'ENOBUFS'],
  socketpair: ['EMFILE'],
  pipe: ['EMFILE'],
  pipe2: ['EMFILE', 'ENFILE'],
  pidfd_open: ['EMFILE', 'ENOMEM'],
  memfd_create: ['EMFILE'],
  connect: ['ECONNREFUSED', 'ETIMEDOUT', 'ENETUNREACH', 'EAGAIN'],
  sendto: ['ENOBUFS', 'EINTR'],
  sendmsg: ['ENOBUFS', 'EINTR'],
  recvmsg: ['ENOBUFS', 'EINTR'],
  recvfrom: ['ENOBUFS', 'EINTR'],
  setresuid: ['EAGAIN'],
  setresgid: ['EPERM'],
  setgroups: ['ENOMEM'],
  chdir: ['EIO', 'EACCES'],
  fchdir: ['EIO'],
  ioctl: ['EBUSY', 'ENOMEM'],
};
const OF_SOCKETS: Readonly<Record<string, readonly string[]>> = {
  read: ['ECONNRESET'],
  write: ['EPIPE', 'ECONNRESET'],
  writev: ['EPIPE', 'ECONNRESET'],
};
const DELAY = 'delay:150';

/** How a call may fail, `kill` and a delay among it. */
export function actionsFor({ call, target }: CallPoint): readonly string[] {
  const isSocket = target === 'tcp' || /^unix:|^socket/.test(target);
  const errors = (isSocket ? OF_SOCKETS[call] : undefined) ?? ACTIONS[call] ?? READ;
  return [...errors, 'kill', DELAY];
}

/** A thread that cannot be made ends Node itself; what libuv asks of sockets and terminals holds. */
function isFallible({ call, target }: CallPoint): boolean {
  if (/stat|^ioctl/.test(call) && !target.startsWith('/')) return false;
  return target !== 'thread' && (call !== 'ioctl' || target.startsWith('/dev/net'));
}

/** Every fault that the calls of a run allow. */
export function listFaults(scene: FaultScene, calls: readonly CallPoint[]): Fault[] {
  return calls
    .filter((point) => isFallible(point) && scene.spared?.(point) !== true)
    .flatMap((point) => actionsFor(point).map((action) => ({ ...point, action })));
}

const TIMEOUT_MS = 30_000;
const BUG = /this is a bug of slapos|^\s+at .*:\d+:\d+\)?$|Assertion .* failed|terminate called/m;

export interface FaultOutcome {
  readonly fault: Fault;
  readonly isHit: boolean;
  readonly status: number | null;
  readonly problems: readonly string[];
  readonly output: string;
}

export interface SceneWalk {
  readonly scene: FaultScene;
  readonly calls: readonly CallPoint[];
  readonly state: readonly string[];
  /** Of the scene before the command; undefined where states do not tell enough. */
  readonly start: string | undefined;
  /** States from which an undisturbed run has ended as it must. */
  readonly settled: Set<string>;
  /** Whether the scene is as `reset` leaves it. */
  isReset: boolean;
}

/** Runs the command twice without a fault: what it calls, and what the node is then. */
export async function openWalk(tracer: string, scene: FaultScene): Promise<SceneWalk> {
  const states: Array<readonly string[]> = [];
  const starts: string[] = [];
  let calls: readonly CallPoint[] = [];
  for (const _ of [1, 2]) {
    await scene.reset();
    if (scene.isOpaque !== true) starts.push((await scene.state()).join('\n'));
    const first = await runTraced(tracer, { ...scene.command(), timeoutMs: TIMEOUT_MS });
    if (first.status !== (scene.status ?? 0)) {
      throw new Error(`${scene.name} ends with ${first.status} by itself:\n${first.output}`);
    }
    calls = first.calls;
    states.push(await scene.state());
    await runTraced(tracer, { ...scene.command(), timeoutMs: TIMEOUT_MS });
    states.push(await scene.state());
  }
  const [state = [], ...others] = states;
  const unsteady = others.flatMap((other) => compareLines(state, other));
  if (unsteady.length > 0) {
    throw new Error(`${scene.name} differs by itself:\n${unsteady.slice(0, 20).join('\n')}`);
  }
  const start = starts[0] === starts[1] ? starts[0] : undefined;
  const settled = new Set(start === undefined ? [] : [start, state.join('\n')]);
  return { scene, calls, state, start, settled, isReset: false };
}

/**
 * One fault, and the undisturbed run after it; that one is left out where such a run has ended as it
 * must from the very state that the fault left.
 */
export async function tryFault(
  tracer: string,
  walk: SceneWalk,
  fault: Fault,
): Promise<FaultOutcome> {
  const { scene, state, start, settled } = walk;
  if (!walk.isReset) await scene.reset();
  walk.isReset = false;
  const run = await runTraced(tracer, {
    ...scene.command(),
    faults: [fault],
    timeoutMs: TIMEOUT_MS,
  });
  const wanted = scene.status ?? 0;
  const problems = judge(run, fault, wanted);
  problems.push(...(await listLosses(scene, run)));
  const isDone = run.status === wanted && !isTold(run.output, fault);
  const after = isDone || start !== undefined ? await scene.state() : [];
  // What is not as it must be has to be told, where the command says that all is well.
  if (isDone) {
    const left = compareLines(state, after);
    problems.push(...left.slice(0, 4).map((line) => `ended with ${wanted} but ${line}`));
  }
  const key = after.join('\n');
  if (start !== undefined && settled.has(key)) {
    walk.isReset = key === start && fault.action !== 'kill';
  } else {
    const found = await runAgain(tracer, walk);
    problems.push(...found);
    if (found.length === 0 && start !== undefined) settled.add(key);
  }
  const { output, status } = run;
  return { fault, isHit: run.hit.length > 0, status, problems, output };
}

/** The undisturbed run after a fault. */
async function runAgain(tracer: string, { scene, state }: SceneWalk): Promise<string[]> {
  const problems: string[] = [];
  const wanted = scene.status ?? 0;
  scene.repair?.();
  const again = await runTraced(tracer, { ...scene.command(), timeoutMs: TIMEOUT_MS });
  if (again.status !== wanted) problems.push(`ends with ${again.status}: ${again.output}`);
  problems.push(...compareLines(state, await scene.state()).slice(0, 4));
  return [...problems.map((line) => `again: ${line}`), ...(await listLosses(scene, again))];
}

const listLosses = async (scene: FaultScene, run: TracedRun) =>
  ((await scene.findLosses?.(run)) ?? []).map((line) => `lost: ${line}`);

/** What is wrong with how a command ended in which a call failed. */
function judge(run: TracedRun, fault: Fault, wanted: number): string[] {
  const problems: string[] = [];
  if (run.ms >= TIMEOUT_MS) problems.push(`hangs: ${tail(run.output)}`);
  else if (run.status === null && (fault.action !== 'kill' || fault.programs))
    problems.push(`dies by ${run.signal}`);
  const bug = BUG.exec(run.output);
  if (bug !== null) problems.push(`says: ${lineOf(run.output, bug.index)}`);
  const isFailure = run.status !== null && run.status !== wanted;
  if (!isFailure || run.hit.length === 0) return problems;
  if (!/ERROR|CRITICAL|WARNING|error:/i.test(run.output)) {
    problems.push(`ends with ${run.status} and says nothing: ${tail(run.output)}`);
  } else if (/^E[A-Z0-9]+$/.test(fault.action) && !namesReason(run.output, fault)) {
    problems.push(`ends with ${run.status} without the reason: ${tail(run.output)}`);
  }
  return problems;
}

/** A warning with the reason. */
function isTold(output: string, fault: Fault): boolean {
  return output
    .split('\n')
    .some((line) => / WARNING | ERROR /.test(line) && namesReason(line, fault));
}

const WORDS: Readonly<Record<string, RegExp>> = {
  // SQLite takes a failed read for a broken file, a failed stat(2) for one that was moved.
  EIO: /disk I\/O error|unable to open database|input\/output error|image is malformed|READONLY_DBMOVED/i,
  ENOSPC: /no space left|disk is full|disk I\/O error/i,
  // A child of libuv, and Node at its start, die where they get no pipe.
  EMFILE:
    /too many open files|unable to open database|readonly database|(ended with|signal) SIG(ABRT|SEGV)/i,
  ENFILE: /(ended with|signal) SIG(ABRT|SEGV)/,
  ECONNREFUSED: /refused|cannot be reached/i,
  ECONNRESET: /reset|closed|cannot be reached/i,
  // Node's TLS does not hear that its first message could not be sent, and waits.
  EPIPE: /closed|cannot be reached|could not connect/i,
  ETIMEDOUT: /timed out|cannot be reached/i,
};

/** The errno or words for it. */
function namesReason(output: string, { action }: Fault): boolean {
  return output.includes(action) || (WORDS[action]?.test(output) ?? false);
}

const tail = (output: string) => output.trim().split('\n').slice(-3).join(' / ').slice(-400);
const lineOf = (output: string, index: number) =>
  output.slice(output.lastIndexOf('\n', index) + 1, index + 200).slice(0, 400);

export const describeOutcome = ({ fault, problems }: FaultOutcome) =>
  `${describeFault(fault)}: ${problems.join('\n      ')}`;
