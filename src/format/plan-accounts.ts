/** Users and groups (spec/format.md 7), decided from one reading of the account files. Pure. */
import { PlanError } from '../errors/slapos-error.ts';
import type { AccountState, GroupEntry, PasswdEntry } from '../host/host.ts';
import type { AccountTransaction } from '../host/native.ts';
import type { Computer } from '../model/computer.ts';
import type { FormatOptions } from './options.ts';
import type { Owner, Step } from './step.ts';

/**
 * First uid and gid that we give. useradd -r has only 100 to 999 and ordinary users are counted
 * from 1000; the block from here to {@link LAST_ID} is ours above whatever it already holds.
 */
export const FIRST_ID = 20000;
/** Last id of ordinary users in login.defs(5); containers often map no more than 65536. */
export const LAST_ID = 59999;

const ACCOUNT_SHELL = '/bin/sh';
const ADMINISTRATOR = 'root';

export interface AccountPlan {
  readonly steps: readonly Step[];
  /** The user with the ids it has after the steps; null when it does not exist. */
  ownerOf(name: string): Owner | null;
}

interface WantedUser {
  readonly name: string;
  readonly home: string;
  readonly group: string | null;
}

export function planAccounts(
  computer: Computer,
  accounts: AccountState,
  options: FormatOptions,
): AccountPlan {
  const planner = new AccountPlanner(accounts);
  if (options.areUsersAltered) {
    planner.want({ name: computer.softwareUser, home: computer.softwareRoot, group: null });
    for (const { user } of computer.partitions) {
      if (user.name === ADMINISTRATOR) continue;
      planner.want({ name: user.name, home: user.home, group: computer.softwareUser });
    }
  } else {
    refuseMissingUsers(computer, planner);
  }
  return { steps: planner.steps(), ownerOf: (name) => planner.ownerOf(name) };
}

function refuseMissingUsers(computer: Computer, planner: AccountPlanner): void {
  const missing = computer.partitions.find(({ user }) => planner.ownerOf(user.name) === null);
  if (missing === undefined) return;
  throw new PlanError(
    'SLAPOS_ERR_PLAN_CONFLICT',
    `User ${missing.user.name} of ${missing.reference} does not exist and alter_user is false.`,
    { hint: 'Create it, or set alter_user = true.' },
  );
}

type Draft = {
  -readonly [Key in keyof AccountTransaction]: Array<AccountTransaction[Key][number]>;
};

/** Gathers one transaction; ids given are remembered so that none is given twice. */
class AccountPlanner {
  readonly #users: Map<string, PasswdEntry>;
  readonly #groups: Map<string, GroupEntry>;
  readonly #passwords: ReadonlyMap<string, string> | undefined;
  readonly #uids: Set<number>;
  readonly #gids: Set<number>;
  #nextId: number;
  readonly #draft: Omit<Draft, 'etc'> = {
    addGroups: [],
    addUsers: [],
    changeUsers: [],
    lockUsers: [],
    addMembers: [],
    removeUsers: [],
    removeGroups: [],
  };

  constructor(accounts: AccountState) {
    this.#users = new Map(accounts.users.map((user) => [user.name, user]));
    this.#groups = new Map(accounts.groups.map((group) => [group.name, group]));
    this.#passwords =
      accounts.shadow && new Map(accounts.shadow.map(({ name, password }) => [name, password]));
    this.#uids = new Set(accounts.users.map(({ uid }) => uid));
    this.#gids = new Set(accounts.groups.map(({ gid }) => gid));
    this.#nextId = FIRST_ID;
    for (const id of [...this.#uids, ...this.#gids]) {
      if (id >= this.#nextId && id <= LAST_ID) this.#nextId = id + 1;
    }
  }

  steps(): Step[] {
    const isEmpty = Object.values(this.#draft).every((list) => list.length === 0);
    return isEmpty ? [] : [{ kind: 'accounts', transaction: this.#draft }];
  }

  ownerOf(name: string): Owner | null {
    const user = this.#users.get(name);
    return user === undefined ? null : { name, uid: user.uid, gid: user.gid };
  }

  want(wanted: WantedUser): void {
    const group = this.#groups.get(wanted.name) ?? this.#addGroup(wanted.name);
    const user = this.#users.get(wanted.name);
    if (user === undefined) this.#addUser(wanted, group);
    else this.#changeUser(user, wanted, group);
    if (wanted.group !== null) this.#join(wanted.name, wanted.group);
  }

  #addGroup(name: string): GroupEntry {
    const uid = this.#users.get(name)?.uid;
    const isFree = uid !== undefined && uid >= FIRST_ID && !this.#gids.has(uid);
    const group = { name, password: 'x', gid: isFree ? uid : this.#newId(), members: [] };
    this.#gids.add(group.gid);
    this.#groups.set(name, group);
    this.#draft.addGroups.push({ name, gid: group.gid });
    return group;
  }

  /** A group left alone by a run that was cut off keeps its number for its user. */
  #addUser(wanted: WantedUser, group: GroupEntry): void {
    const isGidFree = group.gid >= FIRST_ID && !this.#uids.has(group.gid);
    const uid = isGidFree ? group.gid : this.#newId();
    this.#uids.add(uid);
    const user = { name: wanted.name, uid, gid: group.gid, gecos: '', home: wanted.home };
    this.#users.set(wanted.name, { ...user, password: 'x', shell: ACCOUNT_SHELL });
    this.#draft.addUsers.push({ ...user, shell: ACCOUNT_SHELL });
    this.#draft.lockUsers.push(wanted.name);
  }

  #newId(): number {
    const id = this.#nextId;
    if (id > LAST_ID) {
      throw new PlanError(
        'SLAPOS_ERR_PLAN_CONFLICT',
        `No uid is free between ${FIRST_ID} and ${LAST_ID}.`,
        { hint: 'Create the users by hand and set alter_user = false.' },
      );
    }
    this.#nextId = id + 1;
    return id;
  }

  #changeUser(user: PasswdEntry, wanted: WantedUser, group: GroupEntry): void {
    const change = {
      ...(user.gid === group.gid ? {} : { gid: group.gid }),
      ...(user.home === wanted.home ? {} : { home: wanted.home }),
      ...(user.shell === ACCOUNT_SHELL ? {} : { shell: ACCOUNT_SHELL }),
    };
    this.#users.set(user.name, { ...user, ...change });
    if (Object.keys(change).length > 0) {
      this.#draft.changeUsers.push({ name: user.name, ...change });
    }
    if (!this.#isLocked(user)) this.#draft.lockUsers.push(user.name);
  }

  /** A password field that begins with ! matches no password (shadow(5)). */
  #isLocked(user: PasswdEntry): boolean {
    if (this.#passwords === undefined) return true;
    return this.#passwords.get(user.name)?.startsWith('!') === true;
  }

  #join(user: string, group: string): void {
    const members = this.#groups.get(group)?.members ?? [];
    if (members.includes(user)) return;
    this.#draft.addMembers.push({ group, user });
  }
}
