/** Reads the account files and asks the name service for what they do not answer. */
import type { AccountState, HostAccounts, NameAnswer, NameQuery } from '../host/host.ts';
import type { Computer } from '../model/computer.ts';
import { type FoundAccounts, IdPool } from './id-pool.ts';
import type { FormatOptions } from './options.ts';

const NOTHING: NameAnswer = { users: [], groups: [] };

type Accounts = Pick<HostAccounts, 'read' | 'lookUp'>;

export async function observeAccounts(
  host: Accounts,
  computer: Computer,
  options: Pick<FormatOptions, 'areUsersAltered'>,
): Promise<FoundAccounts> {
  const local = await host.read();
  const { users, groups } = missingNames(computer, local, options);
  // Nearly always nothing is known of the names: then these are the ids they get.
  const likely = options.areUsersAltered
    ? nextIds({ ...local, outside: NOTHING }, new Set([...users, ...groups]).size)
    : [];
  const known = await host.lookUp({
    users: [...users, ...likely],
    groups: [...groups, ...likely],
  });
  if (!options.areUsersAltered) return { ...local, outside: known };
  const needed = new Set([...namesBut(users, known.users), ...namesBut(groups, known.groups)]);
  const half = await host.lookUp(halfMadeIds(local, needed));
  const outside = add(known, half);
  return { ...local, outside: await askForIds(host, { ...local, outside }, needed.size, likely) };
}

/** Names of users and their groups that the account files lack. */
function missingNames(
  { softwareUser, partitions }: Computer,
  { users, groups }: AccountState,
  { areUsersAltered }: Pick<FormatOptions, 'areUsersAltered'>,
): NameQuery {
  const partitionUsers = partitions.map(({ user }) => user.name);
  const wanted = new Set([...(areUsersAltered ? [softwareUser] : []), ...partitionUsers]);
  return {
    users: namesBut(wanted, users),
    groups: areUsersAltered ? namesBut(wanted, groups) : [],
  };
}

function namesBut(
  names: Iterable<string | number>,
  known: ReadonlyArray<{ readonly name: string }>,
): string[] {
  const found = new Set(known.map(({ name }) => name));
  return [...names].map(String).filter((name) => !found.has(name));
}

/** A group without its user gives it its number, and the other way round, unless that is taken. */
function halfMadeIds({ users, groups }: AccountState, needed: ReadonlySet<string>): NameQuery {
  return {
    users: groups.filter(({ name }) => needed.has(name)).map(({ gid }) => gid),
    groups: users.filter(({ name }) => needed.has(name)).map(({ uid }) => uid),
  };
}

/**
 * Asks for the ids that will be given next, and for twice as many further ones as some are taken.
 * @param known Ids that were asked for already.
 */
async function askForIds(
  host: Accounts,
  found: FoundAccounts,
  needed: number,
  known: readonly number[],
): Promise<NameAnswer> {
  const asked = new Set(known);
  let { outside } = found;
  for (let amount = needed; amount > 0; amount *= 2) {
    const next = nextIds({ ...found, outside }, amount);
    if (next.slice(0, needed).every((id) => asked.has(id))) break;
    const ids = next.filter((id) => !asked.has(id));
    for (const id of ids) asked.add(id);
    outside = add(outside, await host.lookUp({ users: ids, groups: ids }));
  }
  return outside;
}

function nextIds(found: FoundAccounts, amount: number): number[] {
  const pool = new IdPool(found);
  const ids: number[] = [];
  for (let id = pool.give(); id !== undefined && ids.length < amount; id = pool.give()) {
    ids.push(id);
  }
  return ids;
}

function add(one: NameAnswer, other: NameAnswer): NameAnswer {
  return { users: [...one.users, ...other.users], groups: [...one.groups, ...other.groups] };
}
