/**
 * Another folder in the place of one that was emptied. What its owner gave away of the old one would
 * be worth something on the next content otherwise: access control lists (acl(5)) that leave the mode
 * as it is, open descriptors and watches of other users, inode flags.
 */
import { chmod, chown, lstat, mkdir, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCode, errorMessage, HostError, isSlaposError } from '../../errors/slapos-error.ts';
import type { KeptFile, OwnedFolder } from '../grid-host.ts';
import type { FileStatus } from '../host.ts';
import { isOwnersDoing } from './beneath-refusal.ts';
import { openOwnedFolder } from './owned-folder.ts';

const CLOSED_MODE = 0o700;
/** Of the file that stays: format's are some KB. */
const MAX_KEPT_BYTES = 1024 * 1024;

/** The name of the new folder until it takes its place. */
export function renewalName(name: string): string {
  return `.${name}.slapos-new`;
}

/**
 * Replaces a folder that holds nothing, but for one file, by a new one of the same owner and
 * mode with a copy of that file. Killed in between, it does the rest when it is called again.
 * @param path in a folder that only we can change
 * @returns false where it stays as it is: something is mounted on it, or we may not write beside it.
 * @throws HostError SLAPOS_ERR_FILE, also when somebody put something into it meanwhile
 */
export async function renewFolder(path: string, kept?: KeptFile): Promise<boolean> {
  const fresh = join(dirname(path), renewalName(basename(path)));
  const before = await lstat(path);
  if (before.dev !== (await lstat(dirname(path))).dev) return false;
  let content: KeptContent | undefined;
  try {
    content = kept === undefined ? undefined : await readKept([path, fresh], kept);
    // It may be its owner's already, of a run that was killed: nothing is reached by name there.
    await openOwnedFolder(dirname(path)).remove(basename(fresh));
    await mkdir(fresh, { mode: CLOSED_MODE });
    if (content !== undefined) {
      await writeKept(fresh, content);
      await openOwnedFolder(path).remove(content.name);
    }
    await chown(fresh, before.uid, before.gid);
    await chmod(fresh, before.mode & 0o7777);
    await rename(fresh, path);
    return true;
  } catch (error) {
    if (mayNotWriteBeside(error)) return false;
    if (errorCode(error) === 'EBUSY') return stay(path, content);
    const hint = 'Look for what writes there; the next run tries again.';
    const why = isSlaposError(error) ? errorMessage(error) : `${errorCode(error)}.`;
    const message = `Cannot replace ${path} by a new folder: ${why}`;
    throw new HostError('SLAPOS_ERR_FILE', message, error as object, { cause: error, hint });
  }
}

/** A mount of the same disk cannot be replaced: what was moved already comes back. */
async function stay(path: string, content: KeptContent | undefined): Promise<false> {
  if (content !== undefined) await writeKept(path, content);
  await openOwnedFolder(dirname(path)).remove(renewalName(basename(path)));
  return false;
}

/** A grid without root may have the folders of its partitions but not the one that holds them. */
function mayNotWriteBeside(error: unknown): boolean {
  const { syscall } = error as NodeJS.ErrnoException;
  return syscall === 'mkdir' && ['EACCES', 'EPERM'].includes(errorCode(error));
}

interface KeptContent {
  readonly name: string;
  readonly text: string;
  readonly status: FileStatus;
}

async function writeKept(path: string, { name, status, text }: KeptContent): Promise<void> {
  const { gid, uid } = status;
  // The file may be another one than was read, or its mode its user's: no set-id bits.
  const mode = status.mode & 0o777;
  await openOwnedFolder(path).write(name, text, { gid, mode, uid });
}

/** From the old folder, or from the new one of a run that was killed after it had moved. */
async function readKept(
  folders: readonly string[],
  kept: KeptFile,
): Promise<KeptContent | undefined> {
  for (const path of folders) {
    const folder = openOwnedFolder(dirname(path), basename(path));
    const text = await readOrRemove(folder, kept);
    const status = await folder.stat(kept.name);
    if (text !== undefined && status !== undefined) return { name: kept.name, text, status };
  }
  return undefined;
}

/** Its owner may have made it what we do not take, and must not keep the folder by that. */
async function readOrRemove(
  folder: OwnedFolder,
  { name, warn }: KeptFile,
): Promise<string | undefined> {
  try {
    return (await folder.readSole(name, MAX_KEPT_BYTES))?.toString();
  } catch (error) {
    if (!isOwnersDoing(error)) throw error;
    warn(`${errorMessage(error)} It is removed.`);
    await folder.remove(name);
    return undefined;
  }
}
