/** What `database_uri` names: the file of an SQLite database, or a PostgreSQL server. Pure. */
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { SlaposError } from '../errors/slapos-error.ts';
import { boundedText } from '../slap/bounded-text.ts';

/** `postgres://…` and `postgresql://…`; everything else is a path. */
export function isPostgresUri(databaseUri: string): boolean {
  return /^postgres(ql)?:\/\//i.test(databaseUri);
}

/**
 * What is meant as an address and would be made a file, with the password in its name: another
 * scheme, an address in quotes or with a slash too few, libpq's other form.
 */
const MISTAKEN =
  /^["'\s]*(?:[a-z][a-z0-9+.-]*:\/\/|postgres[a-z0-9+.-]*:|(?:host|hostaddr|port|user|password|dbname|service)\s*=)/i;

/**
 * The absolute path of a file, the address of a server as it is.
 * @throws SlaposError SLAPOS_ERR_DATABASE for an address that is none of PostgreSQL.
 */
export function locateDatabase(cwd: string, databaseUri: string): string {
  if (isPostgresUri(databaseUri)) return databaseUri;
  if (!MISTAKEN.test(databaseUri)) return resolve(cwd, databaseUri);
  const shown = boundedText(redactDatabaseUri(databaseUri));
  throw new SlaposError('SLAPOS_ERR_DATABASE', `Database ${shown}: it is no address of ours.`, {
    hint: 'Write postgres://user@host/database without quotes, or the path of a file.',
    context: { database: shown },
  });
}

/** Of the process that asks for a folder. */
export interface StateOwner {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  /** Its home, undefined when it has none; only asked where that is needed. */
  readonly findHome: () => string | undefined;
}

/**
 * The folder for what is kept beside the database, such as the token of the panel: `state_folder`,
 * or that of the file; for a server that of the service (systemd.exec(5), STATE_DIRECTORY), or one
 * of the user (XDG Base Directory Specification 0.8). Never the one that a command happens to be
 * started in: what is there is not ours, and another one would have another token.
 * @throws SlaposError SLAPOS_ERR_FILE for a user without a home
 */
export function locateState(
  {
    databaseUri,
    stateFolder,
  }: { readonly databaseUri: string; readonly stateFolder?: string | undefined },
  { cwd, env, uid, findHome }: StateOwner,
): string {
  if (stateFolder !== undefined) return resolve(cwd, stateFolder);
  if (!isPostgresUri(databaseUri)) return dirname(resolve(cwd, databaseUri));
  const ofService = env['STATE_DIRECTORY']?.split(':')[0] ?? '';
  if (isAbsolute(ofService)) return ofService;
  if (uid === 0) return join('/var/lib', STATE_NAME);
  const base = env['XDG_STATE_HOME'] ?? '';
  if (isAbsolute(base)) return join(base, STATE_NAME);
  const home = findHome() ?? '';
  if (isAbsolute(home)) return join(home, '.local/state', STATE_NAME);
  throw new SlaposError('SLAPOS_ERR_FILE', `The user of the proxy (uid ${uid}) has no home.`, {
    hint: STATE_HINT,
  });
}

const STATE_NAME = 'slapos-proxy';
/** For whatever goes wrong with that folder. */
export const STATE_HINT = 'Set state_folder in [slapproxy] to a folder that the proxy may write.';

/** Scheme, slashes and host or user, up to a colon. */
const LOGIN = String.raw`((?<![a-z0-9+.-])(?:[a-z][a-z0-9+.-]*:\/+|postgres[a-z0-9+.-]*:)`;
const WITH_LOGIN = new RegExp(String.raw`${LOGIN}[^:@/?#]*):.*@`, 'is');
const BAD_PORT = new RegExp(
  String.raw`${LOGIN}(?:\[[^\]/?#@]*\]|(?!\[[^\]/?#@]*\])[^:@/?#]*)):(?!\d*(?:[/?#"']|$))[^@]*$`,
  'is',
);
/** Also where its name is not spelt as it should. What comes after it may be part of it. */
const PASSWORD = /((?<![a-z0-9_])(?!passfile)\w*(?:pas|pwd|pw|secret)\w*["']?\s*=).*$/is;

/**
 * For people and logs: without the password, also where the address is written wrongly, such as
 * with a password that is not percent-encoded or in the place of the port, or taken for a path.
 */
export function redactDatabaseUri(databaseUri: string): string {
  return databaseUri
    .replace(WITH_LOGIN, '$1:***@')
    .replace(BAD_PORT, '$1:***')
    .replace(PASSWORD, '$1***');
}
