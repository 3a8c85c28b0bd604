/** `proxy restore`: the content of a backup becomes that of the database of the proxy. */
import { resolve } from 'node:path';
import { isPostgresUri, locateDatabase } from '../../proxy/database-uri.ts';
import { parseProxyOptions } from '../../proxy/options.ts';
import { restoreStore } from '../../proxy/store-backup.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import { findStateFolder } from './state-folder.ts';

export const run: CommandHandler = async (context) => {
  const { cwd, positionals, output } = context;
  const backup = resolve(cwd, positionals[0] ?? '');
  const { place, schemaVersion, partitionCount, former } = await restore(backup, context);
  const facts = `schema version ${schemaVersion}, ${partitionCount} partitions`;
  output.write(`Restored ${place} from ${backup}: ${facts}.\n`);
  if (former !== undefined) output.write(`The former content is in ${former}\n`);
  return 0;
};

async function restore(backup: string, { config, options, cwd, env, log, signal }: CommandContext) {
  const proxy = parseProxyOptions(config, options);
  const { computerId: defaultComputerId, databaseUri } = proxy;
  const place = locateDatabase(cwd, databaseUri);
  if (!isPostgresUri(place)) {
    return { place, ...(await restoreStore(place, backup, defaultComputerId, log, signal)) };
  }
  const { restoreServer } = await import('../../proxy/transfer/server-backup.ts');
  const stateFolder = findStateFolder(proxy, { cwd, env });
  return restoreServer(place, backup, { defaultComputerId, stateFolder, log, signal });
}
