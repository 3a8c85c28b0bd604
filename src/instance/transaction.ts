/** The file in which the slap library notes what an instance requested (spec/grid.md 7.2.8). */
import { splitLines } from '../config/values.ts';
import { errorCode, errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import type { Partition } from './partition.ts';

/** Ten thousand requests. */
const MAX_BYTES = 1024 * 1024;

export function transactionFile(partitionId: string): string {
  return `.slapos-request-transaction-${partitionId}`;
}

/** References in a transaction file. */
export function parseTransaction(text: string): readonly string[] {
  return splitLines(text);
}

/** Tells the Master what the instance still requests, when the file exists; the file stays. */
export async function endTransaction(context: GridContext, partition: Partition): Promise<void> {
  const bytes = await partition.folder.readSole(transactionFile(partition.id), MAX_BYTES);
  if (bytes === undefined) return;
  await context.master
    .updateRelatedInstances(partition.masterId, parseTransaction(bytes.toString()))
    .catch((error: unknown) => {
      if (errorCode(error) !== 'SLAPOS_ERR_MASTER_NOT_FOUND') throw error;
      partition.log.warning(
        `The Master does not take lists of requested instances: ${errorMessage(error)}, ignoring`,
      );
    });
}
