/** What Node programs import from `slapos-node` (docs/slap-library.md). */
export type { ErrorCode } from './errors/catalogue.ts';
export type { SlaposError } from './errors/slapos-error.ts';
export { isSlaposError } from './errors/slapos-error.ts';
export type {
  InstanceAddress,
  InstanceInformation,
  SharedInstanceInformation,
} from './slap/instance-information.ts';
export type { JsonRpc, RpcCallOptions } from './slap/json-rpc.ts';
export type {
  RpcCertificate,
  RpcFormattedPartition,
  RpcInput,
  RpcInstance,
  RpcInstanceState,
  RpcList,
  RpcMethodName,
  RpcMethods,
  RpcOutput,
  RpcSuccess,
} from './slap/json-rpc-methods.ts';
export type { JsonObject, JsonValue } from './slap/json-value.ts';
export type { PartitionId, SlapSoftwareRelease } from './slap/master.ts';
export type { RetryPolicy } from './slap/retry.ts';
export { type CallOptions, Slap, type SlapOptions, type SlapTransport } from './slap/slap.ts';
export {
  Computer,
  ComputerPartition,
  type InstanceState,
  type ListedInstance,
  OpenOrder,
  type PendingInstance,
  type RequestAnswer,
  type RequestedInstance,
  type RequestOptions,
  type SoftwareState,
  Supply,
} from './slap/slap-objects.ts';
