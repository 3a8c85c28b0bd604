/** Which partitions of the Master's document a pass looks at (spec/grid.md 7.1). */
import { UsageError } from '../errors/slapos-error.ts';
import type { SlapPartition } from '../slap/master.ts';

/**
 * @param only ids asked for; empty for all
 * @throws UsageError exit 1 naming every unknown id.
 */
export function selectPartitions(
  partitions: readonly SlapPartition[],
  only: readonly string[],
): readonly SlapPartition[] {
  const known = new Set(partitions.map((partition) => partition.partitionId));
  const unknown = [...new Set(only)].filter((id) => !known.has(id)).sort();
  if (unknown.length > 0) {
    const noun = unknown.length === 1 ? 'Unknown partition' : 'Unknown partitions';
    throw new UsageError('SLAPOS_ERR_USAGE', `${noun}: ${unknown.join(', ')}`, {
      hint: 'Partitions are listed by `slapos proxy show --partitions` or on the Master.',
      exitCode: 1,
    });
  }
  return only.length === 0
    ? partitions
    : partitions.filter((partition) => only.includes(partition.partitionId));
}

/** A partition that nobody uses. */
export function isFreePartition(partition: SlapPartition): boolean {
  return partition.requestedState === 'destroyed' && partition.softwareReleaseUrl === null;
}

/** Entries of a free partition's folder that should not be there. */
export function listLeftovers(names: readonly string[]): readonly string[] {
  return names.filter((name) => name !== '.slapos-resource');
}
