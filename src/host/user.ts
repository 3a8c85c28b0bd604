/** Who a command runs as: the ids of one user by passwd(5) and group(5). */
import { readFileSync, statSync } from 'node:fs';
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

type UserReader = (user: string | number) => UserIdentity | undefined;

/** Text of an account file and what tells that it is still the same. */
interface AccountFile {
  readonly signature: string;
  readonly text: string;
}

/**
 * Looks up the users of this machine by name or uid; the files are read again only when they changed, and
 * put in order once, so that looking up hundreds of users costs little more than one.
 * @returns a function that gives undefined for an unknown one, and throws HostError
 *   SLAPOS_ERR_ACCOUNT when the files cannot be read.
 */
export function createUserReader(etc = '/etc'): UserReader {
  let files: readonly AccountFile[] = [];
  let lookUp: UserReader = () => undefined;
  return (user) => {
    const [passwd, group] = readAccountFiles(etc, files);
    if (passwd !== files[0] || group !== files[1]) {
      lookUp = indexUsers(parsePasswd(passwd.text), parseGroup(group.text));
      files = [passwd, group];
    }
    return lookUp(user);
  };
}

function readAccountFiles(
  etc: string,
  [passwd, group]: readonly AccountFile[],
): readonly [AccountFile, AccountFile] {
  try {
    return [readIfChanged(`${etc}/passwd`, passwd), readIfChanged(`${etc}/group`, group)];
  } catch (cause) {
    const message = `Cannot read the users and groups of ${etc}.`;
    const kernel = cause as { errno?: number; syscall?: string };
    throw new HostError('SLAPOS_ERR_ACCOUNT', message, kernel, { cause });
  }
}

function readIfChanged(path: string, known: AccountFile | undefined): AccountFile {
  const { dev, ino, mtimeMs, size } = statSync(path);
  const signature = [dev, ino, size, mtimeMs].join(' ');
  if (known?.signature === signature) return known;
  return { signature, text: readFileSync(path, 'utf8') };
}

function indexUsers(users: readonly PasswdEntry[], groups: readonly GroupEntry[]): UserReader {
  const byKey = new Map<string | number, PasswdEntry>();
  for (const user of users) {
    for (const key of [user.uid, user.name]) if (!byKey.has(key)) byKey.set(key, user);
  }
  const byMember = new Map<string, GroupEntry[]>();
  for (const group of groups) {
    for (const member of group.members) {
      const known = byMember.get(member);
      if (known === undefined) byMember.set(member, [group]);
      else known.push(group);
    }
  }
  return (key) => {
    const user = byKey.get(key);
    return user && findUser([user], byMember.get(user.name) ?? [], key);
  };
}

/** gid of a group on this machine; undefined when group(5) has none. */
export async function readGroupId(name: string, etc = '/etc'): Promise<number | undefined> {
  const groups = parseGroup(readFileSync(`${etc}/group`, 'utf8'));
  return groups.find((group) => group.name === name)?.gid;
}
