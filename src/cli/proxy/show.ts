/** `proxy show`: prints the database of the proxy (spec/proxy.md 12). */
import { spawnPager } from '../../host/log/pager.ts';
import { locateDatabase, redactDatabaseUri } from '../../proxy/database-uri.ts';
import { parseDatabaseUri } from '../../proxy/options.ts';
import {
  DEFAULT_SECTIONS,
  renderSection,
  SHOW_SECTIONS,
  type ShownState,
} from '../../proxy/show.ts';
import { listReports } from '../../proxy/status.ts';
import type { ProxyTables } from '../../proxy/store.ts';
import { openStoreReadOnly } from '../../proxy/store-open.ts';
import type { CommandContext, CommandHandler } from '../command.ts';

const DEFAULT_PAGER = 'less --quit-if-one-screen --no-init';

export const run: CommandHandler = async (context) => {
  const databaseUri = parseDatabaseUri(context.config, context.options);
  const store = await openStoreReadOnly(locateDatabase(context.cwd, databaseUri), context.log);
  const { schemaVersion } = store;
  const rows = await store.read(readRows).finally(() => store.close());
  const state = { schemaVersion, ...rows };
  const chosen = SHOW_SECTIONS.filter((section) => context.options[section] === true);
  const sections = (chosen.length === 0 ? DEFAULT_SECTIONS : chosen).map((section) => {
    return renderSection(section, state)
      .map((line) => `${line}\n`)
      .join('');
  });
  await print(
    `Using database: ${redactDatabaseUri(databaseUri)}\n${sections.join(' \n')}`,
    context,
  );
  return 0;
};

async function readRows(tables: ProxyTables): Promise<Omit<ShownState, 'schemaVersion'>> {
  return {
    computers: await tables.listComputers(),
    software: await tables.listSoftware(null),
    partitions: await tables.listPartitions(null),
    slaves: await tables.listSlaves(),
    addresses: await tables.listAddresses(null),
    reports: await listReports(tables),
  };
}

/** Through the user's pager on a terminal, as upstream; `$PAGER` is a shell command. */
async function print(text: string, { output, env }: CommandContext): Promise<void> {
  if (!output.isTerminal) {
    output.write(text);
    return;
  }
  const pager = env['PAGER'] ?? DEFAULT_PAGER;
  if (!(await spawnPager(pager, text))) output.write(text);
}
