/** Backups of a PostgreSQL store: SQLite files, as those of a file are, so that either takes both. */
import type { Logger } from '../../log/logger.ts';
import { publish, withCopy } from '../store-backup.ts';
import { digestContent } from './content.ts';
import { PostgresTransfer } from './postgres-content.ts';
import { type TransferOptions, transferStore, writeCopy } from './transfer-store.ts';

export interface ServerBackup {
  /** The server and database, for people. */
  readonly place: string;
  readonly schemaVersion: number;
  readonly partitionCount: number;
}

/**
 * Writes what a server holds, as it is at one moment, to a new file for its owner alone; proxies go on.
 * @throws SlaposError SLAPOS_ERR_DATABASE, or SLAPOS_ERR_FILE when the file exists or cannot be made.
 */
export async function backupServer(
  databaseUri: string,
  target: string,
  defaultComputerId: string,
  log: Logger,
  signal?: AbortSignal,
): Promise<ServerBackup> {
  const transfer = await PostgresTransfer.begin(databaseUri, {
    mode: 'read',
    isAlone: false,
    signal,
  });
  try {
    const content = await transfer.expect();
    return await withCopy(target, async (copy) => {
      const digest = await digestContent(content);
      await writeCopy(content, digest, copy, { defaultComputerId, log, signal });
      signal?.throwIfAborted();
      publish(copy, target);
      const { place, version } = content;
      return { place, schemaVersion: version, partitionCount: digest.partition.rows };
    });
  } finally {
    await transfer.close();
  }
}

/**
 * Replaces what a server holds by the content of a backup, see {@link transferStore}.
 * @param stateFolder gets the former content as SQL text
 */
export async function restoreServer(
  databaseUri: string,
  backup: string,
  {
    defaultComputerId,
    stateFolder,
    log,
    signal,
  }: Pick<TransferOptions, 'defaultComputerId' | 'stateFolder' | 'log' | 'signal'>,
): Promise<ServerBackup & { readonly former: string | undefined }> {
  const report = await transferStore({
    from: backup,
    to: databaseUri,
    defaultComputerId,
    isForced: true,
    isDryRun: false,
    isShared: true,
    stateFolder,
    log,
    signal,
  });
  const { to: place, version, digest, former } = report;
  return { place, schemaVersion: version, partitionCount: digest.partition.rows, former };
}
