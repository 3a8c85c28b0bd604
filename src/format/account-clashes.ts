/** Accounts that format must not use although they have the right name. Pure. */
import { PlanError } from '../errors/slapos-error.ts';
import type { NameAnswer } from '../host/host.ts';
import type { FoundAccounts } from './id-pool.ts';

/**
 * A partition is kept from the others by its uid and gid alone, so these must be nobody else's.
 * @param names of the users that the computer shall have, each with a group of that name.
 * @throws PlanError SLAPOS_ERR_PLAN_CONFLICT naming both sides; nothing is touched.
 */
export function refuseClashes(names: ReadonlySet<string>, found: FoundAccounts): void {
  refuseShared('uid', names, usersOf(found));
  refuseShared('gid', names, groupsOf(found));
}

interface Numbered {
  readonly name: string;
  readonly id: number;
}

const usersOf = ({ users, outside }: FoundAccounts) =>
  withOutside(users, outside.users).map(({ name, uid }) => ({ name, id: uid }));

const groupsOf = ({ groups, outside }: FoundAccounts) =>
  withOutside(groups, outside.groups).map(({ name, gid }) => ({ name, id: gid }));

/** The files come first: what they name is theirs. */
function withOutside<Entry extends NameAnswer['users'][number] | NameAnswer['groups'][number]>(
  local: readonly Entry[],
  outside: readonly Entry[],
): Entry[] {
  const known = new Set(local.map(({ name }) => name));
  return [...local, ...outside.filter(({ name }) => !known.has(name))];
}

function refuseShared(
  what: 'uid' | 'gid',
  names: ReadonlySet<string>,
  entries: readonly Numbered[],
): void {
  const byId = new Map<number, string>();
  for (const { name, id } of entries) {
    const other = byId.get(id);
    if (other === undefined) byId.set(id, name);
    if (!names.has(name) && (other === undefined || !names.has(other))) continue;
    if (id === 0)
      throw clash(what, names.has(name) ? name : String(other), "the administrator's", id);
    if (other === undefined || other === name) continue;
    const [ours, theirs] = names.has(name) ? [name, other] : [other, name];
    throw clash(what, ours, `which ${theirs} has too`, id);
  }
}

function clash(what: 'uid' | 'gid', name: string, whose: string, id: number): PlanError {
  const kind = what === 'uid' ? 'User' : 'Group';
  return new PlanError('SLAPOS_ERR_PLAN_CONFLICT', `${kind} ${name} has ${what} ${id}, ${whose}.`, {
    hint: `Give ${name} a ${what} of its own, remove it, or choose another user_base_name or software_user.`,
    context: { name, [what]: id },
  });
}
