/** The uids and gids that new users and groups get. Pure. */
import type { AccountState, NameAnswer } from '../host/host.ts';

/** The account files, and what the name service alone knows of what was asked for. */
export interface FoundAccounts extends AccountState {
  readonly outside: NameAnswer;
}

/**
 * First uid and gid that we give. useradd -r has only 100 to 999 and ordinary users are counted
 * from 1000; the block from here to {@link LAST_ID} is ours above whatever it already holds.
 */
export const FIRST_ID = 20000;
/** Last id of ordinary users in login.defs(5); containers often map no more than 65536. */
export const LAST_ID = 59999;

/** Hands out ids that are neither a uid nor a gid of anybody, each once. */
export class IdPool {
  readonly #taken: Set<number>;
  #next = FIRST_ID;

  constructor({ users, groups, outside }: Pick<FoundAccounts, 'users' | 'groups' | 'outside'>) {
    const idsOf = (known: NameAnswer) => [
      ...known.users.map(({ uid }) => uid),
      ...known.groups.map(({ gid }) => gid),
    ];
    const local = idsOf({ users, groups });
    this.#taken = new Set([...local, ...idsOf(outside)]);
    for (const id of local) if (id >= this.#next && id <= LAST_ID) this.#next = id + 1;
  }

  /** Above all that the block holds, so that no id of a removed user comes back, then in the gaps. */
  give(): number | undefined {
    const id = this.#firstFree(this.#next) ?? this.#firstFree(FIRST_ID);
    if (id === undefined) return undefined;
    this.#next = id + 1;
    this.#taken.add(id);
    return id;
  }

  #firstFree(from: number): number | undefined {
    let id = from;
    while (this.#taken.has(id)) id += 1;
    return id <= LAST_ID ? id : undefined;
  }
}
