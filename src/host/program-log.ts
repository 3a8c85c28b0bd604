/**
 * Log files of services. Many lie in folders that belong to the service's user, so a name there is
 * never trusted: no link is followed and only a plain file with one name is written
 * (spec/supervisor.md 11.7). Files elsewhere are opened as they are.
 */

import { randomBytes } from 'node:crypto';
import {
  close,
  closeSync,
  constants,
  fstat,
  fstatSync,
  ftruncate,
  ftruncateSync,
  read,
  readSync,
  writeSync,
} from 'node:fs';
import { type FileHandle, lstat, open, readdir, realpath, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { errorCode, HostError } from '../errors/slapos-error.ts';
import { createBeneathFiles } from './file.ts';
import { loadNative } from './native.ts';

const closeFd = promisify(close);
const fstatFd = promisify(fstat);
const ftruncateFd = promisify(ftruncate);
const readFd = promisify(read);

const GROUP_OR_OTHER_WRITABLE = 0o022;
/** The longest part of a log that is read into memory: its service may make it as large as it likes. */
const MOST_READ_BYTES = 64 * 1024 * 1024;
/** What a rotation keeps at least of a log that grew more than expected. */
const LEAST_KEPT_BYTES = 4 * 1024 * 1024;

/** A path as a folder that only we can change the way to, and the rest of it. */
interface SplitPath {
  readonly root: string;
  readonly rest: string;
  /** True when nobody else can put something under the name. */
  readonly isTrusted: boolean;
}

async function isOurs(folder: string): Promise<boolean> {
  const status = await lstat(folder);
  const owner = status.uid === 0 || status.uid === process.geteuid?.();
  return owner && (status.mode & GROUP_OR_OTHER_WRITABLE) === 0;
}

/** Finds the deepest folder that is reached through folders which only we can write to. */
async function splitPath(path: string): Promise<SplitPath> {
  const names = dirname(path)
    .split('/')
    .filter((name) => name !== '');
  let root = '/';
  while (await isOurs(root)) {
    const name = names.shift();
    if (name === undefined) return { root, rest: basename(path), isTrusted: true };
    root = await realpath(join(root, name));
  }
  return { root, rest: [...names, basename(path)].join('/'), isTrusted: false };
}

async function requirePlainFile(fd: number, path: string): Promise<void> {
  const status = await fstatFd(fd);
  if (status.isFile() && status.nlink === 1) return;
  await closeFd(fd);
  const code = status.isFile() ? 'EMLINK' : 'EINVAL';
  throw unsafeLog(path, 'is not a plain file', code);
}

function unsafeLog(path: string, problem: string, code: string): Error {
  const error = new HostError('SLAPOS_ERR_UNSAFE_PATH', `${path} ${problem} (${code}).`, {
    syscall: 'open',
  });
  return Object.assign(error, { cause: { code } });
}

/** A log is ours or the service's; what a third user owns is not for this service to fill. */
async function requireOwner(fd: number, path: string, ownerUid: number): Promise<void> {
  const { uid } = await fstatFd(fd);
  if (uid === ownerUid || uid === process.geteuid?.()) return;
  await closeFd(fd);
  throw unsafeLog(path, `belongs to uid ${uid}`, 'EPERM');
}

/** Opens an existing log; the caller closes the descriptor. */
async function openExisting(path: string, flags: number): Promise<number> {
  const { root, rest, isTrusted } = await splitPath(path);
  const fd = await loadNative().openBeneath({ root, path: rest, flags });
  if (!isTrusted) await requirePlainFile(fd, path);
  return fd;
}

/**
 * Opens a log for a service to append to, 0644, created if need be. The caller closes it.
 * @param ownerUid user of the service
 * @throws an error whose code (or whose cause's code) is ELOOP for a link, EMLINK for a file with
 * a second name, EINVAL for another kind of file, EPERM for the file of a third user, or another
 * errno.
 */
export async function openProgramLog(path: string, ownerUid: number): Promise<number> {
  const { root, rest, isTrusted } = await splitPath(path);
  if (isTrusted) {
    const { O_WRONLY, O_APPEND, O_CREAT } = constants;
    return openNumber(path, O_WRONLY | O_APPEND | O_CREAT, 0o644);
  }
  const fd = await openUntrusted(root, rest, path);
  await requireOwner(fd, path, ownerUid);
  return fd;
}

async function openUntrusted(root: string, rest: string, path: string): Promise<number> {
  if (!rest.includes('/')) return loadNative().openLogFile({ path: join(root, rest) });
  const { O_WRONLY, O_APPEND, O_CREAT } = constants;
  const flags = O_WRONLY | O_APPEND | O_CREAT;
  const fd = await loadNative().openBeneath({ root, path: rest, flags, mode: 0o644 });
  await requirePlainFile(fd, path);
  return fd;
}

/** Opens to a bare descriptor, which is not closed when nobody refers to it any more. */
async function openNumber(path: string, flags: number, mode: number): Promise<number> {
  const { open: openCallback } = await import('node:fs');
  return promisify(openCallback)(path, flags, mode) as Promise<number>;
}

/** The errno name of what {@link openProgramLog} threw. */
export function logErrorCode(error: unknown): string {
  return errorCode((error as { cause?: unknown }).cause) || errorCode(error) || 'EIO';
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

/** What stands from `offset` on, without its beginning when that is more than `limitBytes`. */
function readEnd(fd: number, offset: number, limitBytes: number): { data: Buffer; end: number } {
  const end = fstatSync(fd).size;
  const start = Math.max(offset, end - limitBytes);
  const data = Buffer.alloc(Math.max(0, end - start));
  let filled = 0;
  while (filled < data.length) {
    const length = readSync(fd, data, filled, data.length - filled, start + filled);
    if (length === 0) break;
    filled += length;
  }
  return { data: data.subarray(0, filled), end };
}

async function shiftBackups(path: string, backups: number): Promise<void> {
  for (let number = backups - 1; number >= 1; number -= 1) {
    await rename(`${path}.${number}`, `${path}.${number + 1}`).catch((error: unknown) => {
      if (errorCode(error) !== 'ENOENT') throw error;
    });
  }
}

/** Empties a log; what was written since `copiedBytes` is added to its backup. */
async function emptyLog(fd: number, copiedBytes: number, backup: string): Promise<void> {
  const late = readEnd(fd, copiedBytes, LEAST_KEPT_BYTES);
  // Nothing may come between the last read and this.
  ftruncateSync(fd, 0);
  if (late.data.length === 0) return;
  const copy = await openExisting(backup, constants.O_WRONLY | constants.O_APPEND);
  try {
    writeSync(copy, late.data);
  } finally {
    closeSync(copy);
  }
}

/**
 * Copies the end of a log to `.1` and empties it, while the service goes on writing through its own
 * descriptor: what it writes between the last read and the truncation, two calls in a row, is lost.
 * Of a log that grew far beyond its size the beginning is lost, since a service must not be able to
 * fill our memory. Only the newest backup is kept where the service's user could redirect a rename.
 * @param limits size in bytes that the log should have; number of backups
 */
export async function rotateProgramLog(
  path: string,
  { backups, maxBytes }: { readonly backups: number; readonly maxBytes: number },
): Promise<void> {
  const { root, rest, isTrusted } = await splitPath(path);
  const fd = await openExisting(path, constants.O_RDWR);
  try {
    if (backups === 0) return ftruncateSync(fd, 0);
    if (isTrusted || !rest.includes('/')) await shiftBackups(join(root, rest), backups);
    const { data, end } = readEnd(fd, 0, Math.max(LEAST_KEPT_BYTES, 2 * maxBytes));
    await createBeneathFiles().write(root, `${rest}.1`, data, { mode: 0o644 });
    await emptyLog(fd, end, `${path}.1`);
  } finally {
    await closeFd(fd);
  }
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
