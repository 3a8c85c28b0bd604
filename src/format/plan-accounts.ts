/**
 * Users and groups (spec/format.md 7), decided from one reading of the account files. Those that a
 * name service gives are used as they are: nothing of theirs is made here again, or changed. Pure.
 */
import { PlanError } from '../errors/slapos-error.ts';
import type { GroupEntry, PasswdEntry } from '../host/host.ts';
import type { AccountTransaction } from '../host/native.ts';
import type { Computer } from '../model/computer.ts';
import { refuseClashes } from './account-clashes.ts';
import { FIRST_ID, type FoundAccounts, IdPool, LAST_ID } from './id-pool.ts';
import type { FormatOptions } from './options.ts';
import type { Owner, Step } from './step.ts';

const ACCOUNT_SHELL = '/bin/sh';
const ADMINISTRATOR = 'root';

export interface AccountPlan {
  readonly steps: readonly Step[];
  readonly warnings: readonly string[];
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
  accounts: FoundAccounts,
  options: FormatOptions,
): AccountPlan {
  const planner = new AccountPlanner(accounts);
  if (options.areUsersAltered) {
    const wanted = wantedUsers(computer);
    refuseClashes(new Set(wanted.map(({ name }) => name)), accounts);
    for (const user of wanted) planner.want(user);
  } else {
    refuseMissingUsers(computer, planner);
  }
  return {
    steps: planner.steps(),
    warnings: planner.warnings(),
    ownerOf: (name) => planner.ownerOf(name),
  };
}

/** Each user once: partitions of a definition file may share one, which lives in the first's home. */
function wantedUsers({ softwareUser, softwareRoot, partitions }: Computer): WantedUser[] {
  const wanted = new Map<string, WantedUser>();
  wanted.set(softwareUser, { name: softwareUser, home: softwareRoot, group: null });
  for (const { user } of partitions) {
    if (user.name === ADMINISTRATOR || wanted.has(user.name)) continue;
    wanted.set(user.name, { name: user.name, home: user.home, group: softwareUser });
  }
  return [...wanted.values()];
}

function refuseMissingUsers(computer: Computer, planner: AccountPlanner): void {
  const missing = computer.partitions.find(({ user }) => planner.ownerOf(user.name) === null);
  if (missing === undefined) return;
  throw new PlanError(
    'SLAPOS_ERR_PLAN_CONFLICT',
    `User ${missing.user.name} of ${missing.reference} does not exist and alter_user is false.`,
    { hint: 'Create it, or set alter_user = true.', context: { account: missing.user.name } },
  );
}

type Draft = {
  -readonly [Key in keyof AccountTransaction]: Array<AccountTransaction[Key][number]>;
};

/** Gathers one transaction; ids given are remembered so that none is given twice. */
class AccountPlanner {
  readonly #users: Map<string, PasswdEntry>;
  readonly #groups: Map<string, GroupEntry>;
  /** Names of groups that stand in the account files. */
  readonly #local: Set<string>;
  readonly #passwords: ReadonlyMap<string, string> | undefined;
  readonly #uids: Set<number>;
  readonly #gids: Set<number>;
  readonly #pool: IdPool;
  /** Users of a name service, and what is not as we would have it. */
  readonly #outside = new Map<string, PasswdEntry>();
  readonly #oddities: string[] = [];
  readonly #draft: Omit<Draft, 'etc'> = {
    addGroups: [],
    addUsers: [],
    changeUsers: [],
    lockUsers: [],
    addMembers: [],
    removeUsers: [],
    removeGroups: [],
  };

  constructor(accounts: FoundAccounts) {
    const { users, groups, shadow, outside } = accounts;
    this.#users = new Map(users.map((user) => [user.name, user]));
    for (const user of outside.users) {
      if (!this.#users.has(user.name)) this.#outside.set(user.name, user);
    }
    this.#groups = new Map([...outside.groups, ...groups].map((group) => [group.name, group]));
    this.#local = new Set(groups.map(({ name }) => name));
    this.#passwords = shadow && new Map(shadow.map(({ name, password }) => [name, password]));
    this.#uids = new Set([...users, ...outside.users].map(({ uid }) => uid));
    this.#gids = new Set([...groups, ...outside.groups].map(({ gid }) => gid));
    this.#pool = new IdPool(accounts);
  }

  steps(): Step[] {
    const isEmpty = Object.values(this.#draft).every((list) => list.length === 0);
    return isEmpty ? [] : [{ kind: 'accounts', transaction: this.#draft }];
  }

  warnings(): string[] {
    if (this.#oddities.length === 0) return [];
    const all = this.#oddities.join(', ');
    return [`Left as the name service has them: ${all}.`];
  }

  ownerOf(name: string): Owner | null {
    const user = this.#users.get(name) ?? this.#outside.get(name);
    return user === undefined ? null : { name, uid: user.uid, gid: user.gid };
  }

  want(wanted: WantedUser): void {
    const outside = this.#outside.get(wanted.name);
    if (outside === undefined) this.#wantLocal(wanted);
    else this.#leave(outside, wanted);
  }

  #wantLocal(wanted: WantedUser): void {
    const group = this.#groups.get(wanted.name) ?? this.#addGroup(wanted.name);
    const user = this.#users.get(wanted.name);
    if (!this.#local.has(wanted.name) && user?.gid !== group.gid) throw groupOutside(wanted.name);
    if (user === undefined) this.#addUser(wanted, group);
    else this.#changeUser(user, wanted, group);
    if (wanted.group !== null) this.#join(wanted.name, wanted.group);
  }

  /** A user of a name service; only the group that others shall join is made where it lacks one. */
  #leave(user: PasswdEntry, { home, group }: WantedUser): void {
    if (group === null && !this.#groups.has(user.name)) this.#addGroup(user.name);
    if (user.home !== home) this.#oddities.push(`user ${user.name} (home ${user.home})`);
    if (group !== null && !this.#isMember(user.name, group)) this.#missMember(user.name, group);
  }

  #addGroup(name: string): GroupEntry {
    const uid = this.#users.get(name)?.uid;
    const isFree = uid !== undefined && uid >= FIRST_ID && !this.#gids.has(uid);
    const group = { name, password: 'x', gid: isFree ? uid : this.#newId(), members: [] };
    this.#gids.add(group.gid);
    this.#groups.set(name, group);
    this.#local.add(name);
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
    const id = this.#pool.give();
    if (id !== undefined) return id;
    throw new PlanError(
      'SLAPOS_ERR_PLAN_CONFLICT',
      `No uid is free between ${FIRST_ID} and ${LAST_ID}.`,
      { hint: 'Create the users by hand and set alter_user = false.' },
    );
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
    if (this.#isMember(user, group)) return;
    if (this.#local.has(group)) this.#draft.addMembers.push({ group, user });
    else this.#missMember(user, group);
  }

  #isMember(user: string, group: string): boolean {
    return this.#groups.get(group)?.members.includes(user) === true;
  }

  #missMember(user: string, group: string): void {
    this.#oddities.push(`group ${group} (without ${user})`);
  }
}

/** passwd(5) must not rest on a group that may be out of reach. */
function groupOutside(name: string): PlanError {
  return new PlanError(
    'SLAPOS_ERR_PLAN_CONFLICT',
    `Group ${name} comes from the name service, but user ${name} does not.`,
    {
      hint: 'Create both there, or both here, or choose another user_base_name.',
      context: { account: name },
    },
  );
}
