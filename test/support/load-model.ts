/**
 * What must run on the node of the load campaign, written down plainly: instances, the services that
 * each of them has, and how churn changes them. Pure but for its own state.
 */

export type LoadState = 'started' | 'stopped';
export type LoadRelease = 'a' | 'b';

export interface LoadInstance {
  readonly title: string;
  readonly partition: string;
  readonly state: LoadState;
  readonly release: LoadRelease;
  /** The parameter; services of another one have other names. */
  readonly generation: number;
  /** Its promise fails. */
  readonly isSick: boolean;
}

/** A service that must run. */
export interface LoadService {
  /** Path of its wrapper below the instance root. */
  readonly key: string;
  readonly partition: string;
  /** Its end is told to the Master, and the next pass starts it again. */
  readonly isWatched: boolean;
  readonly isTalking: boolean;
}

export type LoadChange =
  | { readonly kind: 'request' | 'destroy'; readonly title: string }
  | { readonly kind: 'bang' | 'promise' | 'release' | 'state'; readonly title: string }
  | { readonly kind: 'parameter'; readonly title: string };

/** One instance in so many has a promise, and one in so many a service that writes lines. */
const PROMISE_EVERY = 5;
const TALK_EVERY = 10;
/** Share of the partitions that is in use when nothing was destroyed just now. */
const USED = 0.95;

/** The wrappers of an instance: one is named by the parameter, one by the release. */
export function wrapperNames(
  { generation, release }: Pick<LoadInstance, 'generation' | 'release'>,
  services: number,
): { readonly watched: readonly string[]; readonly run: string } {
  const plain = Array.from({ length: Math.max(0, services - 4) }, (_, index) => `s${index + 3}`);
  return { watched: ['s0', `s1-g${generation}`, `s2-${release}`, ...plain], run: 'r0' };
}

function partitionNumber(partition: string): number {
  return Number(/\d+$/.exec(partition)?.[0]);
}

export function isTalking(partition: string): boolean {
  return partitionNumber(partition) % TALK_EVERY === 0;
}

export function hasPromise(partition: string): boolean {
  return partitionNumber(partition) % PROMISE_EVERY === 0;
}

export class LoadModel {
  readonly instances = new Map<string, LoadInstance>();
  readonly #partitions: number;
  readonly #services: number;
  readonly #random: () => number;
  #titles = 0;

  constructor(partitions: number, services: number, random: () => number) {
    this.#partitions = partitions;
    this.#services = services;
    this.#random = random;
  }

  /** Titles for a node that is empty. */
  drawFirstTitles(): string[] {
    const used = Math.floor(this.#partitions * USED);
    return Array.from({ length: used }, () => this.#newTitle());
  }

  /** What is to change on so many instances, each once. */
  drawChanges(count: number): LoadChange[] {
    const rest = [...this.instances.keys()];
    const changes: LoadChange[] = [];
    const wanted = Math.floor(this.#partitions * USED) - rest.length;
    for (let index = 0; index < wanted; index += 1) {
      changes.push({ kind: 'request', title: this.#newTitle() });
    }
    while (changes.length < wanted + count && rest.length > 0) {
      const [title = ''] = rest.splice(Math.floor(this.#random() * rest.length), 1);
      changes.push({ kind: this.#drawKind(title), title });
    }
    return changes;
  }

  #drawKind(title: string): LoadChange['kind'] {
    const instance = this.instances.get(title) as LoadInstance;
    const chance = this.#random();
    if (instance.state === 'stopped') return chance < 0.7 ? 'state' : 'destroy';
    if (hasPromise(instance.partition) && chance < (instance.isSick ? 0.7 : 0.4)) return 'promise';
    if (chance < 0.5) return 'parameter';
    if (chance < 0.65) return 'release';
    if (chance < 0.8) return 'state';
    return chance < 0.9 ? 'destroy' : 'bang';
  }

  /** The instance after a change. @returns undefined when it is gone. */
  change({ kind, title }: LoadChange, partition = ''): LoadInstance | undefined {
    const next = this.#changed(kind, title, partition);
    if (next === undefined) this.instances.delete(title);
    else this.instances.set(title, next);
    return next;
  }

  #changed(kind: LoadChange['kind'], title: string, partition: string): LoadInstance | undefined {
    if (kind === 'destroy') return undefined;
    const before = this.instances.get(title);
    if (before === undefined) {
      return { title, partition, state: 'started', release: 'a', generation: 1, isSick: false };
    }
    const state = before.state === 'started' ? 'stopped' : 'started';
    if (kind === 'state') return { ...before, state };
    if (kind === 'parameter') return { ...before, generation: before.generation + 1 };
    if (kind === 'release') return { ...before, release: before.release === 'a' ? 'b' : 'a' };
    return kind === 'promise' ? { ...before, isSick: !before.isSick } : before;
  }

  /** Everything that must run, by the path of its wrapper. */
  wanted(): Map<string, LoadService> {
    const services = new Map<string, LoadService>();
    for (const instance of this.instances.values()) {
      if (instance.state === 'stopped') continue;
      for (const service of this.servicesOf(instance)) services.set(service.key, service);
    }
    return services;
  }

  servicesOf(instance: LoadInstance): LoadService[] {
    const { partition } = instance;
    const { run, watched } = wrapperNames(instance, this.#services);
    return [
      ...watched.map((name) => ({
        key: `${partition}/etc/service/${name}`,
        partition,
        isWatched: true,
        isTalking: name === 's0' && isTalking(partition),
      })),
      { key: `${partition}/etc/run/${run}`, partition, isWatched: false, isTalking: false },
    ];
  }

  get sick(): LoadInstance[] {
    return [...this.instances.values()].filter(
      ({ isSick, state }) => isSick && state === 'started',
    );
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random() * items.length)] as Item;
  }

  #newTitle(): string {
    this.#titles += 1;
    return `load-${this.#titles}`;
  }
}
