/** `proxy backup`: a copy of the database of the proxy. */
import { resolve } from 'node:path';
import { parseDatabaseUri } from '../../proxy/options.ts';
import { backupStore } from '../../proxy/store-backup.ts';
import type { CommandHandler } from '../command.ts';

export const run: CommandHandler = async ({ config, options, cwd, positionals, output }) => {
  const database = resolve(cwd, parseDatabaseUri(config, options));
  const target = resolve(cwd, positionals[0] ?? '');
  const { schemaVersion, partitionCount } = await backupStore(database, target);
  output.write(
    `Saved ${database} to ${target}: schema version ${schemaVersion}, ${partitionCount} partitions.\n`,
  );
  return 0;
};
