/** Which user owns which partitions, looked at again as little as is safe. */
import { setTimeout as delay } from 'node:timers/promises';

/** Names of partitions by the uid of their owner. */
export type OwnedPartitions = ReadonlyMap<number, ReadonlySet<string>>;

/** A partition that was given to another user is its former owner's for no longer. */
const MAX_AGE_MS = 1000;
/** Who is refused has the folders looked at again: not more often than this. */
const MIN_AGE_MS = 100;

export class PartitionOwners {
  readonly #list: () => ReadonlyMap<string, number>;
  readonly #minAgeMs: number;
  readonly #now: () => number;
  #known: OwnedPartitions = new Map();
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #next: Promise<OwnedPartitions> | undefined;

  /**
   * @param list uid of the owner of each partition by its name
   * @param minAgeMs pause between two looks for who was refused
   * @param now monotonic milliseconds
   */
  constructor(
    list: () => ReadonlyMap<string, number>,
    minAgeMs = MIN_AGE_MS,
    now: () => number = () => performance.now(),
  ) {
    this.#list = list;
    this.#minAgeMs = minAgeMs;
    this.#now = now;
  }

  /** What was seen within the last second. */
  current(): OwnedPartitions {
    return this.#now() - this.#lookedAtMs < MAX_AGE_MS ? this.#known : this.#look();
  }

  /** What is seen after this call; calls that come together share one look. */
  fresh(): Promise<OwnedPartitions> {
    const waitMs = Math.max(0, this.#lookedAtMs + this.#minAgeMs - this.#now());
    this.#next ??= delay(waitMs).then(() => {
      this.#next = undefined;
      return this.#look();
    });
    return this.#next;
  }

  #look(): OwnedPartitions {
    const owned = new Map<number, Set<string>>();
    for (const [name, uid] of this.#list()) {
      const names = owned.get(uid);
      if (names === undefined) owned.set(uid, new Set([name]));
      else names.add(name);
    }
    this.#known = owned;
    this.#lookedAtMs = this.#now();
    return owned;
  }
}
