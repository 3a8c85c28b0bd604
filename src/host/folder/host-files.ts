/** The host's own, root-owned files; the interface is `HostFiles`. */
import { lstatSync, type Stats } from 'node:fs';
import {
  chmod,
  chown,
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCode, HostError } from '../../errors/slapos-error.ts';
import type { FileKind, FileStatus, HostFiles, WriteOptions } from '../host.ts';
import { loadNative } from '../native.ts';
import { type RefusalTexts, refusalError } from '../native-failure.ts';

const PERMISSION_BITS = 0o7777;

const HINTS: Readonly<Record<string, string>> = {
  EACCES: 'Run the command as root, or check the permissions of the folder.',
  EPERM: 'Run the command as root, or check the permissions of the folder.',
  ENOSPC: 'Free some disk space.',
  EROFS: 'The file system is mounted read-only.',
  ENOENT: 'Create the folder first.',
};

const TEXTS: RefusalTexts = { code: 'SLAPOS_ERR_FILE', hints: HINTS };

function fileError(what: string, cause: unknown): HostError {
  const { errno = 0, syscall = '', code = '' } = cause as NodeJS.ErrnoException;
  const hint = HINTS[code];
  return new HostError(
    'SLAPOS_ERR_FILE',
    `Cannot ${what}: ${code === '' ? String(cause) : code}.`,
    { errno: Math.abs(errno), syscall },
    { cause, ...(hint === undefined ? {} : { hint }), context: { code } },
  );
}

/** Runs a file operation; what the kernel refuses becomes a HostError. */
export async function doing<Result>(what: string, act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    throw fileError(what, error);
  }
}

/** Like {@link doing}, with undefined for a path that does not exist. */
async function looking<Result>(
  what: string,
  act: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await act();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw fileError(what, error);
  }
}

function kindOf(status: Stats): FileKind {
  if (status.isFile()) return 'file';
  if (status.isDirectory()) return 'directory';
  return status.isSymbolicLink() ? 'link' : 'other';
}

function toStatus(status: Stats): FileStatus {
  return {
    kind: kindOf(status),
    mode: status.mode & PERMISSION_BITS,
    uid: status.uid,
    gid: status.gid,
    sizeBytes: status.size,
    modifiedMs: status.mtimeMs,
  };
}

/** A call on this thread takes 3 µs, one through the thread pool 30. */
/** Nothing is below a file either: whoever wants a folder there finds the file itself in the way. */
function statNow(path: string): FileStatus | undefined {
  try {
    const status = lstatSync(path, { throwIfNoEntry: false });
    return status === undefined ? undefined : toStatus(status);
  } catch (error) {
    if (errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** mkdir(2) applies the umask, so the mode of what is new is set again. */
async function makeFolder(path: string, mode: number, isRecursive: boolean): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' && isRecursive && dirname(path) !== path) {
      await makeFolder(dirname(path), mode, true);
      return makeFolder(path, mode, false);
    }
    if (code === 'EEXIST' && (await lstat(path)).isDirectory()) return;
    throw error;
  }
  await chmod(path, mode);
}

async function fill(handle: FileHandle, data: string | Uint8Array, options: WriteOptions) {
  await handle.writeFile(data);
  if (options.uid !== undefined || options.gid !== undefined) {
    await handle.chown(options.uid ?? -1, options.gid ?? -1);
  }
  await handle.chmod(options.mode);
  await handle.sync();
}

/** Stores the names of what a folder holds: fsync(2). */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The name of a file while it is written: fixed, so that the next write clears what a killed one left. */
export const stagedName = (path: string) => join(dirname(path), `.${basename(path)}.slapos-new`);

/** Writes what is to become a file beside it, whole and on the disk. */
export async function stageFile(
  path: string,
  data: string | Uint8Array,
  options: WriteOptions,
): Promise<void> {
  const temporary = stagedName(path);
  await rm(temporary, { force: true });
  // `wx` is O_CREAT | O_EXCL: an existing path, a link included, is never followed.
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await fill(handle, data, options);
  } finally {
    await handle.close();
  }
}

async function replaceFile(path: string, data: string | Uint8Array, options: WriteOptions) {
  try {
    await stageFile(path, data, options);
    await rename(stagedName(path), path);
  } catch (error) {
    await rm(stagedName(path), { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

async function removePath(path: string, isRecursive: boolean): Promise<void> {
  if (isRecursive) return rm(path, { recursive: true, force: true });
  const status = await lstat(path);
  await (status.isDirectory() ? rmdir(path) : unlink(path));
}

/** The files of the machine that this process runs on. */
export function createHostFiles(): HostFiles {
  return {
    read: (path) => looking(`read ${path}`, () => readFile(path)),
    readText: (path) => looking(`read ${path}`, () => readFile(path, 'utf8')),
    list: (path) => looking(`list ${path}`, async () => (await readdir(path)).sort()),
    stat: (path) => looking(`look at ${path}`, async () => toStatus(await lstat(path))),
    statTarget: (path) => looking(`look at ${path}`, async () => toStatus(await stat(path))),
    statAll: (paths) => doing('look at folders', async () => paths.map(statNow)),
    mkdir: (path, { mode, isRecursive = false }) =>
      doing(`create folder ${path}`, () => makeFolder(path, mode, isRecursive)),
    makeFolders: async (folders) => {
      const outcomes = await loadNative().foldersCreate({ folders });
      return folders.map((operation, index) => {
        const outcome = outcomes[index];
        const what = `create folder ${operation.path}`;
        return { operation, error: outcome ? refusalError(TEXTS, what, outcome) : undefined };
      });
    },
    chmod: (path, mode) => doing(`change the mode of ${path}`, () => chmod(path, mode)),
    chown: (path, uid, gid) => doing(`change the owner of ${path}`, () => chown(path, uid, gid)),
    write: (path, data, options) => doing(`write ${path}`, () => replaceFile(path, data, options)),
    writeControl: (path, value) => doing(`write ${value} to ${path}`, () => writeFile(path, value)),
    remove: async (path, { isRecursive = false } = {}) => {
      await looking(`remove ${path}`, () => removePath(path, isRecursive));
    },
  };
}
