/** Who is who on this machine: passwd(5) and group(5) first, a name service for who is not there. */
import { readFileSync, statSync } from 'node:fs';
import { machineHint } from '../../errors/machine-refusal.ts';
import { errorCode, HostError } from '../../errors/slapos-error.ts';
import { parseGroup, parsePasswd } from '../account.ts';
import type { GroupEntry, PasswdEntry } from '../host.ts';
import { createOutsideUsers, type OutsideUsers } from './outside-users.ts';
import { identifyUser, type UserIdentity } from './user.ts';

/** The files put in order, so that looking up hundreds of users costs little more than one. */
interface Tables {
  readonly version: string;
  readonly users: ReadonlyMap<string | number, PasswdEntry>;
  readonly groups: ReadonlyMap<string | number, GroupEntry>;
  /** Groups by the name of a member. */
  readonly memberships: ReadonlyMap<string, readonly GroupEntry[]>;
}

/**
 * Reads the files again only when they change. Each look throws HostError SLAPOS_ERR_ACCOUNT while
 * one of them cannot be read.
 */
export class UserDirectory {
  readonly #etc: string;
  readonly #outside: OutsideUsers;
  #tables: Tables | undefined;

  constructor(etc = '/etc', outside = createOutsideUsers({ switchPath: `${etc}/nsswitch.conf` })) {
    this.#etc = etc;
    this.#outside = outside;
  }

  /** A text that changes with the answers. */
  version(): string {
    const names = ['passwd', 'group', 'nsswitch.conf'];
    const files = names.map((name) => fileVersion(`${this.#etc}/${name}`));
    return [...files, this.#outside.version()].join(' ');
  }

  /** @param key name or uid; of several local lines the first wins. */
  findUser(key: string | number): PasswdEntry | undefined {
    return this.#read().users.get(key) ?? this.#outside.findUser(key);
  }

  /** @param key name or gid */
  findGroup(key: string | number): GroupEntry | undefined {
    return this.#read().groups.get(key) ?? this.#outside.findGroup(key);
  }

  /** The ids that a process of a user takes; undefined when nobody knows the user. */
  identify(key: string | number): UserIdentity | undefined {
    const { memberships, users } = this.#read();
    const local = users.get(key);
    const entry = local ?? this.#outside.findUser(key);
    if (entry === undefined) return undefined;
    const identity = identifyUser(entry, memberships.get(entry.name) ?? []);
    if (local !== undefined) return identity;
    const others = this.#outside.listGroupsOf(entry.name);
    return { ...identity, groups: [...new Set([...identity.groups, ...others])] };
  }

  #read(): Tables {
    const version = ['passwd', 'group'].map((name) => fileVersion(`${this.#etc}/${name}`)).join();
    if (this.#tables?.version === version) return this.#tables;
    const read = (name: string) => readAccounts(`${this.#etc}/${name}`);
    this.#tables = { version, ...indexAccounts(read('passwd'), read('group')) };
    return this.#tables;
  }
}

/**
 * A file that is not there knows nobody. One that cannot be read must not look like that: its users
 * would lose their names, homes and groups.
 */
function readAccounts(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return '';
    const { errno = 0, syscall = '' } = error as NodeJS.ErrnoException;
    throw new HostError(
      'SLAPOS_ERR_ACCOUNT',
      `Cannot tell which users and groups exist: ${path}: ${code}.`,
      { errno: Math.abs(errno), syscall },
      { cause: error, hint: machineHint(code) ?? 'See who may read it.' },
    );
  }
}

function indexAccounts(passwd: string, group: string): Omit<Tables, 'version'> {
  const groups = parseGroup(group);
  const memberships = new Map<string, GroupEntry[]>();
  for (const each of groups) {
    for (const member of each.members) {
      const known = memberships.get(member);
      if (known === undefined) memberships.set(member, [each]);
      else known.push(each);
    }
  }
  return {
    users: indexFirst(parsePasswd(passwd), ({ uid }) => uid),
    groups: indexFirst(groups, ({ gid }) => gid),
    memberships,
  };
}

/** Entries by name and by id; the first of several with the same one. */
function indexFirst<Entry extends { readonly name: string }>(
  entries: readonly Entry[],
  idOf: (entry: Entry) => number,
): ReadonlyMap<string | number, Entry> {
  const index = new Map<string | number, Entry>();
  for (const entry of entries) {
    for (const key of [idOf(entry), entry.name]) if (!index.has(key)) index.set(key, entry);
  }
  return index;
}

function fileVersion(path: string): string {
  const status = statSync(path, { bigint: true, throwIfNoEntry: false });
  return status === undefined ? '' : `${status.ino}:${status.mtimeNs}:${status.size}`;
}
