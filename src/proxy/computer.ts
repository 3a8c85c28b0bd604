/** `loadComputerConfigurationFromXML` (spec/proxy.md 5, spec/slap-protocol.md 4.4). */
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from '../log/logger.ts';
import { printableName } from '../log/printable.ts';
import type { MarshalValue } from '../slap/marshal-value.ts';
import type { Clock } from './clock.ts';
import { groupAddresses } from './documents.ts';
import { type Dictionary, expectDictionary, expectList, expectText } from './form.ts';
import { badRequest } from './http-problem.ts';
import { REPORTS } from './reports.ts';
import { ofComputer, storeReport } from './status.ts';
import type { AddressRow, ComputerRow, PartitionRow, ProxyTables } from './store.ts';

export interface ComputerConfiguration {
  readonly computer: ComputerRow;
  readonly partitions: ReadonlyArray<{
    readonly reference: string;
    readonly addresses: readonly AddressRow[];
  }>;
}

/** @throws HttpProblem 400 when the document does not describe a computer. */
export function parseConfiguration(value: MarshalValue): ComputerConfiguration {
  const document = expectDictionary(value, 'The computer');
  const reference = expectName(document['reference'], 'The reference of the computer');
  const partitions = expectList(document['partition_list'], 'partition_list').map((entry) => {
    return parsePartition(expectDictionary(entry, 'A partition'), reference);
  });
  checkDistinct(partitions.map((partition) => partition.reference));
  return {
    computer: {
      reference,
      address: expectText(document['address'], 'The address of the computer'),
      netmask: expectText(document['netmask'], 'The netmask of the computer'),
    },
    partitions,
  };
}

function parsePartition(entry: Dictionary, computerReference: string) {
  const reference = expectName(entry['reference'], 'The reference of a partition');
  const tap = expectDictionary(entry['tap'] ?? null, `tap of ${reference}`);
  const device = expectText(tap['name'], `The name of the tap of ${reference}`);
  const addresses = expectList(entry['address_list'], `address_list of ${reference}`);
  return {
    reference,
    addresses: addresses.map((item): AddressRow => {
      const address = expectDictionary(item, `An address of ${reference}`);
      return {
        partitionReference: reference,
        computerReference,
        reference: device === null || device === '' ? reference : device,
        address: expectName(address['addr'], `An address of ${reference}`),
        netmask: expectText(address['netmask'], `A netmask of ${reference}`),
      };
    }),
  };
}

function expectName(value: MarshalValue | undefined, what: string): string {
  const name = expectText(value, what);
  if (name === null || name === '') throw badRequest(`${what} is missing.`);
  return name;
}

/** @throws HttpProblem 400 when a partition is listed twice. */
export function checkDistinct(references: readonly string[]): void {
  const seen = new Set<string>();
  for (const reference of references) {
    if (seen.has(reference)) throw badRequest(`Partition ${reference} is listed twice.`);
    seen.add(reference);
  }
}

/**
 * Stores a computer. Partitions that are no longer listed are forgotten when they are free; one
 * that holds an instance is kept, because a mistake in a node's configuration must not destroy it.
 * @returns the references of the partitions kept for that reason.
 */
export async function storeConfiguration(
  configuration: ComputerConfiguration,
  tables: ProxyTables,
  clock: Clock,
): Promise<string[]> {
  const { computer, partitions } = configuration;
  await tables.putComputer(computer);
  const { reference: name } = computer;
  await storeReport(ofComputer(name), REPORTS.computer(name), tables, clock);
  const former = await tables.listPartitions(computer.reference);
  const listed = new Set(partitions.map((partition) => partition.reference));
  const kept = await forgetUnlisted(former, listed, tables);
  const known = new Set(former.map((row) => row.reference));
  const addressesOf = groupAddresses(await tables.listAddresses(computer.reference));
  for (const { reference, addresses } of partitions) {
    const key = { reference, computerReference: computer.reference };
    if (!known.has(reference)) await tables.insertPartition(key);
    // A node describes itself every hour, and mostly as before.
    if (isDeepStrictEqual(addressesOf.get(reference) ?? [], addresses)) continue;
    await tables.deleteAddresses(key);
    for (const address of addresses) await tables.insertAddress(address);
  }
  return kept;
}

async function forgetUnlisted(
  former: readonly PartitionRow[],
  listed: ReadonlySet<string>,
  tables: ProxyTables,
): Promise<string[]> {
  const kept: string[] = [];
  for (const row of former) {
    if (listed.has(row.reference)) continue;
    if (row.slapState === 'free') {
      await tables.deletePartition(row);
      await tables.deleteAddresses(row);
    } else kept.push(row.reference);
  }
  return kept;
}

/** Says which partitions {@link storeConfiguration} kept. */
export function warnKept(computer: string, kept: readonly string[], log: Logger): void {
  if (kept.length === 0) return;
  const names = printableName(kept.join(', '));
  const name = printableName(computer);
  log.warning(`${name} no longer lists ${names}, kept because instances are there.`, {
    event: 'proxy.partition_kept',
    computer,
    partitions: kept,
  });
}
