/** Passwords from the file of libpq (PostgreSQL manual 34.16). */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, errorMessage, SlaposError } from '../../errors/slapos-error.ts';
import type { PostgresTarget } from './postgres-uri.ts';

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Home of the user of this process, undefined when there is none; only asked for `~/.pgpass`. */
  readonly findHome: () => string | undefined;
}

/**
 * Looked up for every connection, so that a password can change under a running proxy: the one of
 * the address, `PGPASSWORD`, then the file that `passfile` or `PGPASSFILE` names, or `~/.pgpass`.
 * @returns undefined when none is given
 * @throws SlaposError SLAPOS_ERR_DATABASE for a file that others may read, or that was named and cannot be read.
 */
export function findPassword(
  target: PostgresTarget,
  { env, findHome }: Surroundings,
): string | undefined {
  const given = target.password ?? env['PGPASSWORD'];
  if (given !== undefined && given !== '') return given;
  const named = target.passwordFile ?? env['PGPASSFILE'];
  const home = named === undefined ? findHome() : undefined;
  const path = named ?? (home === undefined ? undefined : join(home, '.pgpass'));
  const text = path === undefined ? undefined : readPrivately(path, named !== undefined);
  return text === undefined ? undefined : searchPasswords(text, target);
}

function readPrivately(path: string, isNamed: boolean): string | undefined {
  try {
    const { mode } = statSync(path);
    if ((mode & 0o077) !== 0)
      throw problem(`${path} may be read by others: its mode must be 0600.`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof SlaposError) throw error;
    if (!isNamed && ['ENOENT', 'ENOTDIR', 'EACCES'].includes(errorCode(error))) return undefined;
    throw problem(`The password of the database cannot be read: ${errorMessage(error)}`);
  }
}

/** The first line whose four fields fit. Pure. */
export function searchPasswords(
  text: string,
  { host, port, database, user }: Pick<PostgresTarget, 'host' | 'port' | 'database' | 'user'>,
): string | undefined {
  const hosts = host.startsWith('/') ? [host, 'localhost'] : [host];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const [lineHost, linePort, lineDatabase, lineUser, password] = splitFields(line);
    if (password === undefined) continue;
    const fits = (value: string | undefined, wanted: readonly string[]): boolean => {
      return value === '*' || (value !== undefined && wanted.includes(value));
    };
    const isFound =
      fits(lineHost, hosts) &&
      fits(linePort, [String(port)]) &&
      fits(lineDatabase, [database]) &&
      fits(lineUser, [user]);
    if (isFound) return password;
  }
  return undefined;
}

/** A backslash takes the special meaning of `:` and of itself. */
function splitFields(line: string): string[] {
  const fields = [''];
  for (const [token] of line.matchAll(/\\.|[^\\]|\\$/gs)) {
    if (token === ':' && fields.length < 5) fields.push('');
    else fields[fields.length - 1] += token.length === 2 ? token.slice(1) : token;
  }
  return fields;
}

function problem(message: string): SlaposError {
  return new SlaposError('SLAPOS_ERR_DATABASE', message, {
    hint: 'Write the password into a file of mode 0600 with one line host:port:database:user:password.',
  });
}
