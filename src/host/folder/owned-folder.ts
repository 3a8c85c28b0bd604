/** {@link OwnedFolder} over the beneath-only, no-follow file operations. */
import { close, constants, fchmod, fchown, fstat, read, write } from 'node:fs';
import { chmod, lstat, readdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { errorCode, HostError, isSlaposError } from '../../errors/slapos-error.ts';
import { printableName } from '../../log/printable.ts';
import { type BeneathFiles, createBeneathFiles, type LinkOwner } from '../file.ts';
import type { OwnedFolder } from '../grid-host.ts';
import type { WriteOptions } from '../host.ts';
import { openEntry, refusal, unsafeEntry } from './beneath-refusal.ts';
import { createBeneath, moveBeneath, readBeneath } from './owned-stream.ts';
import { openPartFile } from './part-file.ts';

const closeDescriptor = promisify(close);
const statDescriptor = promisify(fstat);
const chownDescriptor = promisify(fchown);
const chmodDescriptor = promisify(fchmod);
const readDescriptor = promisify(read);
const writeDescriptor = promisify(write);

/** No folder that root looks through in a partition needs more; each may become a process. */
const LIST_LIMIT = { maxEntries: 10_000 };

/**
 * Opens the way to a folder; nothing is touched before a method is called.
 * @param root reached by names that only we can change
 * @param beneath a folder in it whose name is somebody else's to change: no link is followed there
 */
export function openOwnedFolder(
  root: string,
  beneath = '',
  files = createBeneathFiles(),
): OwnedFolder {
  const at = (path: string) =>
    [beneath, path].filter((part) => !['', '.'].includes(part)).join('/');
  return {
    path: join(root, beneath),
    readText: async (path) => (await files.read(root, at(path)))?.toString(),
    readTexts: (paths, maxBytes) => files.readTexts(root, paths.map(at), { maxBytes }),
    readTail: (path, bytes) => readTail(root, at(path), bytes),
    readSole: (path, maxBytes) => readSole(root, at(path), maxBytes),
    list: async (path) =>
      ((await files.list(root, at(path), LIST_LIMIT)) ?? []).map((entry) => entry.name),
    stat: (path) => files.stat(root, at(path) || '.'),
    write: (path, text, options) => files.write(root, at(path), text, options),
    append: (path, text, options) => append(root, at(path), text, options),
    makeFolder: (path, options) => files.mkdir(root, at(path), options),
    rename: (path, name) => renameEntry(root, at(path), name),
    move: (path, target) => moveBeneath(root, at(path), at(target)),
    writeStream: (path, chunks, options) => createBeneath(root, at(path), chunks, options),
    openPart: (path, options) => openPartFile(root, at(path), options),
    readStream: (path) => readBeneath(root, at(path)),
    setLink: (path, target, owner) => setLink(files, root, at(path), target, owner),
    remove: (path) => removeTree(files, root, at(path)),
    empty: (kept = []) => files.empty(root, beneath, kept),
  };
}

async function setLink(
  files: BeneathFiles,
  root: string,
  path: string,
  target: string,
  owner: LinkOwner | undefined,
): Promise<void> {
  const status = await files.stat(root, path);
  if (status !== undefined && status.kind !== 'link') return;
  if ((await files.readlink(root, path)) === target) return;
  await files.symlink(root, path, target, owner);
}

async function removeTree(files: BeneathFiles, root: string, path: string): Promise<void> {
  try {
    await files.remove(root, path);
  } catch (error) {
    const code = errorCode((error as { cause?: unknown }).cause);
    if (code !== 'EACCES' || process.geteuid?.() === 0) throw error;
    await unlockTree(join(root, path));
    await files.remove(root, path);
  }
}

/** Opens closed folders of a tree of our own user, so that it can be removed; not used by root. */
async function unlockTree(path: string): Promise<void> {
  const status = await lstat(path);
  if (!status.isDirectory()) return;
  await chmod(path, 0o700);
  for (const name of await readdir(path)) await unlockTree(join(path, name));
}

async function readTail(root: string, path: string, bytes: number): Promise<string> {
  const fd = await openBeneath(root, path, constants.O_RDONLY);
  if (fd === undefined) return '';
  try {
    const size = await expectFile(fd, join(root, path));
    const buffer = Buffer.alloc(Math.min(size, bytes));
    const { bytesRead } = await readDescriptor(fd, buffer, 0, buffer.length, size - buffer.length);
    return buffer.subarray(0, bytesRead).toString();
  } finally {
    await closeDescriptor(fd);
  }
}

async function readSole(root: string, path: string, maxBytes: number): Promise<Buffer | undefined> {
  const fd = await openBeneath(root, path, constants.O_RDONLY);
  if (fd === undefined) return undefined;
  try {
    const size = await expectOwnFile(fd, join(root, path));
    const buffer = Buffer.alloc(Math.min(size, maxBytes) + 1);
    const { bytesRead } = await readDescriptor(fd, buffer, 0, buffer.length, 0);
    if (bytesRead <= maxBytes) return buffer.subarray(0, bytesRead);
    throw new HostError(
      'SLAPOS_ERR_FILE',
      `${printableName(join(root, path))} is too large.`,
      { syscall: 'read' },
      { context: { path: join(root, path), code: 'EFBIG' } },
    );
  } catch (error) {
    throw isSlaposError(error) ? error : refusal(join(root, path), error);
  } finally {
    await closeDescriptor(fd);
  }
}

async function append(
  root: string,
  path: string,
  text: string,
  options: WriteOptions,
): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_APPEND;
  const fd =
    (await openBeneath(root, path, flags)) ?? (await createFile(root, path, flags, options));
  try {
    await expectOwnFile(fd, join(root, path));
    await writeDescriptor(fd, Buffer.from(text));
  } finally {
    await closeDescriptor(fd);
  }
}

async function createFile(
  root: string,
  path: string,
  flags: number,
  options: WriteOptions,
): Promise<number> {
  const create = flags | constants.O_CREAT | constants.O_EXCL;
  const fd = await openBeneath(root, path, create, options.mode);
  if (fd === undefined) throw unsafeEntry(join(root, path), 'its folder does not exist');
  const { gid, mode, uid } = options;
  if (uid !== undefined && gid !== undefined) await chownDescriptor(fd, uid, gid);
  await chmodDescriptor(fd, mode);
  return fd;
}

async function renameEntry(root: string, path: string, name: string): Promise<void> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY;
  const folder = await openBeneath(root, dirname(path), flags);
  if (folder === undefined) return;
  const here = `/proc/self/fd/${folder}`;
  try {
    await rename(join(here, path.slice(path.lastIndexOf('/') + 1)), join(here, name));
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw refusal(join(root, path), error);
  } finally {
    await closeDescriptor(folder);
  }
}

/** @returns undefined when the entry is missing. */
async function openBeneath(
  root: string,
  path: string,
  flags: number,
  mode?: number,
): Promise<number | undefined> {
  try {
    return await openEntry(root, path, flags, mode);
  } catch (error) {
    if (errorCode((error as { cause?: unknown }).cause) === 'ENOENT') return undefined;
    throw error;
  }
}

async function expectFile(fd: number, path: string): Promise<number> {
  const status = await statDescriptor(fd);
  if (!status.isFile()) throw unsafeEntry(path, 'it is not a regular file');
  return status.size;
}

/** A second name could be that of a file elsewhere which its owner may not write. */
async function expectOwnFile(fd: number, path: string): Promise<number> {
  const status = await statDescriptor(fd);
  if (!status.isFile()) throw unsafeEntry(path, 'it is not a regular file');
  if (status.nlink !== 1) throw unsafeEntry(path, 'it has another name');
  return status.size;
}
