/** The machine as the grid commands see it. */
import { mkdir, realpath, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  BusyError,
  errorCode,
  errorMessage,
  HostError,
  SlaposError,
} from '../errors/slapos-error.ts';
import { coalesce } from './coalesce.ts';
import { toFileStatus } from './file.ts';
import { refusal } from './folder/beneath-refusal.ts';
import { endProcessesOf } from './folder/leftovers.ts';
import { lookBeneath } from './folder/look.ts';
import { openOwnedFolder } from './folder/owned-folder.ts';
import { renewFolder } from './folder/renew-folder.ts';
import { detachUserMounts, isMountOverHome } from './folder/user-mounts.ts';
import { type GridHost, partitionNoteFile } from './grid-host.ts';
import type { FileStatus } from './host.ts';
import { killNotedChild } from './keeper/child-note.ts';
import { waitLock } from './lock.ts';
import { loadNative } from './native.ts';
import { endUserProcesses, removeUserTraces } from './process/end-user.ts';
import { runCommand } from './process/run-command.ts';
import type { UserIdentity } from './user/user.ts';
import { UserDirectory } from './user/user-directory.ts';

const LOCK_TIMEOUT_MS = 600_000;

/** A host for one pass. */
export function createGridHost(): GridHost {
  const directory = new UserDirectory();
  return {
    isRoot: process.geteuid?.() === 0,
    run: runCommand,
    openFolder: (root, beneath) => openOwnedFolder(root, beneath),
    look: (root, request) => lookBeneath(root, request),
    renewFolder,
    stat: statPath,
    statHome: (folder) => statHome(folder, directory),
    syncFiles: shareSyncs(),
    freeBytes,
    lockPartition,
    endProcessesOf: (user, mark) => endProcessesOf(user, mark),
    endUserProcesses: (user) => endUserProcesses(user),
    removeUserTraces: (user) => removeUserTraces(user),
    ownerOf: (folder) => findFolderOwner(folder, directory),
  };
}

async function findFolderOwner(folder: string, directory: UserDirectory): Promise<UserIdentity> {
  const status = await statHome(folder, directory);
  if (status === undefined) {
    throw new HostError('SLAPOS_ERR_FILE', `${folder} does not exist.`, {});
  }
  const { gid, uid } = status;
  if (uid === 0 || gid === 0) {
    throw new SlaposError(
      'SLAPOS_ERR_UNSAFE_PATH',
      `${folder} belongs to uid ${uid} and gid ${gid}: nothing may run for a software or a partition as root.`,
      { hint: 'Run `slapos node format`, or chown the folder to its user.' },
    );
  }
  const user = directory.identify(uid) ?? { uid, gid, groups: [gid], name: String(uid), home: '/' };
  return { ...user, gid, groups: [...new Set([gid, ...user.groups])] };
}

async function statPath(path: string): Promise<FileStatus | undefined> {
  try {
    return toFileStatus(await stat(path));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'].includes(errorCode(error))) return undefined;
    throw refusal(path, error);
  }
}

/** A user may cover its whole partition by a file system of its own, into which root may not look. */
async function statHome(folder: string, users: UserDirectory): Promise<FileStatus | undefined> {
  const status = await statPath(folder).catch((error: unknown) => error as Error);
  if (status !== undefined && !(status instanceof Error)) return status;
  const names = [folder, await placeOf(folder)];
  if ((await detachUserMounts((mount) => isMountOverHome(mount, names, users))) > 0) {
    return statPath(folder);
  }
  if (status instanceof Error) throw status;
  return undefined;
}

/** Where a folder stands whose parent is ours, and may be reached by links of ours. */
async function placeOf(folder: string): Promise<string> {
  const parent = await realpath(dirname(folder)).catch(() => dirname(folder));
  return join(parent, basename(folder));
}

/** Each sync waits for all that the file system has to write, so partitions share them. */
function shareSyncs(): (folders: readonly string[]) => Promise<void> {
  const syncs = new Map<number, () => Promise<void>>();
  return async (folders) => {
    const disks = new Set<() => Promise<void>>();
    for (const folder of folders) {
      const { dev } = (await stat(folder).catch(() => undefined)) ?? {};
      if (dev === undefined) continue;
      const sync = syncs.get(dev) ?? coalesce(() => syncFileSystem(folder));
      syncs.set(dev, sync);
      disks.add(sync);
    }
    for (const sync of disks) await sync();
  };
}

async function syncFileSystem(folder: string): Promise<void> {
  try {
    await loadNative().fileSystemSync({ folder });
  } catch (error) {
    throw new HostError(
      'SLAPOS_ERR_FILE',
      `What was written in ${folder} does not reach its disk: ${errorMessage(error)}`,
      {},
      { cause: error },
    );
  }
}

async function freeBytes(path: string): Promise<number> {
  for (let folder = path; ; folder = dirname(folder)) {
    try {
      const { bavail, bsize } = await statfs(folder);
      return bsize * bavail;
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || folder === dirname(folder)) throw refusal(folder, error);
    }
  }
}

async function lockPartition(
  instanceRoot: string,
  partitionId: string,
  onKilled: (pid: number) => void,
): Promise<() => void> {
  const folder = join(instanceRoot, 'var', 'run');
  // As `node instance` makes them: `node promise` may come first.
  await mkdir(dirname(folder), { recursive: true, mode: 0o755 });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `slapos-partition-${partitionId}.lock`);
  const attempt = await waitLock(path, LOCK_TIMEOUT_MS);
  if (attempt.lock !== undefined) {
    const { release } = attempt.lock;
    try {
      const orphan = await killNotedChild(partitionNoteFile(instanceRoot, partitionId));
      if (orphan !== undefined) onKilled(orphan);
    } catch (error) {
      // Nobody else can give it back, and this process may want the partition once more.
      release();
      throw error;
    }
    return release;
  }
  const holder = attempt.holderPid === undefined ? '' : ` (pid ${attempt.holderPid})`;
  throw new BusyError(
    'SLAPOS_ERR_BUSY',
    `Another slapos process${holder} is working on partition ${partitionId}.`,
  );
}
