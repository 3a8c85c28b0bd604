/** What Node programs import from `slapos-node` (docs/slap-library.md). */
export type { ErrorCode } from './errors/catalogue.ts';
export {
  isMasterError,
  isSlaposError,
  type MasterError,
  type SlaposError,
} from './errors/slapos-error.ts';
export type { CallLimits } from './slap/bounded-call.ts';
export type {
  ComputerPartition,
  InstanceState,
  PendingInstance,
  RequestAnswer,
  RequestedInstance,
  RequestOptions,
} from './slap/computer-partition.ts';
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
export type { ServiceInformation } from './slap/services.ts';
export { Slap, type SlapOptions, type SlapTransport } from './slap/slap.ts';
export type {
  Computer,
  ListedInstance,
  OpenOrder,
  SoftwareState,
  Supply,
} from './slap/slap-objects.ts';
