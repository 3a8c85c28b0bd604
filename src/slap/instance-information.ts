/** Instances as the library shows them: plain records, equal whatever the transport. Pure. */
import { isJsonObject, type JsonObject } from './json-value.ts';
import { renderJson } from './marshal-json.ts';
import { MarshalFloat, MarshalTuple, type MarshalValue } from './marshal-value.ts';
import type { SlapPartition } from './master.ts';

export interface InstanceAddress {
  readonly interface: string;
  readonly address: string;
}

/** An instance that shares the partition of another one. */
export interface SharedInstanceInformation {
  readonly title: string;
  /** Names it in {@link ComputerPartition.setConnectionParameters}; differs by transport. */
  readonly reference: string;
  readonly softwareType: string;
  readonly parameters: JsonObject;
}

export interface InstanceInformation {
  readonly computerId: string;
  readonly partitionId: string;
  readonly title: string;
  readonly rootTitle: string;
  /** Opaque; another one by each transport. */
  readonly instanceGuid: string | null;
  /** What was requested: `started`, `stopped` or `destroyed`; a Master may say something else. */
  readonly state: string;
  readonly softwareReleaseUrl: string | null;
  readonly softwareType: string;
  /** Those of the request; servers keep most values as texts. */
  readonly parameters: JsonObject;
  /** What the instance publishes; an empty text comes back as null. */
  readonly connectionParameters: Readonly<Record<string, string | null>>;
  readonly slaParameters: JsonObject;
  readonly addresses: readonly InstanceAddress[];
  readonly sharedInstances: readonly SharedInstanceInformation[];
  /** Changes with every change of the instance; to be compared, not read. */
  readonly timestamp: string;
  /** What the node last reported, where the Master tells. */
  readonly accessStatus: string | null;
}

/** Keys with which a Master adds to the parameters (spec/slap-protocol.md 1.5). */
const RESERVED: ReadonlySet<string> = new Set([
  'ip_list',
  'full_ip_list',
  'full_address_list',
  'instance_title',
  'root_instance_title',
  'root_instance_short_title',
  'slap_computer_id',
  'slap_computer_partition_id',
  'slap_software_release_url',
  'slap_software_type',
  'slave_instance_list',
  'timestamp',
]);
const SHARED_RESERVED: ReadonlySet<string> = new Set([
  'slave_title',
  'slave_reference',
  'slap_software_type',
  'timestamp',
]);

/** @internal */
export function parseInstance(partition: SlapPartition): InstanceInformation {
  const { computerId, partitionId, instanceGuid, softwareReleaseUrl, accessStatus } = partition;
  const all = partition.parameters ?? {};
  return {
    computerId,
    partitionId,
    title: partition.title ?? text(all['instance_title']),
    rootTitle: text(all['root_instance_title']),
    instanceGuid,
    state: partition.requestedState,
    softwareReleaseUrl,
    softwareType: text(all['slap_software_type']),
    parameters: parseParameters(all),
    connectionParameters: partition.connection,
    slaParameters: renderJson(partition.filter),
    addresses: list(all['ip_list']).map(parseAddress),
    sharedInstances: list(all['slave_instance_list']).map(parseShared),
    timestamp: text(all['timestamp']),
    accessStatus,
  };
}

/**
 * Parameters without what the Master adds.
 * @internal
 */
export function parseParameters(all: Readonly<Record<string, MarshalValue>>): JsonObject {
  return without(RESERVED, all);
}

function without(
  names: ReadonlySet<string>,
  all: Readonly<Record<string, MarshalValue>>,
): JsonObject {
  return renderJson(Object.fromEntries(Object.entries(all).filter(([name]) => !names.has(name))));
}

function parseAddress(value: MarshalValue): InstanceAddress {
  const [networkInterface, address] = value instanceof MarshalTuple ? value.items : list(value);
  return { interface: text(networkInterface), address: text(address) };
}

function parseShared(value: MarshalValue): SharedInstanceInformation {
  const isDictionary = isJsonObject(value);
  const all = (isDictionary ? value : {}) as Readonly<Record<string, MarshalValue>>;
  return {
    title: text(all['slave_title']),
    reference: text(all['slave_reference']),
    softwareType: text(all['slap_software_type']),
    parameters: without(SHARED_RESERVED, all),
  };
}

function text(value: MarshalValue | undefined): string {
  if (value instanceof MarshalFloat) return String(value.value);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
    ? String(value)
    : '';
}

function list(value: MarshalValue | undefined): readonly MarshalValue[] {
  return Array.isArray(value) ? value : [];
}
