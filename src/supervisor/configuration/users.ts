/** Users and groups as the daemon needs them, by name or number in text. */
import { UserDirectory } from '../../host/user/user-directory.ts';
import type { Account } from '../process/spawner.ts';

export class UserTable {
  readonly #directory: UserDirectory;

  constructor(directory = new UserDirectory()) {
    this.#directory = directory;
  }

  /** A text that changes with the user database. */
  version(): string {
    return this.#directory.version();
  }

  /** uid of a user given by name or number; undefined when there is none. */
  findUid(user: string): number | undefined {
    return this.#directory.findUser(keyOf(user))?.uid;
  }

  /** Ids of `user` or `user:group`, each by name or number; the user's primary group by default. */
  findOwner(text: string): { readonly uid: number; readonly gid: number } | undefined {
    const [userName = '', groupName] = text.split(':');
    const user = this.#directory.findUser(keyOf(userName));
    if (user === undefined) return undefined;
    const gid =
      groupName === undefined ? user.gid : this.#directory.findGroup(keyOf(groupName))?.gid;
    return gid === undefined ? undefined : { uid: user.uid, gid };
  }

  /** Ids that a process of this user takes. */
  findAccount(uid: number): Account | undefined {
    return this.#directory.identify(uid);
  }
}

function keyOf(text: string): string | number {
  return /^\d+$/.test(text) ? Number(text) : text;
}
