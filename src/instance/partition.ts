/** One partition while a pass works on it. */
import { join } from 'node:path';
import { SlaposError } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import type { OwnedFolder } from '../host/grid-host.ts';
import type { UserIdentity } from '../host/user/user.ts';
import type { Logger } from '../log/logger.ts';
import { pythonFloat } from '../model/python-number.ts';
import type { MarshalValue } from '../slap/marshal-value.ts';
import type { PartitionId, SlapPartition } from '../slap/master.ts';
import { softwarePath } from '../software/release.ts';

export interface Partition {
  readonly id: string;
  readonly masterId: PartitionId;
  readonly wish: SlapPartition;
  readonly folder: OwnedFolder;
  readonly owner: UserIdentity;
  /** undefined when the Master gave no software release. */
  readonly softwarePath: string | undefined;
  /** The Master's timestamp as text, which is compared and stored as it is. */
  readonly timestamp: string | undefined;
  readonly log: Logger;
}

/** Where a partition is, by its id. */
export function partitionPath(instanceRoot: string, partitionId: string): string {
  return join(instanceRoot, partitionId);
}

/** Ids become names of folders and of supervisor groups. */
export function isPartitionId(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(text);
}

/** Characters of a name that is none, in messages. */
const MAX_SHOWN = 100;

/** @throws SlaposError SLAPOS_ERR_PARTITION for what is no {@link isPartitionId}. */
export function checkPartitionId(partitionId: string): void {
  if (isPartitionId(partitionId)) return;
  throw new SlaposError(
    'SLAPOS_ERR_PARTITION',
    `${JSON.stringify(partitionId.slice(0, MAX_SHOWN))} is no name of a partition: only letters, digits, _, . and - are allowed.`,
  );
}

/** @param wish complete: with state and parameters. */
export async function openPartition(
  context: GridContext,
  wish: SlapPartition,
  log: Logger = context.log.child(`slapos.${wish.partitionId}`),
): Promise<Partition> {
  const { host, options } = context;
  const id = wish.partitionId;
  const path = partitionPath(options.instanceRoot, id);
  const url = wish.softwareReleaseUrl;
  return {
    id,
    masterId: { computerId: options.computerId, partitionId: id },
    wish,
    folder: host.openFolder(path),
    owner: await host.ownerOf(path),
    softwarePath: url === null ? undefined : softwarePath(options.softwareRoot, url),
    timestamp: timestampText(wish.parameters?.['timestamp']),
    log,
  };
}

/** Python's str() of a timestamp: Masters send a number, or text that may hold a float. */
export function timestampText(value: MarshalValue | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  const plain = plainNumber(value);
  return plain === value ? String(value) : pythonFloat(Number(plain));
}

/** A marshalled float as a number, anything else as it is; classes differ between bundles. */
export function plainNumber(value: MarshalValue | undefined): MarshalValue | undefined {
  if (typeof value !== 'object' || value === null || !('value' in value)) return value;
  return typeof value.value === 'number' ? value.value : value;
}

/** A parameter that is text, such as `slap_software_type`. */
export function textParameter(wish: SlapPartition, name: string): string | undefined {
  const value = wish.parameters?.[name];
  return typeof value === 'string' ? value : undefined;
}
