/** Who a command runs as: the ids of one user by passwd(5) and group(5). */
import { readFileSync } from 'node:fs';
import { HostError } from '../errors/slapos-error.ts';
import { parseGroup, parsePasswd } from './account.ts';
import type { GroupEntry, PasswdEntry } from './host.ts';

/** Ids that a process takes together, and the facts that its environment needs. */
export interface UserIdentity {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups with the primary group first, as initgroups(3) gives. */
  readonly groups: readonly number[];
  readonly name: string;
  readonly home: string;
}

/** The user of a name or uid, undefined when passwd(5) has none. The first line wins. */
export function findUser(
  users: readonly PasswdEntry[],
  groups: readonly GroupEntry[],
  user: string | number,
): UserIdentity | undefined {
  const entry = users.find((each) => (typeof user === 'number' ? each.uid : each.name) === user);
  if (entry === undefined) return undefined;
  const { uid, gid, name, home } = entry;
  const member = groups.filter((group) => group.members.includes(name)).map((group) => group.gid);
  return { uid, gid, groups: [...new Set([gid, ...member])], name, home };
}

/**
 * The user of a name or uid on this machine, undefined when there is none.
 * @throws HostError SLAPOS_ERR_ACCOUNT when the files cannot be read.
 */
export function readUser(user: string | number, etc = '/etc'): UserIdentity | undefined {
  try {
    const users = parsePasswd(readFileSync(`${etc}/passwd`, 'utf8'));
    return findUser(users, parseGroup(readFileSync(`${etc}/group`, 'utf8')), user);
  } catch (cause) {
    const message = `Cannot read the users and groups of ${etc}.`;
    const kernel = cause as { errno?: number; syscall?: string };
    throw new HostError('SLAPOS_ERR_ACCOUNT', message, kernel, { cause });
  }
}

/** gid of a group on this machine; undefined when group(5) has none. */
export async function readGroupId(name: string, etc = '/etc'): Promise<number | undefined> {
  const groups = parseGroup(readFileSync(`${etc}/group`, 'utf8'));
  return groups.find((group) => group.name === name)?.gid;
}
