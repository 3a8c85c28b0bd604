/** Large files in folders of somebody we do not trust, piece by piece; no link is followed. */
import { close, constants, fchmod, fchown, fstat, read, write } from 'node:fs';
import { rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { HostError } from '../../errors/slapos-error.ts';
import type { WriteOptions } from '../host.ts';
import { openEntry, refusal, unsafeEntry } from './beneath-refusal.ts';

const closeDescriptor = promisify(close);
const statDescriptor = promisify(fstat);
const chownDescriptor = promisify(fchown);
const chmodDescriptor = promisify(fchmod);
const readDescriptor = promisify(read);
const writeDescriptor = promisify(write);

const READ_BYTES = 256 * 1024;

/**
 * Creates a file from a stream: not atomic, and nothing may stand under its name.
 * @throws HostError SLAPOS_ERR_FILE or SLAPOS_ERR_UNSAFE_PATH, or what the stream throws.
 */
export async function createBeneath(
  root: string,
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  { gid, mode, uid }: WriteOptions,
): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  const fd = await openEntry(root, path, flags, mode);
  try {
    if (uid !== undefined && gid !== undefined) await chownDescriptor(fd, uid, gid);
    await chmodDescriptor(fd, mode);
    for await (const chunk of chunks) await writeWhole(fd, chunk, join(root, path));
  } finally {
    await closeDescriptor(fd);
  }
}

async function writeWhole(fd: number, chunk: Uint8Array, path: string): Promise<void> {
  try {
    for (let done = 0; done < chunk.length; ) {
      done += (await writeDescriptor(fd, chunk, done)).bytesWritten;
    }
  } catch (error) {
    throw refusal(path, error);
  }
}

/**
 * The content of a regular file, opened when reading begins and closed when it ends.
 * @throws HostError when it is missing, a link or no regular file.
 */
export async function* readBeneath(root: string, path: string): AsyncGenerator<Uint8Array> {
  const fd = await openEntry(root, path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await statDescriptor(fd)).isFile()) {
      throw unsafeEntry(join(root, path), 'it is not a regular file');
    }
    for (;;) {
      const buffer = Buffer.allocUnsafe(READ_BYTES);
      const { bytesRead } = await readDescriptor(fd, buffer, 0, READ_BYTES, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await closeDescriptor(fd);
  }
}

/** Renames an entry, also into another folder. @throws HostError */
export async function moveBeneath(root: string, path: string, target: string): Promise<void> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY;
  const folders: number[] = [];
  try {
    for (const each of [path, target]) folders.push(await openEntry(root, dirname(each), flags));
    const [from, to] = folders.map((fd) => `/proc/self/fd/${fd}`);
    await rename(join(from ?? '', basename(path)), join(to ?? '', basename(target)));
  } catch (error) {
    throw error instanceof HostError ? error : refusal(join(root, path), error);
  } finally {
    for (const fd of folders) await closeDescriptor(fd);
  }
}
