/** `.slapgrid-<id>-error.log`: exists only after a failure; a monitoring promise reads it. */
import type { GridContext } from '../grid/context.ts';
import { ownedBy } from '../grid/owner.ts';
import type { Partition } from './partition.ts';

export function errorLogFile(partitionId: string): string {
  return `.slapgrid-${partitionId}-error.log`;
}

export async function writeErrorLog(
  context: GridContext,
  partition: Partition,
  text: string,
): Promise<void> {
  const options = ownedBy(context.host, partition.owner, 0o644);
  await partition.folder.write(errorLogFile(partition.id), text, options);
}
