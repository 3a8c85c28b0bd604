/** Where a command of the proxy keeps what is beside the database. */
import { locateState } from '../../proxy/database-uri.ts';
import type { ProxyOptions } from '../../proxy/options.ts';
import { findHome } from '../../proxy/postgres/system-user.ts';
import type { CommandContext } from '../command.ts';

/** @throws SlaposError SLAPOS_ERR_FILE for a user without a home, where that is needed */
export function findStateFolder(
  proxy: Pick<ProxyOptions, 'databaseUri' | 'stateFolder'>,
  { cwd, env }: Pick<CommandContext, 'cwd' | 'env'>,
): string {
  return locateState(proxy, { cwd, env, uid: process.geteuid?.() ?? 0, findHome });
}
