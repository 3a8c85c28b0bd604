/** `proxy restore`: the content of a backup becomes that of the database of the proxy. */
import { resolve } from 'node:path';
import { parseProxyOptions } from '../../proxy/options.ts';
import { restoreStore } from '../../proxy/store-backup.ts';
import type { CommandHandler } from '../command.ts';

export const run: CommandHandler = async ({ config, options, cwd, positionals, output, log }) => {
  const { databaseUri, computerId } = parseProxyOptions(config, options);
  const database = resolve(cwd, databaseUri);
  const backup = resolve(cwd, positionals[0] ?? '');
  const restored = await restoreStore(database, backup, computerId, log);
  const facts = `schema version ${restored.schemaVersion}, ${restored.partitionCount} partitions`;
  output.write(`Restored ${database} from ${backup}: ${facts}.\n`);
  if (restored.former !== undefined) {
    output.write(`The former content is in ${restored.former}\n`);
  }
  return 0;
};
