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
  for (const [kind, name, text] of [
    ['certificate', `${partition.id}.crt`, certificate],
    ['key', `${partition.id}.key`, key],
  ] as const) {
    await refreshFile(context, partition, { repository, kind, name, text });
  }
}

interface WantedFile {
  readonly repository: string;
  readonly kind: 'certificate' | 'key';
  readonly name: string;
  readonly text: string;
}

/** A file that is as wanted is not touched; one that belongs to somebody else is made anew. */
async function refreshFile(
  { host }: GridContext,
  { owner, log }: Partition,
  { repository, kind, name, text }: WantedFile,
): Promise<void> {
  const folder = host.openFolder(repository);
  const options = ownedBy(host, owner, 0o400);
  const path = join(repository, name);
  const present = await folder.readText(name);
  if (present === text) {
    const status = await folder.stat(name);
    const { uid = status?.uid, gid = status?.gid } = options;
    if (status?.uid === uid && status?.gid === gid) return;
  } else if (present === undefined) log.info(`Missing ${kind} file. Creating '${path}'`);
  else log.info(`Changed ${kind} content. Updating '${path}'`);
  await folder.write(name, text, options);
}

/** Removes key and certificate of a partition that was destroyed. */
export async function removeCertificate(context: GridContext, partitionId: string): Promise<void> {
  const repository = context.options.certificateRepository;
  if (repository === undefined) return;
  const folder = context.host.openFolder(repository);
  await folder.remove(`${partitionId}.key`);
  await folder.remove(`${partitionId}.crt`);
}
