/** Who a command runs as: parsing of passwd(5) and group(5) for the ids of one user. */
import { readFileSync } from 'node:fs';
import { HostError } from '../errors/slapos-error.ts';

/** Ids that a process takes together, and the facts that its environment needs. */
export interface UserIdentity {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups with the primary group first, as initgroups(3) gives. */
  readonly groups: readonly number[];
  readonly name: string;
  readonly home: string;
}

export interface AccountText {
  /** Content of passwd(5). */
  readonly passwd: string;
  /** Content of group(5). */
  readonly group: string;
}

/** Ids of all groups that list `userName` as a member, after the primary `gid`, each once. */
export function parseGroupsOf(groupText: string, userName: string, gid: number): number[] {
  const groups = new Set([gid]);
  for (const line of groupText.split('\n')) {
    const [, , id, members] = line.split(':');
    if (id === undefined || members === undefined || !/^\d+$/.test(id)) continue;
    if (members.trim().split(',').includes(userName)) groups.add(Number(id));
  }
  return [...groups];
}

/** The user of a name or uid, undefined when passwd(5) has none. The first line wins. */
export function parseUser(text: AccountText, user: string | number): UserIdentity | undefined {
  for (const line of text.passwd.split('\n')) {
    const [name, , uid, gid, , home] = line.split(':');
    if (name === undefined || uid === undefined || gid === undefined) continue;
    if (!/^\d+$/.test(uid) || !/^\d+$/.test(gid)) continue;
    if (typeof user === 'number' ? Number(uid) !== user : name !== user) continue;
    return {
      uid: Number(uid),
      gid: Number(gid),
      groups: parseGroupsOf(text.group, name, Number(gid)),
      name,
      home: home ?? '/',
    };
  }
  return undefined;
}

/**
 * The user of a name or uid on this machine, undefined when there is none.
 * @throws HostError SLAPOS_ERR_ACCOUNT when the files cannot be read.
 */
export function readUser(user: string | number, etc = '/etc'): UserIdentity | undefined {
  try {
    const passwd = readFileSync(`${etc}/passwd`, 'utf8');
    const group = readFileSync(`${etc}/group`, 'utf8');
    return parseUser({ passwd, group }, user);
  } catch (cause) {
    const message = `Cannot read the users and groups of ${etc}.`;
    const kernel = cause as { errno?: number; syscall?: string };
    throw new HostError('SLAPOS_ERR_ACCOUNT', message, kernel, { cause });
  }
}
