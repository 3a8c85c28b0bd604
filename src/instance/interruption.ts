/** The end of a pass by a signal (spec/grid.md 3: the Master is told of Ctrl-C as of a failure). */
import { setTimeout as sleep } from 'node:timers/promises';
import { CancelledError } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import { notifyError } from './notify.ts';
import type { Partition } from './partition.ts';

/** Nobody waits longer for a command that was told to end. */
const PATIENCE_MS = 5000;

export function interrupted(): CancelledError {
  return new CancelledError('SLAPOS_ERR_CANCELLED', 'Interrupted.');
}

/** Tells the Master that a partition is half processed: without `.timestamp` the next pass goes on. */
export async function tellInterruption(context: GridContext, partition: Partition): Promise<void> {
  const text = `Interrupted while Computer Partition '${partition.id}' was processed.`;
  partition.log.warning(text, { event: 'instance.interrupted', partition: partition.id });
  await Promise.race([
    notifyError(context, partition.masterId, text),
    sleep(PATIENCE_MS, undefined, { ref: false }),
  ]);
}
