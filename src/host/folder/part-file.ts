/** A file in a folder of somebody we do not trust, of which a part may be there already. */
import {
  close,
  constants,
  fchmod,
  fchown,
  fstat,
  fsync,
  ftruncate,
  read,
  type Stats,
  write,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errorCode } from '../../errors/slapos-error.ts';
import type { PartFile } from '../grid-host.ts';
import type { WriteOptions } from '../host.ts';
import { openEntry, refusal, unsafeEntry } from './beneath-refusal.ts';

const closeDescriptor = promisify(close);
const statDescriptor = promisify(fstat);
const chownDescriptor = promisify(fchown);
const chmodDescriptor = promisify(fchmod);
const syncDescriptor = promisify(fsync);
const truncateDescriptor = promisify(ftruncate);
const readDescriptor = promisify(read);
const writeDescriptor = promisify(write);

const READ_BYTES = 256 * 1024;

/**
 * Opens what is there, or creates it.
 * @throws HostError SLAPOS_ERR_UNSAFE_PATH for what is no regular file of that owner alone.
 */
export async function openPartFile(
  root: string,
  path: string,
  options: WriteOptions,
): Promise<PartFile> {
  const full = join(root, path);
  const fd = await openOrCreate(root, path, options);
  try {
    const problem = findProblem(await statDescriptor(fd), options);
    if (problem !== undefined) throw unsafeEntry(full, problem);
    await chmodDescriptor(fd, options.mode);
  } catch (error) {
    await closeDescriptor(fd);
    throw error;
  }
  return new OpenPart(fd, full);
}

async function openOrCreate(root: string, path: string, options: WriteOptions): Promise<number> {
  // Without waiting for somebody at the other end of a pipe.
  const flags = constants.O_RDWR | constants.O_NONBLOCK;
  try {
    return await openEntry(root, path, flags);
  } catch (error) {
    if (errorCode((error as { cause?: unknown }).cause) !== 'ENOENT') throw error;
  }
  const create = flags | constants.O_CREAT | constants.O_EXCL;
  const fd = await openEntry(root, path, create, options.mode);
  const { gid, uid } = options;
  if (uid !== undefined && gid !== undefined) await chownDescriptor(fd, uid, gid);
  return fd;
}

/** A second name could be that of a file elsewhere which its owner may not write. */
function findProblem(status: Stats, { uid }: WriteOptions): string | undefined {
  if (!status.isFile()) return 'it is not a regular file';
  if (status.nlink !== 1) return 'it has another name';
  return uid !== undefined && status.uid !== uid ? 'it belongs to somebody else' : undefined;
}

class OpenPart implements PartFile {
  readonly #fd: number;
  readonly #path: string;
  #sizeBytes: number | undefined;

  constructor(fd: number, path: string) {
    this.#fd = fd;
    this.#path = path;
  }

  async *read(): AsyncGenerator<Uint8Array> {
    for (let at = 0; ; ) {
      const buffer = Buffer.allocUnsafe(READ_BYTES);
      const { bytesRead } = await readDescriptor(this.#fd, buffer, 0, READ_BYTES, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  async append(chunk: Uint8Array): Promise<void> {
    try {
      this.#sizeBytes ??= (await statDescriptor(this.#fd)).size;
      for (let done = 0; done < chunk.length; ) {
        const at = this.#sizeBytes;
        const rest = chunk.length - done;
        const { bytesWritten } = await writeDescriptor(this.#fd, chunk, done, rest, at);
        done += bytesWritten;
        this.#sizeBytes += bytesWritten;
      }
    } catch (error) {
      throw refusal(this.#path, error);
    }
  }

  async clear(): Promise<void> {
    await truncateDescriptor(this.#fd, 0).catch((error: unknown) => {
      throw refusal(this.#path, error);
    });
    this.#sizeBytes = 0;
  }

  async close(): Promise<void> {
    try {
      await syncDescriptor(this.#fd);
    } catch (error) {
      throw refusal(this.#path, error);
    } finally {
      await closeDescriptor(this.#fd);
    }
  }
}
