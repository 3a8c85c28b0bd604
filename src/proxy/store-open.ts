/** Opens the store that `database_uri` names. Each kind is loaded only when it is. */
import type { Logger } from '../log/logger.ts';
import { isPostgresUri } from './database-uri.ts';
import type { ProxyStore } from './store.ts';

/**
 * Opens a store, makes what is missing of it and converts an old file.
 * @param database as `locateDatabase` gives it: a `postgres://` address or an absolute path
 * @param stateFolder where what does not fit in a database server is written: dumps of it, for
 *   which there must be one
 * @throws SlaposError SLAPOS_ERR_DATABASE when it cannot be opened or is of an unknown version.
 */
export async function openStore(
  database: string,
  defaultComputerId: string,
  log: Logger,
  stateFolder?: string,
): Promise<ProxyStore> {
  if (isPostgresUri(database)) {
    const { openPostgresStore } = await import('./postgres/postgres-store.ts');
    return openPostgresStore(database, { log, stateFolder });
  }
  const { openSqliteStore } = await import('./store-sqlite.ts');
  return openSqliteStore(database, defaultComputerId, log);
}

/**
 * Opens what exists, for reading.
 * @throws SlaposError SLAPOS_ERR_DATABASE when it is missing, empty or of another version.
 */
export async function openStoreReadOnly(database: string, log: Logger): Promise<ProxyStore> {
  if (isPostgresUri(database)) {
    const { openPostgresStore } = await import('./postgres/postgres-store.ts');
    return openPostgresStore(database, { log, stateFolder: undefined, isReadOnly: true });
  }
  const { openSqliteStoreReadOnly } = await import('./store-sqlite.ts');
  return openSqliteStoreReadOnly(database);
}
