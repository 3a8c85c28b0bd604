/**
 * One run at a time (spec/cli.md 4). The pid file holds the decimal pid of the run, as upstream's
 * does, so that each implementation honours the other's; an open-file-description lock on it
 * closes the gap between looking and writing, and survives no holder.
 */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { BusyError, errorCode, isSlaposError, SlaposError } from '../errors/slapos-error.ts';
import { loadNative, type NativeAddon } from '../host/native.ts';
import { readProcessText } from '../host/process/command-line.ts';
import type { Logger } from '../log/logger.ts';

type LockAddon = Pick<NativeAddon, 'lockTry'>;

export interface Pidfile {
  readonly path: string;
  /** Removes the file and gives the lock back; calling it twice is fine. */
  release(): void;
}

/** The pid on the first line of a pid file; undefined when there is none. */
export function parsePid(text: string): number | undefined {
  const line = (text.split('\n')[0] as string).trim();
  return /^\d{1,10}$/.test(line) ? Number(line) : undefined;
}

/** Whether this pid is a running slapos process other than this one, of root or of our user. */
function isOtherSlapos(pid: number): boolean {
  if (pid === process.pid || !readProcessText(pid, 'cmdline')?.includes('slapos')) return false;
  // Anybody can call a program slapos and wait for the pid of a run that was killed.
  const uid = statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
  return uid === 0 || uid === process.geteuid?.();
}

function busy(path: string, pid: number | undefined): BusyError {
  const holder = pid === undefined ? 'another process' : `process ${pid}`;
  return new BusyError('SLAPOS_ERR_BUSY', `Not running: ${holder} holds the pid file ${path}.`, {
    hint: 'wait for it to end',
    context: { path, pid },
  });
}

const HINTS: Readonly<Record<string, string>> = {
  ENOENT: 'create its folder',
  ENOSPC: 'free some disk space',
  EDQUOT: 'free some disk space',
};

/** What the system refuses of the file of this name becomes an error that names it. */
function pidfileError(path: string, cause: unknown): unknown {
  const code = errorCode(cause);
  if (isSlaposError(cause) || code === undefined) return cause;
  return new SlaposError('SLAPOS_ERR_FILE', `Cannot write the pid file ${path}: ${code}`, {
    cause,
    hint: HINTS[code] ?? 'check who may write it',
    context: { path, code },
  });
}

/** Whoever may open it for reading can hold a lock on it, and so keep us from running. */
function openPidfile(path: string): number {
  return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
}

/** Whether a descriptor still is the file of this name: the last holder removes it. */
function isSameFile(fd: number, path: string): boolean {
  const named = statSync(path, { throwIfNoEntry: false });
  const open = fstatSync(fd);
  return named?.ino === open.ino && named.dev === open.dev;
}

/** Opens and locks the file of this name, again when its holder removed it in between. */
function lockPidfile(path: string, addon: LockAddon): number {
  for (;;) {
    const fd = openPidfile(path);
    try {
      if (!addon.lockTry({ fd, isExclusive: true })) {
        throw busy(path, parsePid(readFileSync(fd, 'utf8')));
      }
      if (isSameFile(fd, path)) return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
  }
}

/** Overwrites the content so that no reader finds the file empty. */
function writePid(fd: number): void {
  const text = String(process.pid);
  writeSync(fd, text, 0);
  ftruncateSync(fd, text.length);
}

/** The work is done: a file that stays is stale, and the next run says so. */
function removePidfile(fd: number, path: string, log: Logger): void {
  try {
    if (isSameFile(fd, path)) unlinkSync(path);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return;
    const fields = { event: 'cli.pidfile_stays', path, code };
    log.warning(`Cannot remove the pid file ${path}: ${code}; the next run does.`, fields);
  } finally {
    closeSync(fd);
  }
}

/** Locks the file of this name and writes our pid into it. */
function claimPidfile(path: string, log: Logger, addon: LockAddon): number {
  let fd: number | undefined;
  try {
    fd = lockPidfile(path, addon);
    const text = readFileSync(fd, 'utf8');
    const pid = parsePid(text);
    if (pid !== undefined && isOtherSlapos(pid)) throw busy(path, pid);
    if (text !== '') {
      const fields = { event: 'cli.stale_pidfile', path, pid };
      log.info(`The pid file ${path} was stale: nothing runs as ${JSON.stringify(text)}.`, fields);
    }
    writePid(fd);
    return fd;
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    throw pidfileError(path, error);
  }
}

/**
 * Takes the pid file for this process.
 * @throws BusyError exit 10 when another slapos process holds it; the file is left as it is.
 * @throws SlaposError SLAPOS_ERR_FILE when it cannot be written.
 */
export function takePidfile(path: string, log: Logger, addon: LockAddon = loadNative()): Pidfile {
  const fd = claimPidfile(path, log, addon);
  let isHeld = true;
  return {
    path,
    release() {
      if (isHeld) removePidfile(fd, path, log);
      isHeld = false;
    },
  };
}

/** Does work while holding the pid file; it is removed also when the work fails. */
export async function withPidfile<T>(
  path: string,
  log: Logger,
  work: () => Promise<T>,
  addon: LockAddon = loadNative(),
): Promise<T> {
  const pidfile = takePidfile(path, log, addon);
  try {
    return await work();
  } finally {
    pidfile.release();
  }
}
