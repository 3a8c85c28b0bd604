/**
 * Locks between slapos processes: an open-file-description lock (fcntl_locking(2)) on a root-owned
 * file that also tells the pid of its holder. The lock ends with the descriptor, so a holder that
 * is killed leaves nothing to clean up. The file itself stays: removing it would let two holders
 * lock two files of one name.
 */
import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage, HostError } from '../errors/slapos-error.ts';
import { loadNative, type NativeAddon } from './native.ts';

export interface FileLock {
  readonly path: string;
  /** Gives the lock back; calling it twice is fine. */
  release(): void;
}

/** Either the lock, or the pid that the present holder wrote (undefined when it wrote none). */
export type LockAttempt =
  | { readonly lock: FileLock }
  | { readonly lock: undefined; readonly holderPid: number | undefined };

type LockAddon = Pick<NativeAddon, 'lockTry'>;

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 250;

/**
 * Takes the lock if it is free and writes our pid into the file.
 * A new file is ours alone to open: whoever may read it can keep us from the lock.
 * @throws HostError SLAPOS_ERR_FILE when the file cannot be opened or locked.
 */
export function tryLock(path: string, addon: LockAddon = loadNative()): LockAttempt {
  const fd = openLockFile(path);
  try {
    if (!addon.lockTry({ fd, isExclusive: true })) {
      const holderPid = readHolder(path);
      closeSync(fd);
      return { lock: undefined, holderPid };
    }
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`, 0);
  } catch (error) {
    closeSync(fd);
    throw lockError(path, error);
  }
  return { lock: { path, release: once(() => closeSync(fd)) } };
}

/**
 * Takes the lock, waiting up to `timeoutMs` for its holder; `onWait` hears once that it is taken.
 * @throws HostError SLAPOS_ERR_FILE as {@link tryLock}.
 */
export async function waitLock(
  path: string,
  timeoutMs: number,
  onWait: (holderPid: number | undefined) => void = () => {},
  addon: LockAddon = loadNative(),
): Promise<LockAttempt> {
  const deadline = performance.now() + timeoutMs;
  let hasWaited = false;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const attempt = tryLock(path, addon);
    if (attempt.lock !== undefined || performance.now() >= deadline) return attempt;
    if (!hasWaited) onWait(attempt.holderPid);
    hasWaited = true;
    await sleep(pauseMs);
  }
}

function openLockFile(path: string): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    throw lockError(path, error);
  }
}

function readHolder(path: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    return Number.isNaN(pid) ? undefined : pid;
  } catch {
    return undefined;
  }
}

function lockError(path: string, cause: unknown): HostError {
  const message = `Cannot lock ${path}: ${errorMessage(cause)}.`;
  const kernel = cause as { errno?: number; syscall?: string };
  return new HostError('SLAPOS_ERR_FILE', message, kernel, { cause, context: { path } });
}

function once(run: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    run();
  };
}
