/** `proxy backup`: a copy of the database of the proxy. */
import { resolve } from 'node:path';
import { isPostgresUri, locateDatabase } from '../../proxy/database-uri.ts';
import { parseDatabaseUri } from '../../proxy/options.ts';
import { backupStore } from '../../proxy/store-backup.ts';
import type { CommandHandler } from '../command.ts';

export const run: CommandHandler = async ({
  config,
  options,
  cwd,
  positionals,
  output,
  log,
  signal,
}) => {
  const database = locateDatabase(cwd, parseDatabaseUri(config, options));
  const target = resolve(cwd, positionals[0] ?? '');
  if (isPostgresUri(database)) {
    const { backupServer } = await import('../../proxy/transfer/server-backup.ts');
    const computerId =
      config.get('slapproxy', 'computer_id') ?? config.get('slapos', 'computer_id');
    const facts = await backupServer(database, target, computerId ?? '', log, signal);
    output.write(renderSaved(facts.place, target, facts));
  } else output.write(renderSaved(database, target, await backupStore(database, target)));
  return 0;
};

function renderSaved(
  place: string,
  target: string,
  {
    schemaVersion,
    partitionCount,
  }: { readonly schemaVersion: number; readonly partitionCount: number },
): string {
  return `Saved ${place} to ${target}: schema version ${schemaVersion}, ${partitionCount} partitions.\n`;
}
