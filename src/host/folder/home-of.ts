import { UserDirectory } from '../user/user-directory.ts';

/** Home of a user of this machine by name; undefined when there is no such user. */
export function homeOf(user: string): string | undefined {
  return new UserDirectory().findUser(user)?.home;
}
