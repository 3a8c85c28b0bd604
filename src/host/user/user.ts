/** Who a command runs as: the ids of one user by passwd(5) and group(5). */
import type { GroupEntry, PasswdEntry } from '../host.ts';

/** Ids that a process takes together, and the facts that its environment needs. */
export interface UserIdentity {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups with the primary group first, as initgroups(3) gives. */
  readonly groups: readonly number[];
  readonly name: string;
  readonly home: string;
}

/** @param groups those that have the user as a member */
export function identifyUser(
  { gid, home, name, uid }: PasswdEntry,
  groups: readonly GroupEntry[],
): UserIdentity {
  return { uid, gid, groups: [...new Set([gid, ...groups.map((group) => group.gid)])], name, home };
}
