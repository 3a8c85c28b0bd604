/** The IPv6 range of each partition, and the search for free sub-ranges in general. Pure. */
import { PlanError } from '../errors/slapos-error.ts';
import type { Partition } from '../model/computer.ts';
import { parseIpv6, renderIpv6 } from '../model/ip-address.ts';
import { type Ipv6Prefix, type RangeOwner, subRange } from './address.ts';
import {
  type AllocationContext,
  prefixDevice,
  prefixTooLong,
  reserveNetwork,
} from './allocation-context.ts';
import { rangeFromNetwork } from './stored-computer.ts';

export function allocateRanges(
  partitions: readonly Partition[],
  context: AllocationContext,
): Partition[] {
  reserveDeviceRanges(partitions, context);
  if (!context.options.hasIpv6Range) {
    return partitions.map((partition) => ({ ...partition, ipv6Range: null }));
  }
  const kept = partitions.map((partition) => keepRange(partition, context));
  return partitions.map((partition, index) => {
    if (kept[index] === true) return partition;
    const range = giveSubRange(context, 'partition', index, partition.reference);
    const network = `${renderIpv6(range.address)}/${range.prefixLength}`;
    return { ...partition, ipv6Range: rangeFromNetwork(network) };
  });
}

/** What taps and tuns keep is spoken for before ranges are looked for. */
function reserveDeviceRanges(partitions: readonly Partition[], context: AllocationContext): void {
  for (const { tap, tun } of partitions) {
    for (const device of [tap, tun]) {
      if (!device?.ipv6Address || !isCurrent(device.ipv6Address, context)) continue;
      reserveNetwork(context.reservations, device.ipv6Address, device.ipv6Netmask);
    }
  }
}

/** True when a recorded address lies in some current prefix of the host. */
export function isCurrent(address: string, context: AllocationContext): boolean {
  const value = parseIpv6(address);
  return value !== null && context.bases.contains(value);
}

function keepRange(partition: Partition, context: AllocationContext): boolean {
  const range = partition.ipv6Range;
  if (range === null) return false;
  const { reservations, warnings } = context;
  const address = parseIpv6(range.address) as bigint;
  if (!isCurrent(range.address, context)) {
    context.outdated.add(partition.reference);
    return false;
  }
  if (!reservations.isNetworkGiven(address, range.prefixLength)) {
    reservations.giveNetwork(address, range.prefixLength);
    return true;
  }
  const { network } = range;
  warnings.push(`${partition.reference}: ${network} is given twice, another range is given.`);
  return false;
}

const OPTION_OF_OWNER: Readonly<Record<RangeOwner, string>> = {
  partition: 'partition_has_ipv6_range',
  tap: 'tap_ipv6',
  tun: 'tun_ipv6',
};
const NAME_OF_OWNER: Readonly<Record<RangeOwner, string>> = {
  partition: 'IPv6 ranges of partitions',
  tap: 'IPv6 ranges of taps',
  tun: 'IPv6 ranges of tuns',
};

/**
 * The sub-range of a partition's number; when that is taken, the last free one of its quarter.
 * @throws PlanError SLAPOS_ERR_PLAN_ADDRESS
 */
export function giveSubRange(
  context: AllocationContext,
  owner: RangeOwner,
  index: number,
  reference: string,
): Ipv6Prefix {
  const regular = rangeNumber(context, owner, index);
  const range = isRangeFree(regular, context) ? regular : searchDown(context, owner);
  if (range === undefined) throw noRange(context, owner, reference);
  if (range !== regular) {
    const text = `${renderIpv6(range.address)}/${range.prefixLength}`;
    context.warnings.push(`${reference}: the regular ${owner} range is taken, ${text} is given.`);
  }
  context.reservations.giveNetwork(range.address, range.prefixLength);
  return range;
}

function rangeNumber(
  context: AllocationContext,
  owner: RangeOwner,
  index: number,
): Ipv6Prefix | undefined {
  const { bases, options } = context;
  const range = subRange(bases.choose(), options.ipv6PrefixShift, owner, index);
  if (range === 'prefix-too-long') {
    throw prefixTooLong(context, NAME_OF_OWNER[owner], OPTION_OF_OWNER[owner]);
  }
  return range === 'overflow-1-bit' ? undefined : range;
}

function isRangeFree(range: Ipv6Prefix | undefined, context: AllocationContext): boolean {
  if (range === undefined) return false;
  return context.reservations.isNetworkFree(range.address, range.prefixLength);
}

/** From the end of the quarter, so that partitions to come find their regular numbers free. */
function searchDown(context: AllocationContext, owner: RangeOwner): Ipv6Prefix | undefined {
  const quarter = 2 ** (context.options.ipv6PrefixShift - 2);
  for (let index = quarter - 2; index >= 0; index -= 1) {
    const range = rangeNumber(context, owner, index);
    if (isRangeFree(range, context)) return range;
  }
  return undefined;
}

function noRange(context: AllocationContext, owner: RangeOwner, reference: string): PlanError {
  return new PlanError(
    'SLAPOS_ERR_PLAN_ADDRESS',
    `No free range among the ${NAME_OF_OWNER[owner]} for ${reference} ` +
      `(ipv6_prefixshift ${context.options.ipv6PrefixShift}).`,
    {
      hint: `Use a larger ipv6_prefixshift, or set ${OPTION_OF_OWNER[owner]} = false.`,
      context: prefixDevice(context),
    },
  );
}
