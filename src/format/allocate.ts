/**
 * Gives every partition its addresses: keeps what earlier runs gave while it is valid in a current
 * prefix of the host, and numbers the rest by the formulas of spec/format.md 11, with the rules of
 * its last section. Nothing is given twice. Pure.
 */
import type { Computer } from '../model/computer.ts';
import { allocateAddresses } from './allocate-addresses.ts';
import { allocateDevices } from './allocate-devices.ts';
import { allocateRanges } from './allocate-ranges.ts';
import {
  type AllocationContext,
  type AllocationInput,
  type RecordedAddresses,
  reserve,
} from './allocation-context.ts';
import { BaseAddresses } from './base-address.ts';
import { Reservations } from './reservations.ts';
import { effectiveTapMode } from './tap-mode.ts';

export interface Allocation {
  readonly computer: Computer;
  readonly warnings: readonly string[];
  /** Partitions that lost their prefix, in order. */
  readonly renumbered: readonly string[];
}

/**
 * @throws PlanError SLAPOS_ERR_PLAN_ADDRESS when an address cannot be given; nothing is touched.
 */
export function allocate(desired: Computer, input: AllocationInput): Allocation {
  if (desired.interface === null) return { computer: desired, warnings: [], renumbered: [] };
  const owned = ownedAddresses(input.recorded);
  const bases = new BaseAddresses(input.network, desired.interface.ipv6Interface, owned);
  const own = bases.own(desired);
  const computer = { ...desired, ...own };
  if (!input.options.isNetworkAltered) return { computer, warnings: [], renumbered: [] };
  const context: AllocationContext = {
    ...input,
    computer,
    bases,
    reservations: foreignReservations(computer, input, owned),
    warnings: [],
    outdated: new Set(),
    isFresh: input.recorded.every(({ partitions }) => partitions.length === 0),
  };
  let partitions = allocateAddresses(desired.partitions, context);
  partitions = allocateRanges(partitions, context);
  partitions = allocateDevices(partitions, effectiveTapMode(input.options, input.network), context);
  const renumbered = partitions
    .map(({ reference }) => reference)
    .filter((reference) => context.outdated.has(reference));
  return { computer: { ...computer, partitions }, warnings: context.warnings, renumbered };
}

function ownedAddresses(recorded: readonly RecordedAddresses[]): Set<string> {
  const owned = new Set<string>();
  for (const { partitions } of recorded) {
    for (const { addresses, tap, tun } of partitions) {
      for (const { address } of addresses) owned.add(address);
      for (const device of [tap, tun]) {
        if (device?.ipv4Address) owned.add(device.ipv4Address);
        if (device?.ipv6Address) owned.add(device.ipv6Address);
      }
    }
  }
  return owned;
}

/** Everything that somebody else has: other addresses of the host, and the computer's own. */
function foreignReservations(
  computer: Computer,
  input: AllocationInput,
  owned: ReadonlySet<string>,
): Reservations {
  const reservations = new Reservations();
  const ownDevices = new Set(computer.partitions.flatMap(({ tap, tun }) => [tap.name, tun?.name]));
  for (const [device, addresses] of input.network.addresses()) {
    if (ownDevices.has(device)) continue;
    for (const { address } of addresses) {
      if (!owned.has(address) || address === computer.address) reserve(reservations, address);
    }
  }
  for (const address of input.duplicates) reserve(reservations, address);
  return reservations;
}
