/** Which shared parts nothing uses any more (spec/cli.md 5.7, spec/grid.md 9). */

/** A folder `<shared root>/<name>/<hash>`. */
export interface SharedPart {
  /** `<name>/<hash>` */
  readonly path: string;
  readonly hash: string;
}

export interface ObservedPart extends SharedPart {
  /** Hashes that its signature files name: of the parts that it was built with. */
  readonly uses: ReadonlySet<string>;
}

/**
 * The parts to delete, in order: those that no software names and no part that stays. A part may
 * become unused by the deletion of another one, so this goes on in rounds.
 */
export function planPrune(
  parts: readonly ObservedPart[],
  usedBySoftware: ReadonlySet<string>,
): ObservedPart[] {
  const users = new Map<string, number>();
  const count = (part: ObservedPart, change: 1 | -1) => {
    for (const hash of part.uses) users.set(hash, (users.get(hash) ?? 0) + change);
  };
  for (const part of parts) count(part, 1);
  const isUsed = ({ hash }: SharedPart) => usedBySoftware.has(hash) || (users.get(hash) ?? 0) > 0;
  const unused: ObservedPart[] = [];
  let remaining = parts;
  for (;;) {
    const round = remaining.filter((part) => !isUsed(part));
    if (round.length === 0) return unused;
    unused.push(...round);
    remaining = remaining.filter(isUsed);
    for (const part of round) count(part, -1);
  }
}

/** The shared root of a `shared_part_list`: its last line; undefined when there is none. */
export function sharedRootOf(list: string | undefined): string | undefined {
  const lines = (list ?? '').trim().split('\n');
  const last = lines.at(-1)?.trim();
  return last === '' ? undefined : last;
}
