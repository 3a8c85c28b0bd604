/** The partition's own certificate, as the Master gives it (spec/grid.md 7.4). */
import { join } from 'node:path';
import { errorCode, SlaposError } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import { ownedBy } from '../grid/owner.ts';
import type { Partition } from './partition.ts';

export interface CertificatePaths {
  readonly keyFile: string;
  readonly certFile: string;
}

/** Where the files are; empty texts without a certificate repository. */
export function certificatePaths(repository: string | undefined, id: string): CertificatePaths {
  if (repository === undefined) return { keyFile: '', certFile: '' };
  return { keyFile: join(repository, `${id}.key`), certFile: join(repository, `${id}.crt`) };
}

/**
 * Asks the Master for the certificate and writes what changed, 0400 and owned by the partition.
 * Without a certificate repository nothing is asked.
 * @throws SlaposError when the Master does not know the partition; MasterError otherwise.
 */
export async function refreshCertificate(
  context: GridContext,
  partition: Partition,
): Promise<void> {
  const repository = context.options.certificateRepository;
  if (repository === undefined) return;
  const { certificate, key } = await context.master
    .getPartitionCertificate(partition.masterId)
    .catch((error: unknown) => {
      if (errorCode(error) !== 'SLAPOS_ERR_MASTER_NOT_FOUND') throw error;
      throw new SlaposError(
        'SLAPOS_ERR_PARTITION',
        `Partition ${partition.id} is not known by SlapOS Master.`,
        { cause: error },
      );
    });
  const folder = context.host.openFolder(repository);
  const options = ownedBy(context.host, partition.owner, 0o400);
  for (const [name, text] of [
    [`${partition.id}.crt`, certificate],
    [`${partition.id}.key`, key],
  ] as const) {
    if ((await folder.readText(name)) !== text) await folder.write(name, text, options);
  }
}

/** Removes key and certificate of a partition that was destroyed. */
export async function removeCertificate(context: GridContext, partitionId: string): Promise<void> {
  const repository = context.options.certificateRepository;
  if (repository === undefined) return;
  const folder = context.host.openFolder(repository);
  await folder.remove(`${partitionId}.key`);
  await folder.remove(`${partitionId}.crt`);
}
