/** The end of a log in a folder of somebody we do not trust. */
import { close, constants, fstat, read } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errorCode } from '../../errors/slapos-error.ts';
import { openEntry, unsafeEntry } from '../folder/beneath-refusal.ts';

const closeFd = promisify(close);
const fstatFd = promisify(fstat);
const readFd = promisify(read);

export interface LogEnd {
  /** At most as many as were asked for. */
  readonly bytes: Buffer;
  /** Whether they are all of the file. */
  readonly isWhole: boolean;
  /** Another one when the file was changed or replaced. */
  readonly version: string;
}

/**
 * Reads the last bytes of a regular file beneath `root`, without following a link. A file that has
 * another name is refused: it could be somebody else's.
 * @returns undefined when it is missing.
 * @throws HostError SLAPOS_ERR_UNSAFE_PATH or SLAPOS_ERR_FILE
 */
export async function readLogEnd(
  root: string,
  path: string,
  maxBytes: number,
): Promise<LogEnd | undefined> {
  const end = await readChangedLogEnd(root, path, maxBytes, '');
  return end === 'unchanged' ? undefined : end;
}

/**
 * As {@link readLogEnd}, and reads nothing of a file that has still the version that is known.
 * @throws HostError SLAPOS_ERR_UNSAFE_PATH or SLAPOS_ERR_FILE
 */
export async function readChangedLogEnd(
  root: string,
  path: string,
  maxBytes: number,
  knownVersion: string,
): Promise<LogEnd | 'unchanged' | undefined> {
  let fd: number;
  try {
    fd = await openEntry(root, path, constants.O_RDONLY);
  } catch (error) {
    if (errorCode((error as { cause?: unknown }).cause) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const status = await fstatFd(fd);
    if (!status.isFile()) throw unsafeEntry(join(root, path), 'it is not a regular file');
    if (status.nlink > 1) throw unsafeEntry(join(root, path), 'it has another name');
    const { ctimeMs, ino, mtimeMs, size } = status;
    const version = `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
    if (version === knownVersion) return 'unchanged';
    const buffer = Buffer.alloc(Math.min(size, maxBytes));
    const { bytesRead } = await readFd(fd, buffer, 0, buffer.length, size - buffer.length);
    return { bytes: buffer.subarray(0, bytesRead), isWhole: size <= maxBytes, version };
  } finally {
    await closeFd(fd);
  }
}
