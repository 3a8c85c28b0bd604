/** The partitions of a node: those of its configuration, and those whose folders are there. */

import type { Seen, SeenTarget } from '../host/folder/look.ts';
import type { GridHost } from '../host/grid-host.ts';
import type { StatusSettings } from './settings.ts';

export interface PartitionFolder {
  readonly reference: string;
  readonly path: string;
  /** Of the folder's owner; null without a folder. */
  readonly uid: number | null;
  /** Why nothing in it can be read; empty when it can. */
  readonly problem: string;
}

/** `instance_root` holds little besides partitions. */
const MAX_NAMES = 20_000;

/** @throws NativeFailure when `instance_root` cannot be opened. */
export async function listPartitionFolders(
  { look }: Pick<GridHost, 'look'>,
  settings: StatusSettings,
): Promise<readonly PartitionFolder[]> {
  const { instanceRoot } = settings;
  const listing = await look(instanceRoot, { folders: [''], maxNames: MAX_NAMES });
  const [found] = listing.folders;
  const names = selectPartitions(settings, Array.isArray(found) ? found : []);
  const { targets } = await look(instanceRoot, { targets: names });
  return names.map((reference, index) => ({
    reference,
    path: `${instanceRoot}/${reference}`,
    ...describeFolder(targets[index]),
  }));
}

/** The number of a partition by the name of its folder; undefined for another name. */
function partitionNumber(
  { partitionBase: base }: Pick<StatusSettings, 'partitionBase'>,
  name: string,
): number | undefined {
  const rest = name.startsWith(base) ? name.slice(base.length) : '';
  return /^(0|[1-9]\d{0,8})$/.test(rest) ? Number(rest) : undefined;
}

/** Whether a name that a client gave may be a partition's; it holds no path then. */
export function isPartitionName(settings: StatusSettings, name: string): boolean {
  return partitionNumber(settings, name) !== undefined;
}

/** In the order of their numbers. */
function selectPartitions(settings: StatusSettings, found: readonly string[]): string[] {
  const { partitionAmount = 0, partitionBase: base } = settings;
  const numbers = new Set(Array.from({ length: partitionAmount }, (_, index) => index));
  for (const name of found) {
    const number = partitionNumber(settings, name);
    if (number !== undefined) numbers.add(number);
  }
  return [...numbers].sort((a, b) => a - b).map((number) => `${base}${number}`);
}

function describeFolder(seen: Seen<SeenTarget>): Pick<PartitionFolder, 'uid' | 'problem'> {
  if (seen === undefined) {
    return { uid: null, problem: 'Its folder does not exist: `slapos node format` makes it.' };
  }
  if (seen === 'refused') return { uid: null, problem: 'Its folder cannot be looked at.' };
  if (seen.kind !== 'directory') return { uid: null, problem: 'Its folder is no folder.' };
  return { uid: seen.uid, problem: '' };
}
