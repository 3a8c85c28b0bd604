/** What the Tab key offers in the shell of supervisorctl. */
import type { ProcessInfo, SupervisorClient } from '../client.ts';
import { SIGNAL_NAMES } from '../configuration/value-types.ts';
import { namespec } from '../process/spawn-plan.ts';

interface Names {
  readonly processes: readonly string[];
  readonly groups: readonly string[];
}

const NO_NAMES: Names = { processes: [], groups: [] };

/** What may stand at a place of a line. */
type Offer =
  | 'action'
  | 'group'
  | 'process'
  | 'target'
  | 'signal'
  | 'channel'
  | 'follow'
  | 'nothing';

/** What each action takes as its first and as its later words. */
const WORDS: Readonly<Record<string, readonly [first: Offer[], later: Offer[]]>> = {
  add: [['group'], ['group']],
  remove: [['group'], ['group']],
  update: [['group'], ['group']],
  clear: [['target'], ['target']],
  pid: [['process'], ['process']],
  restart: [['target'], ['target']],
  start: [['target'], ['target']],
  status: [['target'], ['target']],
  stop: [['target'], ['target']],
  signal: [['signal'], ['target']],
  fg: [['process'], ['nothing']],
  tail: [
    ['process', 'follow'],
    ['process', 'channel'],
  ],
  maintail: [['follow'], ['nothing']],
  help: [['action'], ['nothing']],
};

function offered(offer: Offer, actions: readonly string[], names: Names): readonly string[] {
  switch (offer) {
    case 'action':
      return actions;
    case 'group':
      return names.groups;
    case 'process':
      return names.processes;
    case 'target':
      return [...names.processes, ...names.groups.map((group) => `${group}:*`), 'all'];
    case 'signal':
      return SIGNAL_NAMES;
    case 'channel':
      return ['stdout', 'stderr'];
    case 'follow':
      return ['-f'];
    case 'nothing':
      return [];
  }
}

/**
 * Words that may stand where the line ends, and the beginning of one that they replace.
 * @param typed the line up to the cursor
 */
export function completeLine(
  typed: string,
  actions: readonly string[],
  names: Names,
): [hits: string[], beginning: string] {
  const words = typed.trimStart().split(/\s+/);
  const beginning = words.at(-1) ?? '';
  const [first, later] = WORDS[words[0] ?? ''] ?? [['nothing'], ['nothing']];
  const offers: readonly Offer[] =
    words.length <= 1 ? ['action'] : words.length === 2 ? first : later;
  const all = new Set(offers.flatMap((offer) => offered(offer, actions, names)));
  const hits = [...all].filter((word) => word.startsWith(beginning)).sort();
  // The only one is a whole word: the next one may follow.
  return [hits.length === 1 ? hits.map((word) => `${word} `) : hits, beginning];
}

/** True when names of services are wanted there. */
export function needsNames(typed: string): boolean {
  return /^\s*\w+\s/.test(typed) && !/^\s*(help|maintail)\s/.test(typed);
}

const FRESH_MS = 2000;

/** Names of processes and groups, asked for again only after a while. */
export class NameSource {
  #names: Names = NO_NAMES;
  #readAtMs = Number.NEGATIVE_INFINITY;

  async read(client: SupervisorClient): Promise<Names> {
    const now = performance.now();
    if (now - this.#readAtMs < FRESH_MS) return this.#names;
    try {
      const infos = await client.call<ProcessInfo[]>('supervisor.getAllProcessInfo');
      const configs = await client.call<Array<{ group: string }>>('supervisor.getAllConfigInfo');
      this.#names = {
        processes: infos.map(({ group, name }) => namespec(group, name)),
        groups: [...infos, ...configs].map(({ group }) => group),
      };
      this.#readAtMs = now;
      return this.#names;
    } catch {
      return NO_NAMES;
    }
  }
}
