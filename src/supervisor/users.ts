/** Users and groups as the daemon needs them: read again only when the files change. */
import { readFileSync, statSync } from 'node:fs';
import { parseGroup, parsePasswd } from '../host/account.ts';
import type { GroupEntry, PasswdEntry } from '../host/host.ts';
import { findUser } from '../host/user.ts';
import type { Account } from './spawner.ts';

interface Tables {
  readonly version: string;
  readonly users: readonly PasswdEntry[];
  readonly groups: readonly GroupEntry[];
}

export class UserTable {
  readonly #etc: string;
  #tables: Tables | undefined;

  constructor(etc = '/etc') {
    this.#etc = etc;
  }

  /** A text that changes with the user database. */
  version(): string {
    return ['passwd', 'group'].map((name) => fileVersion(`${this.#etc}/${name}`)).join(' ');
  }

  /** uid of a user given by name or number; undefined when passwd(5) has none. */
  findUid(user: string): number | undefined {
    const { users } = this.#read();
    const isNumber = /^\d+$/.test(user);
    return users.find((each) => (isNumber ? each.uid === Number(user) : each.name === user))?.uid;
  }

  /** Ids of `user` or `user:group`, each by name or number; the user's primary group by default. */
  findOwner(text: string): { readonly uid: number; readonly gid: number } | undefined {
    const { users, groups } = this.#read();
    const [userName = '', groupName] = text.split(':');
    const byNumber = (name: string) => /^\d+$/.test(name);
    const uid = this.findUid(userName);
    if (uid === undefined) return undefined;
    const group = groups.find(({ name, gid }) => {
      return byNumber(groupName ?? '') ? gid === Number(groupName) : name === groupName;
    });
    const gid = groupName === undefined ? users.find((each) => each.uid === uid)?.gid : group?.gid;
    return gid === undefined ? undefined : { uid, gid };
  }

  /** Ids that a process of this user takes. */
  findAccount(uid: number): Account | undefined {
    const { users, groups } = this.#read();
    return findUser(users, groups, uid);
  }

  #read(): Tables {
    const version = this.version();
    if (this.#tables?.version === version) return this.#tables;
    const read = (name: string) => {
      try {
        return readFileSync(`${this.#etc}/${name}`, 'utf8');
      } catch {
        return ''; // No such database: nobody is known.
      }
    };
    this.#tables = {
      version,
      users: parsePasswd(read('passwd')),
      groups: parseGroup(read('group')),
    };
    return this.#tables;
  }
}

function fileVersion(path: string): string {
  const status = statSync(path, { bigint: true, throwIfNoEntry: false });
  return status === undefined ? '' : `${status.ino}:${status.mtimeNs}:${status.size}`;
}
