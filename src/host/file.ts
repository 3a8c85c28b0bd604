/**
 * Files inside folders that belong to somebody we do not trust: a partition's home.
 *
 * Every path is given as a trusted `root` and a relative `path` beneath it. No operation follows a
 * symbolic link beneath the root or leaves it (openat2(2) RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS),
 * whatever the owner renames meanwhile.
 */
import {
  close as closeCallback,
  constants,
  type Dirent,
  fstat as fstatCallback,
  read as readCallback,
  type Stats,
} from 'node:fs';
import { lchown, opendir, readdir, readlink, rename, symlink, unlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';
import type { ErrorCode } from '../errors/catalogue.ts';
import { errorCode, HostError } from '../errors/slapos-error.ts';
import { printableName } from '../log/printable.ts';
import type { FileKind, FileStatus, WriteOptions } from './host.ts';
import { loadNative, type NativeAddon } from './native.ts';

const closeFd = promisify(closeCallback);
const fstatFd = promisify(fstatCallback);
const readFd = promisify(readCallback);

/** O_PATH of open(2): the same number on x86-64 and arm64, and missing from `fs.constants`. */
const O_PATH = 0o10000000;
const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;
const READ_BYTES = 64 * 1024;
const DEFAULT_MAX_ENTRIES = 1_000_000;
/** A folder of this size holds some thousand entries at least; all file systems count in names. */
const LARGE_FOLDER_BYTES = 256 * 1024;

export interface FolderEntry {
  readonly name: string;
  readonly kind: FileKind;
}

export interface FileToWrite extends WriteOptions {
  readonly path: string;
  readonly data: string | Uint8Array;
}

export interface LinkOwner {
  readonly uid: number;
  readonly gid: number;
}

/** File operations beneath a root. Each throws HostError: SLAPOS_ERR_UNSAFE_PATH where a link or
 * another kind of file stands in the way, SLAPOS_ERR_FILE for every other refusal. */
export interface BeneathFiles {
  /**
   * Content of a regular file, undefined when it does not exist. More than `maxBytes` (16 MiB by
   * default) is an error, so that nobody can fill our memory.
   */
  read(root: string, path: string, limit?: { maxBytes?: number }): Promise<Buffer | undefined>;
  /**
   * Many regular files in one go, as UTF-8 and in their order: undefined where nothing stands, the
   * error where one cannot be read or is longer than `maxBytes`.
   */
  readTexts(
    root: string,
    paths: readonly string[],
    limit: { readonly maxBytes: number },
  ): Promise<ReadonlyArray<string | HostError | undefined>>;
  /**
   * Entries of a folder sorted by name, undefined when it does not exist. `''` is the root. More
   * than `maxEntries` (a million by default) is an error.
   */
  list(
    root: string,
    path: string,
    limit?: { readonly maxEntries?: number },
  ): Promise<readonly FolderEntry[] | undefined>;
  /** Status of the path itself (a link is not followed), undefined when there is none. */
  stat(root: string, path: string): Promise<FileStatus | undefined>;
  /** Replaces a file atomically and durably; a link of that name is replaced, not followed. */
  write(
    root: string,
    path: string,
    data: string | Uint8Array,
    options: WriteOptions,
  ): Promise<void>;
  /** Like {@link write} for many files, in their order: the error where one cannot be written. */
  writeAll(
    root: string,
    files: readonly FileToWrite[],
  ): Promise<ReadonlyArray<HostError | undefined>>;
  /**
   * Creates a folder or gives an existing one this mode and owner; parents must exist. An existing
   * folder of another owner is refused unless its parent is ours.
   */
  mkdir(root: string, path: string, options: WriteOptions): Promise<void>;
  /** Creates or replaces a symbolic link, atomically; it belongs to us unless `owner` is given. */
  symlink(root: string, path: string, target: string, owner?: LinkOwner): Promise<void>;
  /** Text of a symbolic link, undefined when nothing stands there. */
  readlink(root: string, path: string): Promise<string | undefined>;
  /** Removes a file, a link or a whole tree; missing is fine. */
  remove(root: string, path: string): Promise<void>;
  /** Removes all that a folder holds but the names `kept`; missing is fine, `''` is the root. */
  empty(root: string, path: string, kept: readonly string[]): Promise<void>;
}

type FileAddon = Pick<
  NativeAddon,
  | 'openBeneath'
  | 'readTextsBeneath'
  | 'writeAllBeneath'
  | 'mkdirBeneath'
  | 'removeBeneath'
  | 'emptyBeneath'
>;

const UNSAFE_CODES = new Set(['ELOOP', 'EXDEV', 'ENOTDIR', 'EMLINK']);

/** The operations on the machine; `addon` may be a fake. */
export function createBeneathFiles(addon: () => FileAddon = loadNative): BeneathFiles {
  return {
    read: (root, path, limit) => readFile(addon(), root, path, limit?.maxBytes),
    readTexts: (root, paths, limit) => readTexts(addon(), root, paths, limit.maxBytes),
    list: (root, path, limit) => listFolder(addon(), root, path, limit?.maxEntries),
    stat: (root, path) =>
      withFd(addon(), 'look at', root, path, O_PATH, async (fd) => toFileStatus(await fstatFd(fd))),
    async write(root, path, data, options) {
      const [error] = await writeAll(addon(), root, [{ path, data, ...options }]);
      if (error !== undefined) throw error;
    },
    writeAll: (root, files) => writeAll(addon(), root, files),
    mkdir: (root, path, options) =>
      guard('create the folder', root, path, () =>
        addon().mkdirBeneath({ root, path, ...options }),
      ),
    symlink: (root, path, target, owner) => writeLink(addon(), root, path, target, owner),
    readlink: (root, path) =>
      withParent(addon(), 'read the link', root, path, (place) => readlink(place)),
    remove: (root, path) =>
      guard('remove', root, path, () => addon().removeBeneath({ root, path })),
    empty: (root, path, kept) =>
      guard('empty', root, path, () => addon().emptyBeneath({ root, path, kept })),
  };
}

async function writeAll(
  addon: FileAddon,
  root: string,
  files: readonly FileToWrite[],
): Promise<Array<HostError | undefined>> {
  const outcomes = await addon.writeAllBeneath({ root, files });
  return files.map(({ path }, index) => {
    const outcome = outcomes[index];
    return outcome ? refusal('write', `${root}/${path}`, outcome) : undefined;
  });
}

/** Where the errno alone would not tell; files are opened without waiting, fcntl(2). */
const REASONS: ReadonlyMap<string, string> = new Map([['EAGAIN', 'somebody holds a lease on it']]);

/** Refusals of the addon and of Node's own file calls alike. */
function isSystemError(error: unknown): error is Error & { code: string; syscall: string } {
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown };
  return typeof code === 'string' && typeof syscall === 'string' && !(error instanceof HostError);
}

/** Runs a file operation and translates its refusal. */
async function guard<T>(
  deed: string,
  root: string,
  path: string,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw isSystemError(error) ? refusal(deed, `${root}/${path}`, error) : error;
  }
}

function refusal(deed: string, path: string, error: { readonly code: string }): HostError {
  const isUnsafe = UNSAFE_CODES.has(error.code);
  const code: ErrorCode = isUnsafe ? 'SLAPOS_ERR_UNSAFE_PATH' : 'SLAPOS_ERR_FILE';
  const why = isUnsafe
    ? 'a symbolic link or another kind of file stands in the way'
    : (REASONS.get(error.code) ?? ((error as { detail?: string }).detail || 'the kernel refused'));
  const message = `Cannot ${deed} ${printableName(path)}: ${error.code}, ${why}.`;
  return new HostError(code, message, error as { errno?: number; syscall?: string }, {
    cause: error,
    context: { path, code: error.code },
  });
}

/** Opens, uses and closes; undefined when the path does not exist. */
async function withFd<T>(
  addon: FileAddon,
  deed: string,
  root: string,
  path: string,
  flags: number,
  use: (fd: number) => Promise<T>,
): Promise<T | undefined> {
  let fd: number;
  try {
    fd = await addon.openBeneath({ root, path, flags });
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw isSystemError(error) ? refusal(deed, `${root}/${path}`, error) : error;
  }
  try {
    return await guard(deed, root, path, () => use(fd));
  } finally {
    await closeFd(fd);
  }
}

/**
 * Gives `use` a path to the last component whose folder cannot be exchanged any more: the link of
 * a descriptor in /proc. `use` must not follow the last component.
 */
function withParent<T>(
  addon: FileAddon,
  deed: string,
  root: string,
  path: string,
  use: (place: string) => Promise<T>,
): Promise<T | undefined> {
  const parent = dirname(path);
  const name = path.slice(path.lastIndexOf('/') + 1);
  const flags = O_PATH | constants.O_DIRECTORY;
  return withFd(addon, deed, root, parent, flags, async (fd) => {
    try {
      return await use(`/proc/self/fd/${fd}/${name}`);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  });
}

async function readFile(
  addon: FileAddon,
  root: string,
  path: string,
  maxBytes = DEFAULT_MAX_BYTES,
): Promise<Buffer | undefined> {
  return withFd(addon, 'read', root, path, constants.O_RDONLY, async (fd) => {
    const status = await fstatFd(fd);
    if (!status.isFile())
      throw unsafe(`${printableName(`${root}/${path}`)} is not a regular file.`);
    if (status.size > maxBytes) throw tooLarge(`${root}/${path}`, maxBytes);
    const content = await readAtMost(fd, maxBytes + 1, status.size + 1);
    if (content.length > maxBytes) throw tooLarge(`${root}/${path}`, maxBytes);
    return content;
  });
}

async function readTexts(
  addon: FileAddon,
  root: string,
  paths: readonly string[],
  maxBytes: number,
): Promise<ReadonlyArray<string | HostError | undefined>> {
  const found = await guard('read', root, '', () =>
    addon.readTextsBeneath({ root, paths, maxBytes }),
  );
  return found.map((one, index) => {
    if (typeof one === 'string') return one;
    return one === null ? undefined : refusal('read', `${root}/${paths[index]}`, one);
  });
}

function unsafe(message: string): HostError {
  return new HostError('SLAPOS_ERR_UNSAFE_PATH', message, { syscall: 'openat2' });
}

function tooLarge(path: string, maxBytes: number): HostError {
  return new HostError(
    'SLAPOS_ERR_FILE',
    `${printableName(path)} holds more than ${maxBytes} bytes.`,
    {
      syscall: 'read',
    },
  );
}

/** @param expectedBytes Size of the first read; one byte more than the file shows its end. */
async function readAtMost(fd: number, limitBytes: number, expectedBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  for (let wanted = expectedBytes; total < limitBytes; wanted = READ_BYTES) {
    const chunk = Buffer.allocUnsafe(Math.min(wanted, limitBytes - total));
    const { bytesRead } = await readFd(fd, chunk, 0, chunk.length, total);
    chunks.push(chunk.subarray(0, bytesRead));
    total += bytesRead;
    if (bytesRead < chunk.length) break;
  }
  return Buffer.concat(chunks, total);
}

async function listFolder(
  addon: FileAddon,
  root: string,
  path: string,
  maxEntries = DEFAULT_MAX_ENTRIES,
): Promise<readonly FolderEntry[] | undefined> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY;
  return withFd(addon, 'list', root, path, flags, async (fd) => {
    const entries = await readEntries(fd, maxEntries + 1);
    if (entries.length > maxEntries) {
      const message = `${printableName(`${root}/${path}`)} holds more than ${maxEntries} entries.`;
      throw new HostError('SLAPOS_ERR_FILE', message, { syscall: 'getdents64' });
    }
    return entries
      .map((entry) => ({ name: entry.name, kind: kindOf(entry) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  });
}

/** @param limit stops here in a large folder, before it fills the memory. */
async function readEntries(fd: number, limit: number): Promise<readonly Dirent[]> {
  const folder = `/proc/self/fd/${fd}`;
  const { size } = await fstatFd(fd);
  if (size < LARGE_FOLDER_BYTES) return readdir(folder, { withFileTypes: true });
  const entries: Dirent[] = [];
  for await (const entry of await opendir(folder, { bufferSize: 1024 })) {
    if (entries.push(entry) >= limit) break;
  }
  return entries;
}

async function writeLink(
  addon: FileAddon,
  root: string,
  path: string,
  target: string,
  owner: LinkOwner | undefined,
): Promise<void> {
  const done = await withParent(addon, 'create the link', root, path, async (place) => {
    const temporary = await makeTemporaryLink(place, target, owner === undefined);
    try {
      if (owner !== undefined) await lchown(temporary, owner.uid, owner.gid);
      await rename(temporary, place);
    } catch (error) {
      await unlink(temporary);
      throw error;
    }
    return true;
  });
  if (done === undefined) {
    const message = `Cannot create the link ${root}/${path}: its folder does not exist.`;
    throw new HostError('SLAPOS_ERR_FILE', message, { syscall: 'symlink' });
  }
}

/**
 * By a fixed name where nothing but its name is changed later, so that what a killed run left there
 * goes with the next one; else, and where the owner of the folder keeps it, by one that nobody knows.
 */
async function makeTemporaryLink(place: string, target: string, isFixed: boolean): Promise<string> {
  const fixed = `${dirname(place)}/.${basename(place).slice(0, 200)}.slapos-new`;
  const unique = `${dirname(place)}/.${process.pid}.${Math.random().toString(36).slice(2)}.tmp`;
  try {
    if (isFixed) await unlink(fixed).catch(() => {});
    const name = isFixed ? fixed : unique;
    await symlink(target, name);
    return name;
  } catch (error) {
    if (!isFixed || errorCode(error) !== 'EEXIST') throw error;
    return makeTemporaryLink(place, target, false);
  }
}

interface Kinds {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

function kindOf(entry: Kinds): FileKind {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  return entry.isSymbolicLink() ? 'link' : 'other';
}

/** What stat(2) says, in our words. */
export function toFileStatus(status: Stats): FileStatus {
  return {
    kind: kindOf(status),
    mode: status.mode & 0o7777,
    uid: status.uid,
    gid: status.gid,
    sizeBytes: status.size,
    modifiedMs: status.mtimeMs,
  };
}
