/**
 * How the panel names instances: by title and root, as the JSON-RPC API does. Other than the name of
 * a partition it stays with the instance: what a page shows cannot be taken for what came after it.
 */
import { rootTitle } from '../proxy/documents.ts';
import { renderGuid } from '../proxy/rpc-method.ts';
import { splitSlave } from '../proxy/slave.ts';
import type { PartitionKey, PartitionRow, SlaveRow } from '../proxy/store.ts';

export function isInstance(row: PartitionRow): boolean {
  return row.slapState !== 'free' && row.title !== null && row.title !== '';
}

export function instanceReference({ title, requestedBy }: PartitionRow): string {
  return renderGuid({ title: title ?? '', requestedBy, isShared: false });
}

/** Shared instances of one name may be on several computers. */
export function sharedReference(row: SlaveRow, defaultComputerId: string): string {
  const guid = renderGuid({ ...splitSlave(row), isShared: true });
  const { computerReference } = row;
  return computerReference === defaultComputerId ? guid : `${guid}@${computerReference}`;
}

/** Instances by what others name them. */
export class InstanceIndex {
  readonly #byPartition = new Map<string, PartitionRow>();
  readonly #roots = new Map<string, PartitionRow>();

  constructor(rows: readonly PartitionRow[]) {
    for (const row of rows.filter(isInstance)) {
      this.#byPartition.set(partitionName(row), row);
      if (row.requestedBy === '' && row.title !== null) this.#roots.set(row.title, row);
    }
  }

  onPartition(key: PartitionKey): PartitionRow | undefined {
    return this.#byPartition.get(partitionName(key));
  }

  /**
   * Who asked for an instance of a tree: the partition that is noted, else the root; undefined when
   * a user did, or neither is there any more.
   */
  requesterOf(
    root: string,
    requesterId: string,
    computerReference: string,
  ): PartitionRow | undefined {
    if (root === '') return undefined;
    const noted = this.onPartition({ computerReference, reference: requesterId });
    return noted !== undefined && rootTitle(noted) === root ? noted : this.#roots.get(root);
  }
}

function partitionName({ computerReference, reference }: PartitionKey): string {
  return JSON.stringify([computerReference, reference]);
}
