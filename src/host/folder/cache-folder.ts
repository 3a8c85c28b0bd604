/**
 * One flat folder of files that are written once, read often and replaced whole: those of a cache.
 *
 * No operation follows a link of the folder. Files are 0644, as upstream's: whoever can reach the
 * server may have them, and another web server may serve the folder.
 */
import { close, constants, fstat, open as openCallback } from 'node:fs';
import { lstat, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errorCode } from '../../errors/slapos-error.ts';

const openDescriptor = promisify(openCallback);
const statDescriptor = promisify(fstat);
const closeDescriptor = promisify(close);

const FILE_MODE = 0o644;
const TEMPORARY = /^\.slapos-new-[0-9]+-[0-9]+$/;
/** Long after the last piece of anything that is still being written. */
const ABANDONED_MS = 3_600_000;
/** What nobody but the owner of the descriptor closes. */
export interface OpenedFile {
  readonly fd: number;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** Whether a text may be the name of a file of such a folder: no way out, nothing hidden. */
export function isCacheName(name: string): boolean {
  if (name === '' || name.startsWith('.') || Buffer.byteLength(name) > 255) return false;
  return [...name].every((letter) => letter > '\x1f' && letter !== '/' && letter !== '\x7f');
}

/** Methods reject with an Error of the system, and with RangeError for a name that is none. */
export class CacheFolder {
  readonly path: string;
  #temporaries = 0;

  constructor(path: string) {
    this.path = path;
  }

  /** A regular file, undefined where nothing or something else stands; the caller closes it. */
  async open(name: string): Promise<OpenedFile | undefined> {
    return openRegular(this.#place(name));
  }

  async has(name: string): Promise<boolean> {
    const status = await lstat(this.#place(name)).catch(() => undefined);
    return status?.isFile() ?? false;
  }

  /** The text of a file of at most so many bytes, undefined where there is none. */
  async readText(name: string, maxBytes: number): Promise<string | undefined> {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const handle = await open(this.#place(name), flags).catch(ignoreMissing);
    if (handle === undefined) return undefined;
    try {
      const status = await handle.stat();
      if (!status.isFile()) return undefined;
      if (status.size > maxBytes) throw new RangeError(`${name} is larger than ${maxBytes} bytes`);
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  }

  /**
   * Writes what a stream gives to a new file and waits for the disk; then it takes the name that
   * `nameOf` says. When anything throws, nothing is left.
   */
  async store(chunks: AsyncIterable<Uint8Array>, nameOf: () => string): Promise<void> {
    this.#temporaries += 1;
    const temporary = join(this.path, `.slapos-new-${process.pid}-${this.#temporaries}`);
    await rm(temporary, { force: true });
    const handle = await open(temporary, 'wx', 0o600);
    try {
      try {
        for await (const chunk of chunks) await handle.writeFile(chunk);
        await handle.chmod(FILE_MODE);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, this.#place(nameOf()));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async write(name: string, text: string): Promise<void> {
    await this.store(onePiece(Buffer.from(text)), () => name);
  }

  async remove(name: string): Promise<void> {
    await rm(this.#place(name), { force: true });
  }

  /** Names of the regular files, sorted; empty where there is no such folder. */
  async list(): Promise<string[]> {
    const entries = await readdir(this.path, { withFileTypes: true }).catch(ignoreMissing);
    return (entries ?? [])
      .filter((entry) => entry.isFile() && isCacheName(entry.name))
      .map((entry) => entry.name)
      .sort();
  }

  async exists(): Promise<boolean> {
    return (await stat(this.path).catch(ignoreMissing))?.isDirectory() ?? false;
  }

  /** Removes what writers that were killed left behind. */
  async sweep(nowMs: number): Promise<void> {
    const names = await readdir(this.path).catch(ignoreMissing);
    for (const name of names ?? []) {
      if (!TEMPORARY.test(name)) continue;
      const place = join(this.path, name);
      const status = await lstat(place).catch(ignoreMissing);
      const isOld = status !== undefined && nowMs - status.mtimeMs > ABANDONED_MS;
      if (isOld) await rm(place, { force: true });
    }
  }

  #place(name: string): string {
    if (!isCacheName(name)) throw new RangeError('this is no name of a file');
    return join(this.path, name);
  }
}

/** A regular file at a path whose last component is not followed; undefined for anything else. */
async function openRegular(path: string): Promise<OpenedFile | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const fd = await openDescriptor(path, flags).catch(ignoreMissing);
  return fd === undefined ? undefined : describeFile(fd);
}

/** What a descriptor is of; anything but a regular file is closed, and is undefined. */
export async function describeFile(fd: number): Promise<OpenedFile | undefined> {
  const status = await statDescriptor(fd);
  if (status.isFile()) return { fd, sizeBytes: status.size, modifiedMs: status.mtimeMs };
  await closeDescriptor(fd);
  return undefined;
}

/** Nothing, a link, or a name that no file can have. */
const MISSING = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'ENXIO']);

function ignoreMissing(error: unknown): undefined {
  if (MISSING.has(errorCode(error))) return undefined;
  throw error;
}

async function* onePiece(piece: Uint8Array): AsyncGenerator<Uint8Array> {
  yield piece;
}
