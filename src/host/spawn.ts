/**
 * Runs one-shot commands as a partition's user: buildout, promises, scripts. Services are started
 * by the keeper, not here.
 */
import { Socket } from 'node:net';
import { SpawnError } from '../errors/slapos-error.ts';
import { loadNative, type NativeAddon, type NativeFailure, type SpawnRequest } from './native.ts';
import { isKernelRefusal } from './native-failure.ts';
import {
  killGroup,
  killProcesses,
  killProcessTree,
  observeDescendants,
  type ProcessIdentity,
} from './process/process-tree.ts';
import type { UserIdentity } from './user/user.ts';

export interface CommandRequest {
  /** Absolute path of the program and its arguments: no shell is involved. */
  readonly argv: readonly [string, ...string[]];
  /** The whole environment of the command. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Ids to take; absent, or our own when we are not root: no change. */
  readonly user?: Pick<UserIdentity, 'uid' | 'gid' | 'groups'>;
  readonly umask?: number;
  /** No file may become longer: the command is killed when it writes more (SIGXFSZ). */
  readonly maxFileBytes?: number;
  /** After this time the command and its descendants are killed; absent: no limit. */
  readonly timeoutMs?: number;
  /** At the time limit SIGTERM comes first and the kill after these milliseconds; absent: at once. */
  readonly graceMs?: number;
  /** Hears the pid at once. */
  readonly onStarted?: (pid: number) => void;
  /** Hears output as it arrives, standard output and error merged. */
  readonly onOutput?: (chunk: Buffer) => void;
  /** Hears standard error, which is then not merged and not kept. */
  readonly onErrorOutput?: (chunk: Buffer) => void;
  /** What the command reads from standard input; absent: nothing. */
  readonly input?: string;
  /** How much of the end of the output the result keeps; 1 MiB by default. */
  readonly maxOutputBytes?: number;
  /** Use our own terminal and capture nothing. */
  readonly isInteractive?: boolean;
  /** Kills the command and its descendants when aborted. */
  readonly signal?: AbortSignal;
}

export interface CommandResult {
  /** Exit status, or -1 when a signal ended the command. */
  readonly status: number;
  /** Signal number, or 0. */
  readonly signal: number;
  /** The end of what was written to standard output and error. */
  readonly output: Buffer;
  /** True when the beginning of the output was dropped. */
  readonly isTruncated: boolean;
  readonly isTimedOut: boolean;
}

export type SpawnAddon = Pick<NativeAddon, 'spawn' | 'spawnSignal' | 'procSample'>;

const DEFAULT_MAX_OUTPUT_BYTES = 1024 * 1024;
/** How long to read on after the end of the command: a grandchild may hold the pipe for ever. */
const DRAIN_MS = 1000;
const SIGTERM = 15;
/** setrlimit(2), the same number on every architecture that we have. */
const RLIMIT_FSIZE = 1;

const STEP_TEXT: Readonly<Record<string, string>> = {
  descriptors: 'close inherited descriptors',
  signals: 'reset signals',
  setpgid: 'enter a process group of its own',
  setsid: 'start a session',
  stdio: 'set up standard streams',
  rlimit: 'set its resource limits',
  setgroups: 'take the supplementary groups',
  setgid: 'take the group',
  setuid: 'take the user',
  chdir: 'enter its directory',
  noNewPrivs: 'give up new privileges',
  exec: 'execute the program',
};

/**
 * Runs a command to its end. A status other than 0 is a result, not an error.
 * @throws SpawnError naming the step at which the command could not be started.
 */
export async function spawnCommand(
  request: CommandRequest,
  addon: SpawnAddon = loadNative(),
): Promise<CommandResult> {
  const started = await start(request, addon);
  request.onStarted?.(started.pid);
  const output = collectOutput(started.stdio[1], request);
  const errors = readPipe(started.stdio[2], request.onErrorOutput ?? (() => {}));
  writeInput(started.stdio[0], request.input ?? '');
  const limit = limitCommand(started.pid, request, addon);
  try {
    const exit = await started.exited;
    await limit.killRest();
    await Promise.all([output.drain(), errors?.finish()]);
    return { ...exit, ...output.result(), isTimedOut: limit.isTimedOut() };
  } finally {
    limit.cancel();
  }
}

/** The request for the addon; exported for tests of what a child is given. */
export function encodeSpawn(request: CommandRequest): SpawnRequest {
  const isInteractive = request.isInteractive === true;
  return {
    file: request.argv[0],
    args: request.argv,
    env: Object.entries(request.env).map(([key, value]) => `${key}=${value}`),
    cwd: request.cwd,
    ...credentialsOf(request.user),
    ...(request.umask === undefined ? {} : { umask: request.umask }),
    ...limitsOf(request),
    stdio: isInteractive ? [0, 1, 2] : stdioOf(request),
    // A session of its own has no terminal whose input it could fill for the shell of whoever runs us.
    ...(isInteractive ? { isSameGroup: true } : { isNewSession: true }),
    // So that a kill finds also those that left the group and lost their parent.
    isSubreaper: true,
  };
}

function stdioOf({ input, onErrorOutput }: CommandRequest): SpawnRequest['stdio'] {
  return [
    input === undefined ? 'null' : 'pipe',
    'pipe',
    onErrorOutput === undefined ? 'stdout' : 'pipe',
  ];
}

function limitsOf({ maxFileBytes }: CommandRequest): Pick<SpawnRequest, 'limits'> {
  if (maxFileBytes === undefined) return {};
  return { limits: [{ resource: RLIMIT_FSIZE, soft: maxFileBytes, hard: maxFileBytes }] };
}

/** Only root can take ids; another user asking for its own gets no change. */
function credentialsOf(user: CommandRequest['user']) {
  if (user === undefined) return {};
  const ownUid = process.geteuid?.() ?? 0;
  if (ownUid !== 0 && ownUid === user.uid) return {};
  return { uid: user.uid, gid: user.gid, groups: user.groups };
}

async function start(request: CommandRequest, addon: SpawnAddon) {
  const problem = findUnsafeText(request);
  if (problem !== undefined) throw new SpawnError(problem, { step: 'request', syscall: 'spawn' });
  try {
    return await addon.spawn(encodeSpawn(request));
  } catch (error) {
    if (!isKernelRefusal(error)) throw error;
    throw toSpawnError(request, error);
  }
}

/** A NUL would silently cut a path or an argument short. */
function findUnsafeText(request: CommandRequest): string | undefined {
  if (!request.argv[0].startsWith('/')) {
    return `Cannot start ${request.argv[0]}: the path of the program must be absolute.`;
  }
  const texts = [...request.argv, ...Object.entries(request.env).flat(), request.cwd];
  if (!texts.some((text) => text.includes('\0'))) return undefined;
  return `Cannot start ${request.argv[0]}: a NUL stands in its arguments or environment.`;
}

function toSpawnError(request: CommandRequest, error: NativeFailure): SpawnError {
  const step = error.step ?? 'clone';
  const what = STEP_TEXT[step] ?? 'be created';
  const subject = step === 'chdir' ? ` ${request.cwd}` : '';
  return new SpawnError(
    `Cannot start ${request.argv[0]}: the new process could not ${what}${subject} (${error.code}).`,
    { errno: error.errno, syscall: error.syscall, step },
    { cause: error, context: { program: request.argv[0], cwd: request.cwd, step } },
  );
}

function limitCommand(pid: number, request: CommandRequest, addon: SpawnAddon) {
  let isTimedOut = false;
  let killing: Promise<void> | undefined;
  // Without procfs the descendants cannot be found, but the group can always be killed.
  const kill = () => {
    killing ??= killProcessTree(pid, addon).catch(() => killGroup(pid, addon));
  };
  const warned = warnCommand(pid, request.graceMs, addon, kill);
  const timer = startTimer(request.timeoutMs, () => {
    isTimedOut = true;
    if (request.graceMs === undefined) kill();
    else warned.start();
  });
  request.signal?.addEventListener('abort', kill);
  if (request.signal?.aborted) kill();
  return {
    isTimedOut: () => isTimedOut,
    /** To be called once the command has ended: what it leaves behind at its limit dies with it. */
    killRest: async () => {
      await killing;
      if (isTimedOut) await warned.killRest();
    },
    cancel: () => {
      clearTimeout(timer);
      warned.cancel();
      request.signal?.removeEventListener('abort', kill);
    },
  };
}

function startTimer(delayMs: number | undefined, run: () => void): NodeJS.Timeout | undefined {
  return delayMs === undefined ? undefined : setTimeout(run, delayMs);
}

/** SIGTERM to the group of a command, and after the grace what `kill` does. */
function warnCommand(
  pid: number,
  graceMs: number | undefined,
  addon: SpawnAddon,
  kill: () => void,
) {
  let timer: NodeJS.Timeout | undefined;
  let known: Promise<readonly ProcessIdentity[]> = Promise.resolve([]);
  return {
    start: () => {
      // They lose their place below the command if it obeys before they do.
      known = observeDescendants(pid, addon)
        .catch(() => [])
        .finally(() => addon.spawnSignal({ pid, signal: SIGTERM, isGroup: true }));
      timer = startTimer(graceMs, kill);
    },
    killRest: async () => {
      killRest(pid);
      await killProcesses(await known, addon).catch(() => undefined);
    },
    cancel: () => clearTimeout(timer),
  };
}

/**
 * Kills what a command left in its group: it may have died of the first signal while what it
 * started goes on. No new group can have this number as long as the old one has members.
 */
function killRest(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing was left.
  }
}

/** Reads the pipe, keeping the last bytes only. */
function collectOutput(fd: number, request: CommandRequest) {
  const maxBytes = request.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES;
  const chunks: Buffer[] = [];
  let keptBytes = 0;
  let isTruncated = false;
  const keep = (chunk: Buffer) => {
    request.onOutput?.(chunk);
    chunks.push(chunk);
    keptBytes += chunk.length;
    while (keptBytes - (chunks[0]?.length ?? 0) >= maxBytes) {
      keptBytes -= chunks.shift()?.length ?? 0;
      isTruncated = true;
    }
  };
  const ended = readPipe(fd, keep);
  return {
    drain: async () => {
      await ended?.finish();
    },
    result: () => {
      const all = Buffer.concat(chunks);
      const cut = all.length > maxBytes;
      return {
        output: cut ? all.subarray(all.length - maxBytes) : all,
        isTruncated: isTruncated || cut,
      };
    },
  };
}

/** The command may end, or close the pipe, without reading all of it. */
function writeInput(fd: number, input: string): void {
  if (fd < 0) return;
  const pipe = new Socket({ fd, readable: false, writable: true });
  pipe.on('error', () => pipe.destroy());
  pipe.end(input);
}

/** @param fd -1 when there is no pipe. */
function readPipe(fd: number, onChunk: (chunk: Buffer) => void) {
  if (fd < 0) return undefined;
  const pipe = new Socket({ fd, readable: true, writable: false });
  const closed = new Promise<void>((resolve) => pipe.once('close', () => resolve()));
  pipe.on('data', onChunk);
  // The reader of a pipe can only see its end; anything else ends the capture as well.
  pipe.on('error', () => pipe.destroy());
  return {
    finish: async () => {
      const timer = setTimeout(() => pipe.destroy(), DRAIN_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}
