/**
 * What the methods of the JSON-RPC API take and give (spec/slap-protocol.md 6.2), with the names of
 * the wire.
 */
import type { JsonObject, JsonValue } from './json-value.ts';

export type RpcInstanceState = 'started' | 'stopped' | 'destroyed';

/** An instance as every method shows it that gives one. */
export interface RpcInstance {
  readonly title: string;
  /** Opaque, and another one than that of the XML API on slapproxy. */
  readonly instance_guid: string;
  readonly software_release_uri: string;
  readonly software_type: string;
  /** `started`, `stopped` or `destroyed`; a Master may say something else, such as `draft`. */
  readonly state: string;
  readonly connection_parameters: JsonObject;
  readonly parameters: JsonObject;
  readonly shared: boolean;
  readonly root_instance_title: string;
  /** Pairs of interface and address. */
  readonly ip_list: ReadonlyArray<readonly [string, string]>;
  readonly full_ip_list: readonly JsonValue[];
  readonly sla_parameters: JsonObject;
  readonly computer_guid: string;
  readonly compute_partition_id: string;
  /** Microseconds on a Master, seconds on slapproxy. */
  readonly processing_timestamp: number;
  readonly access_status_message: string;
}

export interface RpcSuccess {
  readonly type: 'success';
  readonly title: string;
}

export interface RpcList<T> {
  readonly result_list: readonly T[];
}

export interface RpcCertificate {
  readonly key: string;
  readonly certificate: string;
}

export interface RpcFormattedPartition {
  readonly partition_id: string;
  readonly ip_list: ReadonlyArray<{
    readonly 'ip-address': string;
    readonly 'network-interface'?: string;
    readonly netmask?: string;
    readonly 'network-address'?: string;
    readonly 'gateway-ip-address'?: string;
  }>;
}

interface Guid {
  readonly instance_guid: string;
}

interface ComputerGuid {
  readonly computer_guid: string;
}

interface Installation extends ComputerGuid {
  readonly software_release_uri: string;
}

interface Message {
  readonly message: string;
}

type Nothing = Readonly<Record<string, never>>;

interface Method<Input, Output> {
  readonly input: Input;
  readonly output: Output;
}

export interface RpcMethods {
  'slapos.post.v0.software_instance': Method<
    {
      readonly title: string;
      readonly software_release_uri: string;
      readonly software_type: string;
      readonly state?: RpcInstanceState;
      readonly parameters?: JsonObject;
      readonly shared?: boolean;
      /** Texts, but for the number `retention_delay`. */
      readonly sla_parameters?: Readonly<Record<string, string | number>>;
    },
    RpcInstance
  >;
  'slapos.get.v0.software_instance': Method<Guid, RpcInstance>;
  'slapos.get.v0.compute_partition': Method<
    ComputerGuid & { readonly compute_partition_id: string },
    RpcInstance
  >;
  'slapos.get.v0.instance_tree': Method<{ readonly title: string }, RpcInstance>;
  'slapos.allDocs.v0.instance_tree_list': Method<Nothing, RpcList<{ readonly title: string }>>;
  'slapos.allDocs.v0.compute_node_instance_list': Method<
    ComputerGuid,
    RpcList<{
      readonly title: string;
      readonly instance_guid: string;
      readonly state: string;
      readonly compute_partition_id: string;
      readonly software_release_uri: string;
    }>
  >;
  'slapos.allDocs.v0.instance_node_instance_list': Method<
    Guid,
    RpcList<{
      readonly title: string;
      readonly instance_guid: string;
      readonly software_type: string;
      readonly state: string;
      readonly parameters: JsonObject;
      readonly compute_partition_id: string;
    }>
  >;
  'slapos.allDocs.v0.compute_node_software_installation_list': Method<
    ComputerGuid,
    RpcList<{ readonly software_release_uri: string; readonly state: string }>
  >;
  'slapos.post.v0.software_installation': Method<
    Installation & { readonly state?: 'available' | 'destroyed' },
    RpcSuccess
  >;
  'slapos.put.v0.software_installation_reported_state': Method<
    Installation & { readonly reported_state: 'available' | 'building' | 'destroyed' },
    RpcSuccess
  >;
  'slapos.put.v0.software_installation_error': Method<Installation & Message, RpcSuccess>;
  'slapos.put.v0.software_instance_reported_state': Method<
    Guid & { readonly reported_state: RpcInstanceState },
    RpcSuccess
  >;
  'slapos.put.v0.software_instance_error': Method<Guid & Message, RpcSuccess>;
  'slapos.put.v0.software_instance_bang': Method<Guid & Message, RpcSuccess>;
  'slapos.put.v0.software_instance_title': Method<Guid & { readonly title: string }, RpcSuccess>;
  'slapos.put.v0.software_instance_connection_parameter': Method<
    Guid & { readonly connection_parameter_dict: JsonObject },
    RpcSuccess
  >;
  'slapos.get.v0.software_instance_certificate': Method<Guid, RpcCertificate>;
  'slapos.put.v0.compute_node_format': Method<
    ComputerGuid & { readonly compute_partition_list: readonly RpcFormattedPartition[] },
    RpcSuccess
  >;
  'slapos.put.v0.compute_node_bang': Method<ComputerGuid & Message, RpcSuccess>;
  'slapos.get.v0.compute_node_status': Method<ComputerGuid, JsonObject & { readonly text: string }>;
  'slapos.post.v0.compute_node_usage': Method<
    ComputerGuid & { readonly tioxml: string },
    RpcSuccess
  >;
  'slapos.post.v0.compute_node_certificate': Method<ComputerGuid, RpcCertificate>;
  'slapos.remove.v0.compute_node_certificate': Method<ComputerGuid, RpcSuccess>;
  'slapos.get.v0.hateoas_url': Method<Nothing, { readonly hateoas_url: string }>;
}

export type RpcMethodName = keyof RpcMethods;
export type RpcInput<M extends RpcMethodName> = RpcMethods[M]['input'];
export type RpcOutput<M extends RpcMethodName> = RpcMethods[M]['output'];
