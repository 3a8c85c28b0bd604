/**
 * Managers: plug-ins of `[slapos] manager_list` (spec/grid.md 12). The commands call the hooks below;
 * `src/manager/` has the managers.
 */
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import type { OwnedFolder } from '../host/grid-host.ts';
import type { UserIdentity } from '../host/user.ts';
import type { Logger } from '../log/logger.ts';
import type { SlapPartition } from '../slap/master.ts';
import type { GridContext } from './context.ts';

/** A partition as managers see it. */
export interface ManagedPartition {
  readonly id: string;
  readonly wish: SlapPartition;
  readonly folder: OwnedFolder;
  readonly owner: UserIdentity;
  readonly log: Logger;
}

/** A software release as managers see it. */
export interface ManagedRelease {
  readonly url: string;
  /** Its folder, which need not exist. */
  readonly path: string;
}

/**
 * Every hook may be called again after a pass that was cut off, and alone. A hook that rejects makes
 * the release or partition fail; the other managers are called all the same.
 */
export interface Manager {
  readonly name: string;
  /**
   * Paths in a partition by which it asks: for a partition that is up to date, and has neither one of
   * them nor a group of the manager, the hooks of `node instance` are not called.
   */
  readonly asksBy: readonly string[];
  /**
   * The manager's own group of services of a partition is `<id>-<groupSuffix>`: it outlives a
   * regeneration of the partition's services.
   */
  readonly groupSuffix?: string;
  /** Before a software release is looked at. */
  software?(context: GridContext, release: ManagedRelease): Promise<void>;
  /** After a software release was processed without an error. */
  softwareTearDown?(context: GridContext, release: ManagedRelease): Promise<void>;
  /** Before it is decided whether a partition is up to date. */
  instance?(context: GridContext, partition: ManagedPartition): Promise<void>;
  /** After a partition was processed or found up to date, whatever came of it. */
  instanceTearDown?(context: GridContext, partition: ManagedPartition): Promise<void>;
  /**
   * A destroyed partition whose services were stopped, in every pass until it is free.
   * @param isRetained true when it may not be emptied yet
   */
  report?(context: GridContext, partition: ManagedPartition, isRetained: boolean): Promise<void>;
}

/** Calls a hook of every manager, in the order of `manager_list`. @throws the first failure. */
export async function eachManager(
  { managers }: GridContext,
  hook: (manager: Manager) => Promise<void> | undefined,
): Promise<void> {
  const failures: unknown[] = [];
  for (const manager of managers) {
    try {
      await hook(manager);
    } catch (error) {
      if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') throw error;
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** Works on a partition, then gives the managers their last word. */
export async function withTearDown<Result>(
  context: GridContext,
  partition: ManagedPartition,
  work: () => Promise<Result>,
): Promise<Result> {
  const tearDown = () =>
    eachManager(context, (manager) => manager.instanceTearDown?.(context, partition));
  let result: Result;
  try {
    result = await work();
  } catch (error) {
    if (errorCode(error) === 'SLAPOS_ERR_CANCELLED') throw error;
    // What made the instance fail matters more than what a manager says after it.
    await tearDown().catch((other: unknown) => {
      partition.log.warning(`${errorMessage(other)} Ignoring: the instance failed before.`);
    });
    throw error;
  }
  await tearDown();
  return result;
}
