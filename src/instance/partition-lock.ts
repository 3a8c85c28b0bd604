import type { GridContext } from '../grid/context.ts';

/**
 * Takes the lock of a partition; a command that a killed process left running there is ended first.
 * @returns what gives it back.
 * @throws BusyError when another process holds it for too long.
 */
export function lockPartition(context: GridContext, partitionId: string): Promise<() => void> {
  const { host, log, options } = context;
  return host.lockPartition(options.instanceRoot, partitionId, (pid) => {
    log.warning(`Killed process ${pid}, which a run that was killed left in ${partitionId}.`, {
      event: 'instance.orphan_killed',
      partition: partitionId,
      pid,
    });
  });
}
