/** Folders as places to put something: who may write there, how much fits, moving them whole. */
import { constants } from 'node:fs';
import { access, lstat, rename, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode, errorMessage, HostError } from '../../errors/slapos-error.ts';
import { syncFolder } from './host-files.ts';

export interface Place {
  /** Why nothing can be created in it; empty when something can. */
  readonly refusal: string;
  readonly freeBytes: number;
  /** Of the file system: a folder that has another than its parent is a mount point. */
  readonly device: number;
}

/** Looks at a folder; undefined when there is none of this name. */
export async function lookAtPlace(path: string): Promise<Place | undefined> {
  try {
    const status = await stat(path);
    if (!status.isDirectory())
      return { refusal: 'it is no folder', freeBytes: 0, device: status.dev };
    const { bavail, bsize } = await statfs(path);
    return { refusal: await refusalOf(path), freeBytes: bavail * bsize, device: status.dev };
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return undefined;
    throw placeError(`look at ${path}`, error);
  }
}

async function refusalOf(path: string): Promise<string> {
  try {
    await access(path, constants.W_OK | constants.X_OK);
    return '';
  } catch (error) {
    return errorCode(error);
  }
}

/**
 * Gives a folder or file another name in the same file system, for good: what is there already is
 * not replaced.
 * @throws HostError SLAPOS_ERR_FILE
 */
export async function moveEntry(from: string, to: string): Promise<void> {
  const what = `move ${from} to ${to}`;
  const isTaken = await lstat(to).then(
    () => true,
    () => false,
  );
  if (isTaken) throw placeError(what, Object.assign(new Error('EEXIST'), { code: 'EEXIST' }));
  try {
    await rename(from, to);
    for (const folder of new Set([dirname(from), dirname(to)])) await syncFolder(folder);
  } catch (error) {
    throw placeError(what, error);
  }
}

function placeError(what: string, cause: unknown): HostError {
  const { errno = 0, syscall = '' } = cause as NodeJS.ErrnoException;
  const code = errorCode(cause);
  const message = `Cannot ${what}: ${code || errorMessage(cause)}.`;
  return new HostError('SLAPOS_ERR_FILE', message, { errno: Math.abs(errno), syscall }, { cause });
}
