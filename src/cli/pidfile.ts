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
import { BusyError, errorCode, SlaposError } from '../errors/slapos-error.ts';
import { readProcessText } from '../host/command-line.ts';
import { loadNative, type NativeAddon } from '../host/native.ts';
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

function openPidfile(path: string): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
  try {
    // Whoever may open it for reading can hold a lock on it, and so keep us from running.
    return openSync(path, flags, 0o600);
  } catch (cause) {
    throw new SlaposError('SLAPOS_ERR_FILE', `Cannot write the pid file ${path}`, {
      cause,
      hint: errorCode(cause) === 'ENOENT' ? 'create its folder' : 'check who may write it',
      context: { path },
    });
  }
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
    if (!addon.lockTry({ fd, isExclusive: true })) {
      const holder = parsePid(readFileSync(fd, 'utf8'));
      closeSync(fd);
      throw busy(path, holder);
    }
    if (isSameFile(fd, path)) return fd;
    closeSync(fd);
  }
}

/** Overwrites the content so that no reader finds the file empty. */
function writePid(fd: number): void {
  const text = String(process.pid);
  writeSync(fd, text, 0);
  ftruncateSync(fd, text.length);
}

function removePidfile(fd: number, path: string): void {
  try {
    if (isSameFile(fd, path)) unlinkSync(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  } finally {
    closeSync(fd);
  }
}

/**
 * Takes the pid file for this process.
 * @throws BusyError exit 10 when another slapos process holds it; the file is left as it is.
 * @throws SlaposError SLAPOS_ERR_FILE when it cannot be written.
 */
export function takePidfile(path: string, log: Logger, addon: LockAddon = loadNative()): Pidfile {
  const fd = lockPidfile(path, addon);
  const text = readFileSync(fd, 'utf8');
  const pid = parsePid(text);
  if (pid !== undefined && isOtherSlapos(pid)) {
    closeSync(fd);
    throw busy(path, pid);
  }
  if (text !== '') {
    const fields = { event: 'cli.stale_pidfile', path, pid };
    log.info(`The pid file ${path} was stale: nothing runs as ${JSON.stringify(text)}.`, fields);
  }
  writePid(fd);
  let isHeld = true;
  return {
    path,
    release() {
      if (isHeld) removePidfile(fd, path);
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
