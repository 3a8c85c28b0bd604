/** Measures partition folders, one after the other, when they are due (spec/collect.md 7). */
import { join } from 'node:path';
import { errorMessage } from '../errors/slapos-error.ts';
import type { Logger } from '../log/logger.ts';
import type { CollectHost } from './collect-host.ts';
import type { CollectDatabase } from './database.ts';
import { folderWaitS, parsePid, SMALLEST_RECORDED_KIB } from './folder-plan.ts';
import type { CollectUser, RunStamp } from './sample.ts';
import type { FolderSettings } from './settings.ts';

type FolderHost = Pick<
  CollectHost,
  | 'files'
  | 'replaceFile'
  | 'isAlive'
  | 'pid'
  | 'diskUsage'
  | 'diskLinkedUsage'
  | 'diskQuota'
  | 'nowMs'
>;

export interface FolderInput {
  readonly host: FolderHost;
  readonly database: CollectDatabase;
  readonly settings: FolderSettings;
  readonly stamp: RunStamp;
  readonly log: Logger;
  /**
   * When folders were measured that are too small for the database, for who runs every minute: by
   * name of the user, milliseconds since the epoch.
   */
  readonly smallFolders?: Map<string, number> | undefined;
}

/** How long a folder that was small is left alone. */
const SMALL_FOLDER_MS = 600_000;

/** Measures one partition if it is due, and records it if it is large enough. */
export async function measurePartition(input: FolderInput, user: CollectUser): Promise<void> {
  const { host, database, settings, stamp, log } = input;
  const last = await database.use((store) => store.findFolderStamp(user.name, stamp));
  const waitS = folderWaitS(last, settings.cycleS, host.nowMs());
  if (waitS > 0) {
    log.info(
      `Time cycle is not over (${Math.ceil(waitS)} seconds remaining). ` +
        `No computation of disk usage on the partition ${user.name}.`,
    );
    return;
  }
  if (wasSmall(input, user)) return;
  if ((await host.files.stat(user.path)) === undefined) return;
  const usedKib = await withPidFile(input, user, () => measureKib(input, user));
  if (usedKib === undefined) return;
  if (usedKib <= SMALLEST_RECORDED_KIB) {
    log.debug(
      `Disk usage of the partition ${user.name}: ${usedKib}. Ignoring insertion in the dataset.`,
    );
    input.smallFolders?.set(user.name, host.nowMs());
    return;
  }
  await database.use((store) => store.insertFolder(stamp, { partition: user.name, usedKib }));
}

/** Without a row in the database a folder would be measured at every run. */
function wasSmall({ host, settings, smallFolders }: FolderInput, { name }: CollectUser): boolean {
  const measuredMs = smallFolders?.get(name);
  if (measuredMs === undefined) return false;
  const ageMs = Math.abs(host.nowMs() - measuredMs);
  return ageMs < Math.min(settings.cycleS * 1000, SMALL_FOLDER_MS);
}

/**
 * Runs a measure under the pid file that upstream looks at, and removes it afterwards. Resolves to
 * undefined when the process in it still lives.
 */
async function withPidFile<Result>(
  { host, settings, log }: FolderInput,
  user: CollectUser,
  work: () => Promise<Result>,
): Promise<Result | undefined> {
  const path = join(settings.pidFolder, `${user.name}_disk_size.pid`);
  const pid = parsePid((await host.files.readText(path)) ?? '');
  if (pid !== undefined && pid !== host.pid && host.isAlive(pid)) {
    log.warning(`Process ${pid} still in progress. Try later.`);
    return undefined;
  }
  await host.files.mkdir(settings.pidFolder, { mode: 0o755, isRecursive: true });
  await host.replaceFile(path, `${host.pid}`);
  try {
    return await work();
  } finally {
    await host.files.remove(path);
  }
}

async function measureKib(input: FolderInput, user: CollectUser): Promise<number> {
  const { host, log } = input;
  const quotaBytes = input.settings.isQuotaUsed ? await readQuota(input, user) : undefined;
  const own =
    quotaBytes === undefined ? await host.diskUsage(user.path) : { bytes: quotaBytes, failures: 0 };
  // A quota tells of the whole file system, linked folders on it included.
  const apartFrom = quotaBytes === undefined ? '' : user.path;
  const linked = await host.diskLinkedUsage(join(user.path, 'DATA'), apartFrom);
  const failures = own.failures + linked.failures;
  if (failures > 0) log.warning(`${failures} folders of ${user.path} could not be read.`);
  return (own.bytes + linked.bytes) / 1024;
}

/** Bytes that the owner of a partition uses, in whole KiB; undefined without user quotas. */
async function readQuota(
  { host, log }: FolderInput,
  user: CollectUser,
): Promise<number | undefined> {
  try {
    const { bytes, uid } = await host.diskQuota(user.path);
    log.debug(`Disk usage of the partition ${user.name} is what the quota of user ${uid} says.`);
    return Math.ceil(bytes / 1024) * 1024;
  } catch (error) {
    log.info(`No quota of ${user.name} to be had, its folder is walked: ${errorMessage(error)}`);
    return undefined;
  }
}
