/** The user of this process. In a container its uid may be in no list of users. */
import { homedir, userInfo } from 'node:os';
import { SlaposError } from '../../errors/slapos-error.ts';

/**
 * Its name, which PostgreSQL takes for one that is not given.
 * @throws SlaposError SLAPOS_ERR_DATABASE when it has none.
 */
export function findSystemUser(): string {
  try {
    return userInfo().username;
  } catch (cause) {
    const message = `The user of this process (uid ${process.getuid?.()}) has no name to log in to the database with.`;
    throw new SlaposError('SLAPOS_ERR_DATABASE', message, {
      cause,
      hint: 'Name the user in database_uri: postgres://USER@host/database.',
    });
  }
}

/** `$HOME`, or what the list of users says; undefined for neither. */
export function findHome(): string | undefined {
  try {
    return homedir() || undefined;
  } catch {
    return undefined;
  }
}
