/** Which shared parts nothing uses any more (spec/cli.md 5.7, spec/grid.md 9). */
import { HashSearch } from './hash-search.ts';

/** A folder `<shared root>/<name>/<hash>`. */
export interface SharedPart {
  /** `<name>/<hash>` */
  readonly path: string;
  readonly hash: string;
  /** Content of its signature files, which name the parts that it was built with. */
  readonly signatures: readonly string[];
}

/**
 * The parts to delete, in order: those that no software names and no part that stays. A part may
 * become unused by the deletion of another one, so this goes on in rounds.
 */
export function planPrune(
  parts: readonly SharedPart[],
  isUsedBySoftware: (hash: string) => boolean,
): SharedPart[] {
  const unused: SharedPart[] = [];
  let remaining = parts;
  for (;;) {
    const search = new HashSearch(remaining.map(({ hash }) => hash));
    for (const { signatures } of remaining) signatures.forEach((text) => void search.scan(text));
    const isUsed = ({ hash }: SharedPart) => isUsedBySoftware(hash) || search.has(hash);
    const round = remaining.filter((part) => !isUsed(part));
    if (round.length === 0) return unused;
    unused.push(...round);
    remaining = remaining.filter(isUsed);
  }
}

/** The shared root of a `shared_part_list`: its last line; undefined when there is none. */
export function sharedRootOf(list: string | undefined): string | undefined {
  const lines = (list ?? '').trim().split('\n');
  const last = lines.at(-1)?.trim();
  return last === '' ? undefined : last;
}
