/** How the promises of a partition are launched. */
import type { GridContext } from '../grid/context.ts';
import type { PromiseCheck } from '../promise/check.ts';
import type { PromiseMode } from '../promise/schedule.ts';
import { certificatePaths } from './certificates.ts';
import type { Partition } from './partition.ts';

/** In test mode all of them, whether due or not: they judge the deployment. */
export function promiseCheck(
  context: GridContext,
  partition: Partition,
  mode: PromiseMode,
): PromiseCheck {
  const { folder, id, log, owner, softwarePath } = partition;
  const certificate = certificatePaths(context.options.certificateRepository, id);
  const bang = (message: string) => bangAs(context, partition, message);
  const check = { folder, owner, log, softwarePath, mode, bang, ...certificate };
  return { ...check, partitionId: id, isForced: mode === 'test' };
}

/** As the partition itself, where partitions have certificates. */
async function bangAs(
  { master, openMaster, options }: GridContext,
  { id, masterId }: Partition,
  message: string,
): Promise<void> {
  const { certFile, keyFile } = certificatePaths(options.certificateRepository, id);
  if (keyFile === '' || openMaster === undefined) return master.bangInstance(masterId, message);
  const own = openMaster({ certFile, keyFile });
  try {
    await own.bangInstance(masterId, message);
  } finally {
    await own.close();
  }
}
