/**
 * Log files of services. Many lie in folders that belong to the service's user, so a name there is
 * never trusted: no link is followed and only a plain file with one name is written
 * (spec/supervisor.md 11.7). Files elsewhere are opened as they are.
 */

import { randomBytes } from 'node:crypto';
import { close, constants, fstat, ftruncate, read } from 'node:fs';
import { type FileHandle, lstat, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errorCode, HostError } from '../../errors/slapos-error.ts';
import { FolderQueue } from '../folder/folder-queue.ts';
import { loadNative } from '../native.ts';

const closeFd = promisify(close);
const fstatFd = promisify(fstat);
const ftruncateFd = promisify(ftruncate);
const readFd = promisify(read);

/** The longest part of a log that is read into memory: its service may make it as large as it likes. */
const MOST_READ_BYTES = 64 * 1024 * 1024;

/** Opens an existing log; the caller closes the descriptor. */
function openExisting(path: string, flags: number): Promise<number> {
  return loadNative().logOpen({ path, flags });
}

/**
 * Opens a log for a service to append to, 0644, created if need be. The caller closes it.
 * @param ownerUid user of the service
 * @throws an error whose code is ELOOP for a link, EMLINK for a file with a second name, EINVAL
 * for another kind of file, EPERM for the file of a third user, ENXIO for a fifo that nobody
 * reads, or another errno.
 */
export async function openProgramLog(path: string, ownerUid: number): Promise<number> {
  const outcome = await openings.ask({ path, ownerUid });
  if (typeof outcome === 'number') return outcome;
  const { code, detail } = outcome;
  throw Object.assign(new Error(`open: ${code} ${detail}`), { code });
}

const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;

const openings = new FolderQueue((logs: readonly { path: string; ownerUid: number }[]) => {
  return loadNative().logOpenMany({ logs, flags: APPEND, mode: 0o644 });
});

/** The errno name of what {@link openProgramLog} threw. */
export function logErrorCode(error: unknown): string {
  return errorCode(error) || 'EIO';
}

async function readRange(fd: number, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await readFd(fd, buffer, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

export interface LogPart {
  readonly data: Buffer;
  readonly sizeBytes: number;
  readonly ino: number;
}

/**
 * Reads a part of a log; `plan` gets its size and says which bytes.
 * @returns undefined when there is no such file.
 * @throws HostError SLAPOS_ERR_FILE for a part of more than 64 MiB.
 */
export async function readProgramLog(
  path: string,
  plan: (sizeBytes: number) => { readonly offset: number; readonly length: number },
): Promise<LogPart | undefined> {
  let fd: number;
  try {
    fd = await openExisting(path, constants.O_RDONLY);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { size, ino } = await fstatFd(fd);
    const { offset, length } = plan(size);
    const wanted = Math.max(0, Math.min(length, size - offset));
    if (wanted > MOST_READ_BYTES) {
      const message = `${path}: a part of ${wanted} bytes is too large to be read at once.`;
      throw new HostError('SLAPOS_ERR_FILE', message, { syscall: 'read' });
    }
    return { data: await readRange(fd, offset, wanted), sizeBytes: size, ino };
  } finally {
    await closeFd(fd);
  }
}

/** Empties a log that a service may be writing to; a missing one is fine. */
export async function truncateProgramLog(path: string): Promise<void> {
  let fd: number;
  try {
    fd = await openExisting(path, constants.O_WRONLY);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  await ftruncateFd(fd, 0).finally(() => closeFd(fd));
}

export interface LogLimits {
  /** Size in bytes at which it is moved away. */
  readonly maxBytes: number;
  /** Files kept as `.1`, `.2`… */
  readonly backups: number;
}

/**
 * Moves a log of at least `maxBytes` to `.1` while its service goes on writing through its own
 * descriptor. On ext4, xfs and f2fs nothing is lost: whole blocks are moved and a rest of at most
 * one stays. Elsewhere the log is emptied, and what comes between the last look at its size and
 * that, two calls in a row, is lost.
 * @returns whether it was moved, and which way.
 */
export function rotateProgramLog(
  path: string,
  { maxBytes, backups }: LogLimits,
): Promise<'none' | 'collapsed' | 'truncated'> {
  return loadNative().logRotate({ path, maxBytes, backups });
}

/** Watches sizes of logs and rotates them, all in native code. */
export interface LogSweep {
  /** As often as it is forgotten again. */
  watch(path: string, limits: LogLimits): void;
  forget(path: string): void;
}

/**
 * Starts the sweep of this process: every log is looked at within 10 s, a fast growing one every
 * 0.6 s. `onProblem` hears once of a log that cannot be rotated.
 */
export function startLogSweep(onProblem: (path: string, error: Error) => void): LogSweep {
  const addon = loadNative();
  addon.logSweepStart(onProblem);
  return {
    watch: (path, { maxBytes, backups }) => addon.logSweepWatch({ path, maxBytes, backups }),
    forget: (path) => addon.logSweepForget({ path }),
  };
}

/** Creates a log with a name of its own, 0600, and returns its path. */
export async function createAutoLog(folder: string, prefix: string): Promise<string> {
  for (;;) {
    const path = join(folder, `${prefix}${randomBytes(4).toString('hex')}.log`);
    let handle: FileHandle;
    try {
      handle = await open(path, 'wx', 0o600);
    } catch (error) {
      if (errorCode(error) === 'EEXIST') continue;
      throw error;
    }
    await handle.close();
    return path;
  }
}

/** Removes the logs that earlier daemons of this identifier chose names for, and backups. */
export async function removeAutoLogs(
  folder: string,
  identifier: string,
  kept: ReadonlySet<string>,
): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const mark = `---${identifier}-`;
  for (const name of names) {
    const tail = name.slice(name.lastIndexOf(mark) + mark.length);
    const path = join(folder, name);
    if (!name.includes(mark) || !/^[\w-]{8}\.log(\.\d+)?$/.test(tail) || kept.has(path)) continue;
    const status = await lstat(path).catch(() => undefined);
    if (status?.isFile() && status.uid === process.geteuid?.()) await unlink(path).catch(() => {});
  }
}
