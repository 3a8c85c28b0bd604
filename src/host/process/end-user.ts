/**
 * The end of what a partition's user has outside of its folder. The user stays, for the next
 * instance of that partition, which must meet nothing of the one before.
 */

import { detachUserMounts } from '../folder/user-mounts.ts';
import { loadNative, type NativeAddon } from '../native.ts';
import type { UserIdentity } from '../user/user.ts';

/** What writes to a slow disk ends late; what waits for a dead one never does. */
const TIMEOUT_MS = 10_000;

/**
 * Folders in which every user may leave something that outlives its processes, or is run later
 * (crontabs, at). All are root's and sticky: nobody else can replace what stands there.
 */
const SHARED_FOLDERS = [
  '/tmp',
  '/var/tmp',
  '/dev/shm',
  '/dev/mqueue',
  '/var/spool/cron/crontabs',
  '/var/spool/cron/atjobs',
];

export interface UserEnd {
  /** Processes that there were. */
  readonly found: number;
  /** Those that cannot be ended. */
  readonly left: number;
  /** Those of containers that have the same users: they are somebody else's and go on. */
  readonly contained: number;
}

export interface UserTraces {
  /** What there was, for the log. */
  readonly removed: readonly string[];
  /** What stays, such as a folder in which something is mounted, and why. */
  readonly failures: readonly string[];
}

/**
 * Kills all processes of a user, by its real uid, and waits for their end.
 * @throws NativeFailure for root and for the user of this process.
 */
export function endUserProcesses(
  { uid }: Pick<UserIdentity, 'uid'>,
  addon: Pick<NativeAddon, 'procEndUser'> = loadNative(),
): Promise<UserEnd> {
  return addon.procEndUser({ uid, timeoutMs: TIMEOUT_MS });
}

/** Removes mounts, IPC objects, and files in folders that all users share; none of its processes may run. */
export async function removeUserTraces(
  { uid }: Pick<UserIdentity, 'uid'>,
  folders: readonly string[] = SHARED_FOLDERS,
  addon: Pick<NativeAddon, 'ipcRemove' | 'removeOwned'> = loadNative(),
): Promise<UserTraces> {
  const removed: string[] = [];
  const failures: string[] = [];
  const mounts = await detachUserMounts((mount) => mount.uid === uid);
  if (mounts > 0) removed.push(`${mounts} mount(s)`);
  const objects = await addon.ipcRemove({ uid });
  if (objects > 0) removed.push(`${objects} System V IPC object(s)`);
  for (const folder of folders) {
    const outcome = await addon.removeOwned({ folder, uid });
    if (outcome.removed > 0) removed.push(`${outcome.removed} in ${folder}`);
    for (const failure of outcome.failures) {
      if (failure !== null) failures.push(`${failure.detail}: ${failure.code}`);
    }
  }
  return { removed, failures };
}
