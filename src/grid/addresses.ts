/** Addresses that the Master tells of a partition. Pure. */
import type { MarshalValue } from '../slap/marshal-value.ts';
import type { SlapPartition } from '../slap/master.ts';

export interface PartitionAddress {
  readonly interfaceName: string;
  readonly address: string;
}

/** Those of `ip_list`, then those of `full_ip_list`. */
export function partitionAddresses({
  parameters,
}: Pick<SlapPartition, 'parameters'>): readonly PartitionAddress[] {
  const entries = [...listOf(parameters?.['ip_list']), ...listOf(parameters?.['full_ip_list'])];
  return entries.flatMap((entry) => {
    const [interfaceName, address] = listOf(entry);
    const isText = typeof interfaceName === 'string' && typeof address === 'string';
    return isText ? [{ interfaceName, address }] : [];
  });
}

/** The values of a list or tuple; nothing for anything else. Classes differ between bundles. */
function listOf(value: MarshalValue | undefined): readonly MarshalValue[] {
  if (Array.isArray(value)) return value as readonly MarshalValue[];
  if (typeof value !== 'object' || value === null || !('items' in value)) return [];
  return Array.isArray(value.items) ? (value.items as readonly MarshalValue[]) : [];
}
