/** Instances of the JSON-RPC API as the records that every transport gives. Pure. */
import type { RpcInstance } from './json-rpc-methods.ts';
import type { JsonObject } from './json-value.ts';
import { MarshalTuple, type MarshalValue } from './marshal-value.ts';
import type { SlapPartition } from './master.ts';
import { pythonStr } from './python-text.ts';

/** `retention_delay` is a number in this API. */
export function toSla(filter: Readonly<Record<string, string>>): Record<string, string | number> {
  const { retention_delay: delay, ...texts } = filter;
  const delayDays = Number(delay);
  if (delay === undefined || Number.isNaN(delayDays)) return { ...filter };
  return { ...texts, retention_delay: delayDays };
}

export function partitionOf(instance: RpcInstance): SlapPartition {
  return {
    computerId: instance.computer_guid,
    partitionId: instance.compute_partition_id,
    requestedState: instance.state,
    needsModification: true,
    softwareReleaseUrl: instance.software_release_uri,
    instanceGuid: instance.instance_guid,
    title: instance.title,
    parameters: parametersOf(instance),
    connection: connectionOf(instance.connection_parameters),
    filter: toDictionary(instance.sla_parameters),
    accessStatus: instance.access_status_message || null,
  };
}

/** The reserved keys of the XML API stand for the fields of this one. */
export function parametersOf(instance: RpcInstance): Record<string, MarshalValue> {
  return {
    ...toDictionary(instance.parameters),
    ip_list: instance.ip_list.map((pair) => new MarshalTuple(pair)),
    instance_title: instance.title,
    root_instance_title: instance.root_instance_title,
    slap_computer_id: instance.computer_guid,
    slap_computer_partition_id: instance.compute_partition_id,
    slap_software_release_url: instance.software_release_uri,
    slap_software_type: instance.software_type,
    timestamp: String(instance.processing_timestamp),
  };
}

export function connectionOf(connection: JsonObject): Record<string, string | null> {
  return Object.fromEntries(
    Object.entries(connection).map(([key, value]) => [
      key,
      value === null ? null : pythonStr(value),
    ]),
  );
}

/** JSON is a part of what can be marshalled. */
export function toDictionary(value: JsonObject): Record<string, MarshalValue> {
  return { ...value };
}
