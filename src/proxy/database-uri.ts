/** What `database_uri` names: the file of an SQLite database, or a PostgreSQL server. Pure. */
import { dirname, resolve } from 'node:path';

/** `postgres://…` and `postgresql://…`; everything else is a path. */
export function isPostgresUri(databaseUri: string): boolean {
  return /^postgres(ql)?:\/\//i.test(databaseUri);
}

/** The absolute path of a file, the address of a server as it is. */
export function locateDatabase(cwd: string, databaseUri: string): string {
  return isPostgresUri(databaseUri) ? databaseUri : resolve(cwd, databaseUri);
}

/**
 * The folder for what is kept beside the database, such as the token of the panel: `state_folder`,
 * or that of the file; for a server that of the service (systemd.exec(5), STATE_DIRECTORY), or the
 * one that the proxy was started in.
 */
export function locateState(
  cwd: string,
  {
    databaseUri,
    stateFolder,
  }: { readonly databaseUri: string; readonly stateFolder?: string | undefined },
  env: Readonly<Record<string, string | undefined>>,
): string {
  if (stateFolder !== undefined) return resolve(cwd, stateFolder);
  if (!isPostgresUri(databaseUri)) return dirname(resolve(cwd, databaseUri));
  return resolve(cwd, env['STATE_DIRECTORY']?.split(':')[0] ?? '');
}

/**
 * For people and logs: without the password, also where the address is written wrongly, such as
 * with a password that is not percent-encoded or in the place of the port.
 */
export function redactDatabaseUri(databaseUri: string): string {
  if (!isPostgresUri(databaseUri)) return databaseUri;
  return databaseUri
    .replace(/^(\w+:\/\/[^:@/?#]*):.*@/, '$1:***@')
    .replace(/^(\w+:\/\/[^@/?#]*):(?!\d*(?:[/?#]|$))[^@]*$/, '$1:***')
    .replace(/([?&](?:password|sslpassword)=)[^&]*/gi, '$1***');
}
