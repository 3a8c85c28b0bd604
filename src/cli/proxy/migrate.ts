/** `proxy migrate`: the content of one store becomes that of another. */
import { UsageError } from '../../errors/slapos-error.ts';
import { locateDatabase, redactDatabaseUri } from '../../proxy/database-uri.ts';
import { parseProxyOptions } from '../../proxy/options.ts';
import { PROXY_TABLES } from '../../proxy/schema.ts';
import { type TransferReport, transferStore } from '../../proxy/transfer/transfer-store.ts';
import type { CommandContext, CommandHandler } from '../command.ts';
import { findStateFolder } from './state-folder.ts';

export const run: CommandHandler = async (context) => {
  const { config, options, cwd, env, log, output, signal } = context;
  const to = text(context, 'to');
  if (to === undefined) throw noTarget();
  const proxy = parseProxyOptions(config, { ...options, database_uri: options['from'] });
  const isDryRun = options['dry_run'] === true;
  const report = await transferStore({
    from: locateDatabase(cwd, proxy.databaseUri),
    to: locateDatabase(cwd, to),
    defaultComputerId: proxy.computerId,
    isForced: options['force'] === true,
    isDryRun,
    isShared: false,
    stateFolder: findStateFolder(proxy, { cwd, env }),
    log,
    signal,
  });
  output.write(renderReport(report, to, isDryRun));
  return 0;
};

function text({ options }: CommandContext, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function renderReport(report: TransferReport, to: string, isDryRun: boolean): string {
  const { from, version, digest, former, formerRows } = report;
  const counts = PROXY_TABLES.map((table) => {
    return `  ${table.padEnd(28)}${String(digest[table].rows).padStart(9)}`;
  });
  const head = `From ${from} (schema version ${version}) to ${report.to}:`;
  const held = `${report.to} holds ${formerRows} rows, which --force replaces.`;
  const end = isDryRun
    ? [...(formerRows > 0 ? [held] : []), 'Nothing was changed.']
    : [
        ...(former === undefined ? [] : [`The former content is in ${former}`]),
        'Copied in one transaction, read back and compared.',
        `Set database_uri = ${redactDatabaseUri(to)} in section [slapproxy], then start the proxy.`,
      ];
  return [head, ...counts, ...end].map((line) => `${line}\n`).join('');
}

function noTarget(): UsageError {
  return new UsageError('SLAPOS_ERR_USAGE', '--to is required.', {
    hint: 'Name a file or a server: --to postgres://user@host/database.',
  });
}
