/** Appending to a file that closes with a fixed text, inside a folder that others may write to. */
import {
  close as closeCallback,
  constants,
  fstat as fstatCallback,
  read as readCallback,
  write as writeCallback,
} from 'node:fs';
import { promisify } from 'node:util';
import { errorCode } from '../../errors/slapos-error.ts';
import { loadNative, type NativeAddon } from '../native.ts';

const closeFd = promisify(closeCallback);
const fstatFd = promisify(fstatCallback);
const readFd = promisify(readCallback);
const writeFd = promisify(writeCallback);

/**
 * Writes `text` over the end of a file beneath `root`, in one write(2). Only a regular file that
 * ends with `end`, belongs to us and has one name is touched; anything else, a link included, is
 * `unexpected`.
 * @throws Error of the system when reading or writing fails.
 */
export async function overwriteEnd(
  root: string,
  path: string,
  end: string,
  text: string,
  addon: Pick<NativeAddon, 'openBeneath'> = loadNative(),
): Promise<'written' | 'missing' | 'unexpected'> {
  let fd: number;
  try {
    fd = await addon.openBeneath({ root, path, flags: constants.O_RDWR });
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? 'missing' : 'unexpected';
  }
  try {
    return await overwriteEndOf(fd, Buffer.from(end), Buffer.from(text));
  } finally {
    await closeFd(fd);
  }
}

async function overwriteEndOf(
  fd: number,
  end: Buffer,
  text: Buffer,
): Promise<'written' | 'unexpected'> {
  const status = await fstatFd(fd);
  const isOurs = status.isFile() && status.nlink === 1 && status.uid === process.geteuid?.();
  const offset = status.size - end.length;
  if (!isOurs || offset < 0) return 'unexpected';
  const found = Buffer.alloc(end.length);
  await readFd(fd, found, 0, end.length, offset);
  if (!found.equals(end)) return 'unexpected';
  const { bytesWritten } = await writeFd(fd, text, 0, text.length, offset);
  return bytesWritten === text.length ? 'written' : 'unexpected';
}
