/** The account files of a FakeHost. */
import type { GroupEntry, NameAnswer, NameQuery, PasswdEntry } from '../../src/host/host.ts';
import type { AccountTransaction } from '../../src/host/native.ts';

interface FakeAccounts {
  readonly users: Map<string, PasswdEntry>;
  readonly groups: Map<string, GroupEntry>;
  readonly passwords: Map<string, string>;
}

/** Everything of a transaction but the groups that it adds. */
export function applyUsers(accounts: FakeAccounts, transaction: AccountTransaction): void {
  for (const user of transaction.addUsers) {
    if (accounts.users.has(user.name)) throw new Error(`${user.name} exists`);
    accounts.users.set(user.name, { ...user, password: 'x' });
  }
  for (const { name, ...change } of transaction.changeUsers) {
    accounts.users.set(name, { ...(accounts.users.get(name) as PasswdEntry), ...change });
  }
  for (const name of transaction.removeUsers) {
    accounts.users.delete(name);
    accounts.passwords.delete(name);
    for (const [key, group] of accounts.groups) {
      const members = group.members.filter((member) => member !== name);
      accounts.groups.set(key, { ...group, members });
    }
  }
  for (const name of transaction.removeGroups) accounts.groups.delete(name);
  for (const name of transaction.lockUsers) accounts.passwords.set(name, '!');
  for (const { group, user } of transaction.addMembers) {
    const entry = accounts.groups.get(group) as GroupEntry;
    accounts.groups.set(group, { ...entry, members: [...entry.members, user] });
  }
}

/** What a name service that knows these answers. */
export function findNames(known: NameAnswer, query: NameQuery): NameAnswer {
  return {
    users: known.users.filter(({ name, uid }) => isAsked(query.users, name, uid)),
    groups: known.groups.filter(({ name, gid }) => isAsked(query.groups, name, gid)),
  };
}

function isAsked(keys: ReadonlyArray<string | number>, name: string, id: number): boolean {
  return keys.includes(name) || keys.includes(id);
}
