/** Calls managers, the plug-ins of `[slapos] manager_list` (spec/grid.md 12), from commands. */
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import type { GridContext, ManagedPartition, Manager } from './context.ts';

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
